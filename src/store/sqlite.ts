// The embedded store: one SQLite file in WAL mode, every commit fsynced, for one replica of the service.

import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Additions, Tail, TaskRecord } from "../tes/record.ts";
import type { State } from "../tes/state.ts";
import { withoutContent } from "../tes/view.ts";
import { createCommits } from "./commits.ts";
import { type Dialect, listPage } from "./list.ts";
import { columnsOf, plannedOnce, type Query } from "./query.ts";
import {
  type ContentRow,
  contentsOf,
  type LineRow,
  mapPage,
  type OutputRow,
  outputsById,
  outputsIn,
  type RecordRow,
  tagsOf,
  terminalSql,
  toLine,
  toListedRecord,
  toRecord,
  unknownRun,
  withContents,
} from "./rows.ts";
import { migrations } from "./sqlite-migrations.ts";
import type { Claim, LivePage, TaskStore } from "./store.ts";
import { tagText } from "./tag-text.ts";

/** Opens (and where needed makes or migrates) the file at `path`; ":memory:" is for tests. Throws if it is newer than this program. */
export function openSqliteStore(path: string): TaskStore {
  const database = new DatabaseSync(path);
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000",
  );
  migrate(database, path);
  const commits = createCommits(database);
  const read = reader(database);
  const write = writer(database);
  const insertOnce = claimer(database, write.insert);
  const dialect = createDialect(database);
  return {
    create: (record, additions) => commits.add(() => write.insert(record, additions)),
    createOnce: (record, additions, claim) => commits.add(() => insertOnce(record, additions, claim)),
    save: (record, additions) => commits.add(() => write.update(record, additions)),
    setting: (key, value) => commits.add(() => write.setting(key, value)),
    // Reads are synchronous in SQLite; the promises let a store with a network behind it take this one's place.
    get: async (id) => read.record(id),
    getFull: async (id) => read.full(id),
    getLine: (id) => Promise.resolve(read.line(id)),
    outputsOf: (ids) => Promise.resolve(outputsById(ids.flatMap(read.outputs))),
    giveUp: (id, line) => commits.add(() => write.giveUp(id, line)),
    listLines: async (request) => mapPage(await listPage<LineRow>(dialect, "line", request), toLine),
    list: async (request) => mapPage(await listPage<RecordRow>(dialect, "record", request), toListedRecord),
    liveIds: (page) => Promise.resolve(read.liveIds(page)),
    liveStates: () => Promise.resolve(read.liveStates()),
    check: async () => {
      if (commits.hasFailed() || freeBytes(path) < freeBytesMin) await commits.add(write.probe);
    },
    close: async () => {
      await commits.drain();
      database.close();
    },
  };
}

/** With less it is tried whether a task fits: there may be room in the files that are there. */
const freeBytesMin = 16 * 1024 * 1024;

function freeBytes(path: string): number {
  if (path === ":memory:") return Number.POSITIVE_INFINITY;
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}

/** About the size of a task that is not small. */
const probeText = " ".repeat(16 * 1024);

