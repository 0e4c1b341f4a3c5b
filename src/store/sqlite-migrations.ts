// The SQLite schema, as forward-only steps: step n brings a file of version n - 1 to version n.

/**
 * A task is one thin row that lists read, a document row, and rows of its own for what is large or only ever added.
 * `position` is the order of creation and what pages are cut by.
 */
const first = `
  CREATE TABLE task (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    live INTEGER NOT NULL,
    name TEXT NOT NULL
  ) STRICT;
  CREATE INDEX task_live ON task (position) WHERE live = 1;
  CREATE INDEX task_state ON task (state, position);
  CREATE INDEX task_name ON task (name, position);
  CREATE TABLE document (
    position INTEGER PRIMARY KEY REFERENCES task (position),
    creation_time TEXT NOT NULL,
    task TEXT NOT NULL,
    run TEXT NOT NULL
  ) STRICT;
  CREATE TABLE content (
    position INTEGER NOT NULL REFERENCES task (position),
    input INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (position, input)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tag (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    position INTEGER NOT NULL REFERENCES task (position),
    PRIMARY KEY (key, value, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tag_key ON tag (key, position);
  CREATE TABLE system_log (
    position INTEGER NOT NULL REFERENCES task (position),
    number INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (position, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tail (
    position INTEGER NOT NULL REFERENCES task (position),
    executor INTEGER NOT NULL,
    stdout TEXT NOT NULL,
    stderr TEXT NOT NULL,
    PRIMARY KEY (position, executor)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Names by block of positions (see query.ts), so that a prefix finds the newest without sorting all that have it. */
const second = `
  DROP INDEX task_name;
  CREATE INDEX task_name_block ON task (position >> 12, name);
`;

/** Keys of creates that may be sent again; times in milliseconds. No reference to the task: a key may outlive it. */
const third = `
  CREATE TABLE claim (
    key TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    time INTEGER NOT NULL,
    id TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claim_time ON claim (time);
`;

/** Names alone (the position is part of every index), so that those of a rare prefix are found without a look at each block. */
const fourth = "CREATE INDEX task_name ON task (name)";

/** The tags as one text (see tag-text.ts). Where there is none, as of tasks of before, the rows of tags are looked at. */
const fifth = "ALTER TABLE task ADD COLUMN tags TEXT";

export const migrations: readonly string[] = [first, second, third, fourth, fifth];
