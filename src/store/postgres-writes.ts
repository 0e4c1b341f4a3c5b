// The writes of the PostgreSQL store: batches, their parameters, and what became of a batch whose answer was lost.
import { setTimeout as sleep } from "node:timers/promises";
import type { Additions, TaskRecord } from "../tes/record.ts";
import { withoutContent } from "../tes/view.ts";
import { createBatches } from "./batches.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { createLock, createSql, saveSql } from "./postgres-statements.ts";
import { contentsOf, tagsOf } from "./rows.ts";
import { searchKey, searchPrefix } from "./search-key.ts";
import type { Claim } from "./store.ts";
import { tagText } from "./tag-text.ts";

interface Write {
  readonly record: TaskRecord;
  readonly additions: Additions;
}

interface Create extends Write {
  readonly tags: readonly { key: string; value: string }[];
  readonly claim?: Claim;
}

/** The id of the task, which is that of the claim if there was one. */
type Created = { readonly id: string } | "conflict";

export interface PostgresWrites {
  create(record: TaskRecord, additions: Additions, claim?: Claim): Promise<Created>;
  save(record: TaskRecord, additions: Additions): Promise<boolean>;
  /** Waits for all writes so far. */
  drain(): Promise<void>;
}

export function createPostgresWrites(pool: PostgresPool): PostgresWrites {
  const bounds = { isRefusal, weight: weightOf, itemsMax: 256, weightMax: 16 * 1024 * 1024 };
  const creates = createBatches({ ...bounds, run: (writes: readonly Create[]) => createAll(pool, writes) });
  const saves = createBatches({
    ...bounds,
    async run(writes: readonly Write[]) {
      const stored = await storedBy(pool, saveSql, [writes.map(savedRow), ...addedParameters(writes)]);
      return writes.map((_, n) => stored.has(n));
    },
  });
  return {
    async create(record, additions, claim) {
      const tags = tagsOf(record.task).map(({ key, value }) => ({
        key: searchKey(key),
        value: searchKey(value),
      }));
      return await creates.add(claim ? { record, additions, tags, claim } : { record, additions, tags });
    },
    save: (record, additions) => saves.add({ record, additions }),
    drain: async () => {
      await Promise.all([creates.drain(), saves.drain()]);
    },
  };
}

async function createAll(pool: PostgresPool, writes: readonly Create[]): Promise<(Created | Error)[]> {
  const parameters = [
    writes.map(newRow),
    each(writes, ({ record: { id }, claim }) => (claim === undefined ? [] : [claimRow(id, claim)])),
    each(writes, ({ record: { task } }) =>
      contentsOf(task).map(({ input, content }) => ({ input, content: quoted(content) })),
    ),
    each(writes, ({ tags }) => tags),
    ...addedParameters(writes),
  ];
  let stored: Set<string>;
  try {
    stored = idsOf(writes, await storedBy(pool, createSql, parameters));
  } catch (error) {
    if (isRefusal(error) || pool.isUnsent(error)) throw error;
    stored = await storedIds(
      pool,
      writes.map(({ record }) => record.id),
      error,
    );
    return writes.map(({ record: { id } }) => (stored.has(id) ? { id } : notStored(id, error)));
  }
  const others = await claimsOf(
    pool,
    writes.filter(({ record }) => !stored.has(record.id)),
  );
  return writes.map(({ record: { id }, claim }) => {
    if (stored.has(id)) return { id };
    const first = others.get(claim?.key ?? "");
    if (first === undefined) return notStored(id, new Error("its claim went while it was read"));
    return first.digest === claim?.digest ? { id: first.id } : "conflict";
  });
}

const idsOf = (writes: readonly Create[], numbers: ReadonlySet<number>): Set<string> =>
  new Set(writes.flatMap(({ record }, n) => (numbers.has(n) ? [record.id] : [])));

