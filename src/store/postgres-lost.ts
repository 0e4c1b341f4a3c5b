// What became of a batch of creates whose answer was lost.
import { setTimeout as sleep } from "node:timers/promises";
import { outcomeUnknown } from "./postgres-errors.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { createLock } from "./postgres-statements.ts";

export interface LostCreates {
  readonly ids: readonly string[];
  /** Why the answer did not come. */
  readonly cause: unknown;
  /** The process of the server that was given the statement. */
  readonly backend: number | undefined;
  /** On our own clock: from then on the statement stores nothing unless it has the lock already. */
  readonly deadline: number;
}

const pauseMilliseconds = 200;

/**
 * Which of the tasks are there. Ids are random, so one that is there is that of the create. The statement holds the lock from
 * before it looks at its deadline until it is committed or taken back. So whoever gets the lock after the deadline, or when the
 * process is gone, knows the truth. Rejects with "outcome-unknown" if that does not succeed within the seconds.
 */
export async function storedIds(
  pool: PostgresPool,
  lost: LostCreates,
  secondsMax: number,
): Promise<Set<string>> {
  const end = performance.now() + secondsMax * 1000;
  let failure: unknown = new Error("a process of PostgreSQL may still store it");
  for (;;) {
    try {
      const isOver = performance.now() > lost.deadline || (await isGone(pool, lost.backend));
      const stored = await lookUnderLock(pool, lost.ids);
      if (isOver || stored.size > 0) return stored;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > end) throw outcomeUnknown("Cannot store tasks", lost.cause ?? failure);
    await sleep(pauseMilliseconds);
  }
}

async function lookUnderLock(pool: PostgresPool, ids: readonly string[]): Promise<Set<string>> {
  await pool.run({ sql: `SELECT pg_advisory_xact_lock(${createLock})`, values: [] });
  const rows = await pool.run<{ id: string }>({
    sql: "SELECT id FROM task WHERE id IN (SELECT json_array_elements_text(?::text::json))",
    values: [JSON.stringify(ids)],
  });
  return new Set(rows.map(({ id }) => id));
}

/** Never true behind a proxy that gives its clients other numbers than the server's: its clients must wait for the deadline. */
async function isGone(pool: PostgresPool, backend: number | undefined): Promise<boolean> {
  if (backend === undefined) return false;
  const own = pool.start<{ pid: number; there: boolean }>({
    sql: "SELECT pg_backend_pid() AS pid, EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = ?::integer) AS there",
    values: [String(backend)],
  });
  const [row] = await own.rows;
  return row !== undefined && row.pid === own.backend() && !row.there;
}
