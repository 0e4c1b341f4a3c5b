// The SQLite schema, as forward-only steps: step n brings a file of version n - 1 to version n.
import { limits } from "../tes/limits.ts";
import { longBytesMin, oldBytesMax } from "./old-outputs.ts";

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

/** Long lists of files that stand in the record move to rows: each report would write them again, and each look read them. */
const hasLongList = `octet_length(run) > ${longBytesMin} AND octet_length(run) <= ${oldBytesMax} AND json_valid(run)`;

/**
 * Uploaded files, some in each row: objects of an answer, joined by commas. Of an old list as many as a task may have now; how
 * many are left out is known.
 */
const sixth = `
  CREATE TABLE output (
    position INTEGER NOT NULL REFERENCES task (position),
    number INTEGER NOT NULL,
    files TEXT NOT NULL,
    PRIMARY KEY (position, number)
  ) STRICT;
  CREATE TEMP TABLE moved AS
    SELECT position, count(*) AS files, group_concat(file, ',' ORDER BY key) AS text, max(total) AS bytes FROM (
      SELECT position, key, file, sum(octet_length(file) + 1) OVER (PARTITION BY position ORDER BY key) AS total FROM (
        SELECT document.position, each.key, '{"url":' || (each.value -> 'url') || ',"path":' || (each.value -> 'path')
          || ',"size_bytes":"' || (each.value -> 'sizeBytes') || '"}' AS file
        FROM document, json_each(CASE WHEN ${hasLongList} THEN run ELSE '{}' END, '$.outputs') AS each))
    WHERE total <= ${limits.fileBytesHeldMax} AND key < ${limits.filesHeldMax} GROUP BY position;
  INSERT INTO output (position, number, files) SELECT position, 1, text FROM moved;
  UPDATE document SET run = json_set(run, '$.outputs', json('[]'), '$.held', json_object('files', moved.files,
      'fileBytes', moved.bytes, 'filesLeft', json_array_length(run, '$.outputs') - moved.files,
      'lines', 0, 'lineBytes', 0, 'linesLeft', 0, 'tailBytes', 0))
    FROM moved WHERE moved.position = document.position;
  DROP TABLE moved;
`;

export const migrations: readonly string[] = [first, second, third, fourth, fifth, sixth];