/** What the keys of these creates stand for. */
async function claimsOf(
  pool: PostgresPool,
  writes: readonly Create[],
): Promise<Map<string, { id: string; digest: string }>> {
  if (writes.length === 0) return new Map();
  const rows = await pool.run<{ key: string; id: string; digest: string }>({
    sql: "SELECT key, id, digest FROM claim WHERE key IN (SELECT json_array_elements_text(?::text::json))",
    values: [JSON.stringify(writes.map(({ claim }) => claim?.key))],
  });
  return new Map(rows.map(({ key, ...claim }) => [key, claim]));
}

const notStored = (id: string, cause: unknown): Error =>
  new Error(`Cannot store task "${id}": ${cause instanceof Error ? cause.message : cause}`, { cause });

/** So long a lost answer is asked for again: a server that crashed is usually back by then. */
const answerSecondsMax = 15;

/**
 * Which of the tasks are there, after the answer to their create was lost. Ids are made of chance, so one that is there is
 * that of the create. Whoever gets the lock knows that the create is over, either way.
 */
async function storedIds(pool: PostgresPool, ids: readonly string[], lost: unknown): Promise<Set<string>> {
  const deadline = Date.now() + answerSecondsMax * 1000;
  for (;;) {
    try {
      await pool.run({ sql: `SELECT pg_advisory_xact_lock(${createLock})`, values: [] });
      const rows = await pool.run<{ id: string }>({
        sql: "SELECT id FROM task WHERE id IN (SELECT json_array_elements_text(?::text::json))",
        values: [JSON.stringify(ids)],
      });
      return new Set(rows.map(({ id }) => id));
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error("The connection was lost, and it is not known whether the tasks were stored", {
          cause: lost ?? error,
        });
      }
      await sleep(200);
    }
  }
}

/** The indexes in the batch of those writes that were stored. */
async function storedBy(
  pool: PostgresPool,
  sql: string,
  parameters: readonly object[],
): Promise<Set<number>> {
  const rows = await pool.run<{ n: number }>({ sql, values: parameters.map((rows) => JSON.stringify(rows)) });
  return new Set(rows.map(({ n }) => n));
}

const newRow = (
  { record: { id, state, version, live, task, creationTime, run }, tags }: Create,
  n: number,
): object => ({
  n,
  id,
  state,
  version,
  live: Number(live),
  name: searchPrefix(task.name ?? ""),
  tags: tagText(tags),
  creation_time: creationTime,
  task: JSON.stringify(withoutContent(task)),
  run: JSON.stringify(run),
});

const claimRow = (id: string, { key, digest, time, forgetBefore }: Claim): object => ({
  key,
  digest,
  time: time.getTime(),
  forget: forgetBefore.getTime(),
  id,
});

const savedRow = ({ record: { id, state, version, live, run } }: Write, n: number): object => ({
  n,
  id,
  version,
  state,
  live: Number(live),
  run: JSON.stringify(run),
});

const addedParameters = (writes: readonly Write[]): readonly object[] => [
  each(writes, ({ additions }) => additions.systemLogs.map((line, k) => ({ k, line: quoted(line) }))),
  each(writes, ({ additions }) =>
    additions.tails.map(({ executor, stdout, stderr }) => ({
      executor,
      stdout: quoted(stdout),
      stderr: quoted(stderr),
    })),
  ),
];

/** The rows of every write, each with the index of its write. */
const each = <W extends Write>(
  writes: readonly W[],
  rows: (write: W) => readonly object[],
): readonly object[] => writes.flatMap((write, n) => rows(write).map((row) => ({ n, ...row })));

/** Text that may hold anything, as JSON. */
const quoted = (text: string): string => JSON.stringify(text);

/** Roughly its bytes: what is not in it is small. */
const weightOf = ({ record: { task }, additions: { tails } }: Write): number =>
  1000 +
  contentsOf(task).reduce((sum, { content }) => sum + content.length, 0) +
  tails.reduce((sum, { stdout, stderr }) => sum + stdout.length + stderr.length, 0);

/** The server answered with an error of its own, so the whole statement was taken back; anything else may mean a lost answer. */
function isRefusal(error: unknown): boolean {
  const { name, severity_local } = error as { name?: string; severity_local?: string };
  return name === "PostgresError" && severity_local === "ERROR";
}