function migrate(database: DatabaseSync, path: string): void {
  const row = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (row.user_version > migrations.length) {
    throw new Error(
      `Cannot open "${path}": its schema is version ${row.user_version}, this program knows ${migrations.length}`,
    );
  }
  migrations.slice(row.user_version).forEach((step, index) => {
    database.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${row.user_version + index + 1}; COMMIT`);
  });
}

/** A limit of -1 is none. */
const liveSql = `SELECT id FROM task INDEXED BY task_live
  WHERE live = 1 AND position > coalesce((SELECT position FROM task WHERE id = ?), 0) ORDER BY position LIMIT ?`;

function reader(database: DatabaseSync) {
  const recordById = database.prepare(
    plannedOnce(
      `SELECT ${columnsOf.record} FROM task CROSS JOIN document WHERE task.id = ? AND document.position = task.position`,
    ),
  );
  const lineById = database.prepare(`SELECT ${columnsOf.line} FROM task WHERE id = ?`);
  const contents = database.prepare("SELECT input, content FROM content WHERE position = ?");
  const systemLogs = database.prepare("SELECT line FROM system_log WHERE position = ? ORDER BY number");
  const tails = database.prepare(
    "SELECT executor, stdout, stderr FROM tail WHERE position = ? ORDER BY executor",
  );
  const outputs = database.prepare(
    "SELECT task.id, output.files FROM task CROSS JOIN output WHERE task.id = ? AND output.position = task.position ORDER BY output.number",
  );
  const outputsAt = (id: string) => outputs.all(id) as unknown as OutputRow[];
  const live = database.prepare(liveSql);

  const liveStates = database.prepare(
    "SELECT state, count(*) AS count FROM task INDEXED BY task_live WHERE live = 1 GROUP BY state ORDER BY state",
  );

  const row = (id: string) => recordById.get(id) as RecordRow | undefined;
  return {
    line(id: string) {
      const found = lineById.get(id) as LineRow | undefined;
      return found && toLine(found);
    },
    record(id: string) {
      const found = row(id);
      return found && toRecord(found);
    },
    full(id: string) {
      const found = row(id);
      if (found === undefined) return undefined;
      return {
        record: withContents(toRecord(found), contents.all(found.position) as unknown as ContentRow[]),
        additions: {
          systemLogs: (systemLogs.all(found.position) as { line: string }[]).map(({ line }) => line),
          tails: tails.all(found.position) as unknown as Tail[],
          ...outputsIn(outputsAt(id)),
        },
      };
    },
    outputs: outputsAt,
    liveIds: ({ after = "", limit }: LivePage = { limit: -1 }) =>
      (live.all(after, limit) as { id: string }[]).map(({ id }) => id),
    liveStates: () =>
      Object.fromEntries(
        (liveStates.all() as { state: State; count: number }[]).map(({ state, count }) => [state, count]),
      ),
  };
}

/** Lists use few statements, told apart by which filters there are; more than this many would be a client that tries. */
const statementsMax = 64;

function createDialect(database: DatabaseSync): Dialect {
  const statements = new Map<string, StatementSync>();
  function prepare(sql: string): StatementSync {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    if (statements.size === statementsMax) statements.clear();
    const made = database.prepare(plannedOnce(sql));
    statements.set(sql, made);
    return made;
  }
  return {
    flavor: "sqlite",
    run: <Row>({ sql, values }: Query) => Promise.resolve(prepare(sql).all(...values) as unknown as Row[]),
  };
}

function writer(database: DatabaseSync) {
  const insertTask = database.prepare(
    "INSERT INTO task (id, state, version, live, name, tags) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const insertDocument = database.prepare(
    "INSERT INTO document (position, creation_time, task, run) VALUES (?, ?, ?, ?)",
  );
  const insertContent = database.prepare("INSERT INTO content (position, input, content) VALUES (?, ?, ?)");
  const insertTag = database.prepare("INSERT INTO tag (key, value, position) VALUES (?, ?, ?)");
  const updateTask = database.prepare(
    "UPDATE task SET state = ?, version = version + 1, live = ? WHERE id = ? AND version = ? RETURNING position",
  );
  const updateDocument = database.prepare("UPDATE document SET run = ? WHERE position = ?");
  const insertSystemLog = database.prepare(
    "INSERT INTO system_log (position, number, line) SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM system_log WHERE position = ?1",
  );
  const insertTail = database.prepare(
    "INSERT OR REPLACE INTO tail (position, executor, stdout, stderr) VALUES (?, ?, ?, ?)",
  );
  const insertSetting = database.prepare(
    "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  const replaceProbe = database.prepare("INSERT OR REPLACE INTO setting (key, value) VALUES ('probe', ?)");
  const selectSetting = database.prepare("SELECT value FROM setting WHERE key = ?");

  const insertOutput = database.prepare(
    "INSERT INTO output (position, number, files) SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM output WHERE position = ?1",
  );
  const endTask = database.prepare(
    `UPDATE task SET state = CASE WHEN state IN (${terminalSql}) THEN state ELSE 'SYSTEM_ERROR' END, version = version + 1, live = 0
      WHERE id = ? RETURNING position`,
  );

  function add(position: number, { systemLogs, tails, outputs = [] }: Additions): void {
    for (const files of outputs) insertOutput.run(position, files);
    for (const line of systemLogs) insertSystemLog.run(position, line);
    for (const { executor, stdout, stderr } of tails) insertTail.run(position, executor, stdout, stderr);
  }
  return {
    insert({ id, state, version, live, task, creationTime, run }: TaskRecord, additions: Additions): void {
      const tags = tagsOf(task);
      const { lastInsertRowid } = insertTask.run(
        ...[id, state, version, Number(live), task.name ?? "", tagText(tags)],
      );
      const position = Number(lastInsertRowid);
      insertDocument.run(position, creationTime, JSON.stringify(withoutContent(task)), JSON.stringify(run));
      for (const { input, content } of contentsOf(task)) insertContent.run(position, input, content);
      for (const { key, value } of tags) insertTag.run(key, value, position);
      add(position, additions);
    },
    update({ id, version, state, live, run }: TaskRecord, additions: Additions): boolean {
      const row = updateTask.get(state, Number(live), id, version) as { position: number } | undefined;
      if (row === undefined) return false;
      updateDocument.run(JSON.stringify(run), row.position);
      add(row.position, additions);
      return true;
    },
    giveUp(id: string, line: string): void {
      const row = endTask.get(id) as { position: number } | undefined;
      if (row === undefined) return;
      updateDocument.run(unknownRun, row.position);
      add(row.position, { systemLogs: [line], tails: [] });
    },
    /** Writes something that nobody reads. */
    probe(): void {
      replaceProbe.run(probeText);
    },
    setting(key: string, value: () => string): string {
      insertSetting.run(key, value());
      return (selectSetting.get(key) as { value: string }).value;
    },
  };
}

/** Old claims that one create removes: more than it adds, so that they go; few, so that no create waits for them. */
const forgottenMax = 16;

function claimer(database: DatabaseSync, insert: (record: TaskRecord, additions: Additions) => void) {
  const forget = database.prepare(
    `DELETE FROM claim WHERE key IN (SELECT key FROM claim WHERE time < ? ORDER BY time LIMIT ${forgottenMax})`,
  );
  const select = database.prepare("SELECT id, digest FROM claim WHERE key = ? AND time >= ?");
  const insertClaim = database.prepare(
    "INSERT OR REPLACE INTO claim (key, digest, time, id) VALUES (?, ?, ?, ?)",
  );
  return (record: TaskRecord, additions: Additions, claim: Claim): { id: string } | "conflict" => {
    const { key, digest, time, forgetBefore } = claim;
    const first = select.get(key, forgetBefore.getTime()) as { id: string; digest: string } | undefined;
    if (first !== undefined) return first.digest === digest ? { id: first.id } : "conflict";
    forget.run(forgetBefore.getTime());
    insert(record, additions);
    insertClaim.run(key, digest, time.getTime(), record.id);
    return { id: record.id };
  };
}
