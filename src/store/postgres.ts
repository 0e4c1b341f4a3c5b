// The PostgreSQL store (15 or newer): for many replicas of the service over one database.

import type { State } from "../tes/state.ts";
import { type Dialect, listPage } from "./list.ts";
import { notStored, writeError } from "./postgres-errors.ts";
import { migrations } from "./postgres-migrations.ts";
import { createPostgresPool, type PostgresOptions, type PostgresPool } from "./postgres-pool.ts";
import { giveUpSql } from "./postgres-statements.ts";
import { createPostgresWrites, type PostgresWrites } from "./postgres-writes.ts";
import { columnsOf } from "./query.ts";
import {
  type ContentRow,
  type LineRow,
  mapPage,
  type OutputRow,
  outputsById,
  outputsIn,
  type RecordRow,
  toLine,
  toListedRecord,
  toRecord,
  unknownRun,
  withContents,
} from "./rows.ts";
import { searchKey, searchPrefix } from "./search-key.ts";
import type { PageRequest, TaskStore } from "./store.ts";
import { StoreError } from "./store-error.ts";

/** A server that crashed is usually back by then. */
const lostSecondsMax = 15;

/** Taken while migrating, so that replicas that start at once do it one after the other. */
const migrationLock = 8_372_000;

/**
 * Connects, and where needed makes or migrates the schema. Rejects if the schema is newer than this program. Its connections
 * come back by themselves after the server was away; calls in between reject.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<TaskStore> {
  const pool = await openPool(options);
  const writes = createPostgresWrites(pool, options.lostSecondsMax ?? lostSecondsMax);
  const readable: Pick<PostgresPool, "run"> = { run: (query) => pool.run<never>(query).catch(failedRead) };
  const dialect: Dialect = { flavor: "postgres", run: readable.run };
  let isClosed = false;
  const open = <T>(work: () => Promise<T>): Promise<T> =>
    isClosed ? Promise.reject(new Error("The store is closed")) : work();
  return {
    create: async (record, additions) => {
      await open(() => writes.create(record, additions));
    },
    createOnce: (record, additions, claim) => open(() => writes.create(record, additions, claim)),
    save: (record, additions) => open(() => writes.save(record, additions)),
    setting: (key, value) =>
      open(() => setting(pool, key, value())).catch((error: unknown) => {
        throw writeError(`Cannot store setting "${key}"`, error);
      }),
    check: () => open(() => check(pool, writes)),
    giveUp: (id, line) => open(() => giveUp(pool, id, line)),
    ...reads(readable),
    listLines: async (request) =>
      mapPage(await listPage<LineRow>(dialect, "line", searched(request)), toLine),
    list: async (request) =>
      mapPage(await listPage<RecordRow>(dialect, "record", searched(request)), toListedRecord),
    close: async () => {
      isClosed = true;
      await writes.drain();
      await pool.close();
    },
  };
}

const failedRead = (error: unknown): never => {
  throw notStored("Cannot read the database", error);
};

/** With filters as the indexes hold what they look for. */
const searched = ({ filter, ...rest }: PageRequest): PageRequest => ({
  ...rest,
  filter: {
    ...filter,
    ...(filter.namePrefix === undefined ? {} : { namePrefix: searchPrefix(filter.namePrefix) }),
    tags: filter.tags.map(({ key, value }) =>
      value === undefined ? { key: searchKey(key) } : { key: searchKey(key), value: searchKey(value) },
    ),
  },
});

async function openPool(options: PostgresOptions): Promise<PostgresPool> {
  // The error of a URL that cannot be read would show it, and its password.
  if (!URL.canParse(options.url)) throw new Error("Cannot open the database: its URL cannot be read");
  const { host, pathname } = new URL(options.url);
  let pool: PostgresPool | undefined;
  try {
    pool = createPostgresPool(options);
    await migrate(pool);
    return pool;
  } catch (cause) {
    await pool?.close();
    const { message, code } = cause as { message?: string; code?: string };
    throw new Error(`Cannot open the database "${host}${pathname}": ${message || code}`, { cause });
  }
}

async function migrate(pool: PostgresPool): Promise<void> {
  await pool.migrate(async (run) => {
    await run(`SELECT pg_advisory_xact_lock(${migrationLock})`);
    await run("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)");
    const [row] = (await run("SELECT max(version) AS version FROM schema_version")) as {
      version: number | null;
    }[];
    const version = row?.version ?? 0;
    if (version > migrations.length) {
      throw new Error(`its schema is version ${version}, this program knows ${migrations.length}`);
    }
    if (version === migrations.length) return;
    for (const step of migrations.slice(version)) await run(step);
    await run(`DELETE FROM schema_version; INSERT INTO schema_version VALUES (${migrations.length})`);
  });
}

