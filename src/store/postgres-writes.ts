// The writes of the PostgreSQL store: batches, their parameters, and what became of a batch whose answer was lost.
import type { Additions, TaskRecord } from "../tes/record.ts";
import { withoutContent } from "../tes/view.ts";
import { createBatches } from "./batches.ts";
import { createServerClock, type ServerClock } from "./postgres-clock.ts";
import { isRefusal, isUnsent, notStored, writeError } from "./postgres-errors.ts";
import { storedIds } from "./postgres-lost.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { createSql, saveSql } from "./postgres-statements.ts";
import { contentsOf, tagsOf } from "./rows.ts";
import { searchKey, searchPrefix } from "./search-key.ts";
import type { Claim } from "./store.ts";
import { StoreError } from "./store-error.ts";
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
  /** Whether the last create failed for a reason of the server's, and nothing was written since. */
  haveFailed(): boolean;
  /** Something was written by other means. */
  haveWorked(): void;
  /** Waits for all writes so far. */
  drain(): Promise<void>;
}

/** `lostSecondsMax`: so long a lost answer to a create is asked for again. */
export function createPostgresWrites(pool: PostgresPool, lostSecondsMax: number): PostgresWrites {
  const bounds = { isRefusal, weight: weightOf, itemsMax: 256, weightMax: 16 * 1024 * 1024 };
  const context: CreateContext = { pool, clock: createServerClock(pool), lostSecondsMax };
  let failed = false;
  const creates = createBatches({
    ...bounds,
    run: (writes: readonly Create[]) => createAll(writes, context),
  });
  const saves = createBatches({
    ...bounds,
    async run(writes: readonly Write[]) {
      const stored = await storedBy(pool, saveSql, [
        writes.map(savedRow),
        ...addedParameters(writes),
        each(writes, ({ additions: { outputs = [] } }) => outputs.map((files, k) => ({ k, files }))),
      ]);
      return writes.map((_, n) => stored.has(n));
    },
  });
  return {
    async create(record, additions, claim) {
      const tags = tagsOf(record.task).map(({ key, value }) => ({
        key: searchKey(key),
        value: searchKey(value),
      }));
      const write = claim ? { record, additions, tags, claim } : { record, additions, tags };
      try {
        const created = await creates.add(write);
        failed = false;
        return created;
      } catch (cause) {
        const error = notStored(`Cannot store task "${record.id}"`, cause);
        failed = error instanceof StoreError;
        throw error;
      }
    },
    haveFailed: () => failed,
    haveWorked() {
      failed = false;
    },
    async save(record, additions) {
      try {
        return await saves.add({ record, additions });
      } catch (error) {
        throw writeError(`Cannot save task "${record.id}"`, error);
      }
    },
    drain: async () => {
      await Promise.all([creates.drain(), saves.drain()]);
    },
  };
}

interface CreateContext {
  readonly pool: PostgresPool;
  readonly clock: ServerClock;
  readonly lostSecondsMax: number;
}

/** Each of the batch gets its own truth: the id that is stored, or an error that says what is known. */
async function createAll(
  writes: readonly Create[],
  context: CreateContext,
  isRepeated = false,
): Promise<(Created | Error)[]> {
  const { pool, clock } = context;
  const start = performance.now();
  const stored = await storeAll(writes, context);
  const unstored = writes.filter(({ record }) => !stored.has(record.id));
  // A failure here takes nothing back of those that are stored.
  const others = await claimsOf(pool, unstored).catch((cause: unknown) =>
    notStored("Cannot store tasks", cause),
  );
  if (others instanceof Error) {
    return writes.map(({ record: { id } }) => (stored.has(id) ? { id } : others));
  }
  const isLate = unstored.length > 0 && others.size === 0;
  if (isLate && !isRepeated && performance.now() - start < (pool.statementSecondsMax * 1000) / 2) {
    // Not late by our clock: the server's was set since it was asked for.
    clock.forget();
    return await createAll(writes, context, true);
  }
  return writes.map(({ record: { id }, claim }) => {
    if (stored.has(id)) return { id };
    const first = others.get(claim?.key ?? "");
    if (first === undefined) return tooLate(id);
    return first.digest === claim?.digest ? { id: first.id } : "conflict";
  });
}

const tooLate = (id: string): Error =>
  new StoreError("unavailable", `Cannot store task "${id}": PostgreSQL came to it too late`);

/** The ids of those that are stored; of the others it is certain that they will never be. */
async function storeAll(
  writes: readonly Create[],
  { pool, clock, lostSecondsMax }: CreateContext,
): Promise<Set<string>> {
  const { statementSecondsMax } = pool;
  const time = await clock.timeIn(statementSecondsMax);
  const deadline = performance.now() + statementSecondsMax * 1000;
  const parameters = [
    writes.map(newRow),
    each(writes, ({ record: { id }, claim }) => (claim === undefined ? [] : [claimRow(id, claim)])),
    each(writes, ({ record: { task } }) =>
      contentsOf(task).map(({ input, content }) => ({ input, content: quoted(content) })),
    ),
    each(writes, ({ tags }) => tags),
    ...addedParameters(writes),
  ];
  const values = [String(time), ...parameters.map((rows) => JSON.stringify(rows))];
  const { rows, backend } = pool.start<{ n: number }>({ sql: createSql, values });
  try {
    return idsOf(writes, new Set((await rows).map(({ n }) => n)));
  } catch (cause) {
    if (isRefusal(cause) || isUnsent(cause)) throw cause;
    const ids = writes.map(({ record }) => record.id);
    return await storedIds(pool, { ids, cause, backend: backend(), deadline }, lostSecondsMax);
  }
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
const weightOf = ({ record: { task }, additions: { tails, outputs = [] } }: Write): number =>
  1000 +
  outputs.reduce((sum, { length }) => sum + length, 0) +
  contentsOf(task).reduce((sum, { content }) => sum + content.length, 0) +
  tails.reduce((sum, { stdout, stderr }) => sum + stdout.length + stderr.length, 0);