/** A standby, or a server that was made read-only, says so. Whether there is room is seen by writing something that nobody reads. */
async function check({ run }: PostgresPool, writes: PostgresWrites): Promise<void> {
  try {
    const [row] = await run<{ state: string }>({
      sql: "SELECT current_setting('transaction_read_only') AS state",
      values: [],
    });
    if (row?.state === "on") throw new StoreError("read-only", "PostgreSQL is read-only");
    if (writes.haveFailed()) {
      const sql =
        "INSERT INTO setting (key, value) VALUES ('probe', repeat(md5(random()::text), 512)) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
      await run({ sql, values: [] });
      writes.haveWorked();
    }
  } catch (error) {
    throw notStored("Cannot write the database", error);
  }
}

async function giveUp({ run }: PostgresPool, id: string, line: string): Promise<void> {
  try {
    await run({ sql: giveUpSql, values: [id, unknownRun, JSON.stringify(line)] });
  } catch (error) {
    throw writeError(`Cannot end task "${id}"`, error);
  }
}

async function setting({ run }: PostgresPool, key: string, value: string): Promise<string> {
  await run({
    sql: "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
    values: [key, value],
  });
  const [row] = await run<{ value: string }>({
    sql: "SELECT value FROM setting WHERE key = ?",
    values: [key],
  });
  if (row === undefined) throw new Error(`Setting "${key}" went as soon as it was stored`);
  return row.value;
}

interface FullRow extends RecordRow {
  readonly contents: readonly (readonly [number, string])[] | null;
  readonly system_logs: readonly string[] | null;
  readonly tails: readonly (readonly [number, string, string])[] | null;
  readonly outputs: readonly string[] | null;
}

const recordSql = `SELECT ${columnsOf.record} FROM task JOIN document ON document.position = task.position WHERE task.id = ?`;
const fullSql = `
SELECT found.*,
  (SELECT json_agg(json_build_array(input, content::json)) FROM content WHERE position = found.position) AS contents,
  (SELECT json_agg(line::json ORDER BY number) FROM system_log WHERE position = found.position) AS system_logs,
  (SELECT json_agg(json_build_array(executor, stdout::json, stderr::json) ORDER BY executor) FROM tail
    WHERE position = found.position) AS tails,
  (SELECT json_agg(files ORDER BY number) FROM output WHERE position = found.position) AS outputs
FROM (${recordSql}) AS found`;

const outputsSql = `SELECT task.id, output.files FROM task JOIN output ON output.position = task.position
  WHERE task.id IN (SELECT json_array_elements_text(?::text::json)) ORDER BY output.position, output.number`;

const liveSql = `SELECT id FROM task
  WHERE live = 1 AND position > coalesce((SELECT position FROM task WHERE id = ?), 0) ORDER BY position LIMIT ?::bigint`;

function reads({
  run,
}: Pick<PostgresPool, "run">): Pick<
  TaskStore,
  "get" | "getFull" | "getLine" | "outputsOf" | "liveIds" | "liveStates"
> {
  return {
    async get(id) {
      const [row] = await run<RecordRow>({ sql: recordSql, values: [id] });
      return row && toRecord(row);
    },
    async getFull(id) {
      const [row] = await run<FullRow>({ sql: fullSql, values: [id] });
      if (row === undefined) return undefined;
      const contents = (row.contents ?? []).map(([input, content]): ContentRow => ({ input, content }));
      const tails = (row.tails ?? []).map(([executor, stdout, stderr]) => ({ executor, stdout, stderr }));
      return {
        record: withContents(toRecord(row), contents),
        additions: {
          systemLogs: row.system_logs ?? [],
          tails,
          ...outputsIn((row.outputs ?? []).map((files) => ({ files }))),
        },
      };
    },
    async outputsOf(ids) {
      return outputsById(await run<OutputRow>({ sql: outputsSql, values: [JSON.stringify(ids)] }));
    },
    async getLine(id) {
      const [row] = await run<LineRow>({
        sql: `SELECT ${columnsOf.line} FROM task WHERE id = ?`,
        values: [id],
      });
      return row && toLine(row);
    },
    async liveStates() {
      const rows = await run<{ state: State; count: number }>({
        sql: "SELECT state, count(*)::integer AS count FROM task WHERE live = 1 GROUP BY state ORDER BY state",
        values: [],
      });
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
    async liveIds({ after = "", limit } = { limit: Number.MAX_SAFE_INTEGER }) {
      const rows = await run<{ id: string }>({ sql: liveSql, values: [after, limit] });
      return rows.map(({ id }) => id);
    },
  };
}
