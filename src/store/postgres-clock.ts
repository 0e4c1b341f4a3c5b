// The server's clock, so that a statement can carry the time after which it must store nothing any more.
import type { PostgresPool } from "./postgres-pool.ts";

export interface ServerClock {
  /** The server's time, as milliseconds, that it will have reached at the latest when so many seconds of ours have passed. */
  timeIn(seconds: number): Promise<number>;
  /** Asks the server anew at the next call: one of the clocks was set. */
  forget(): void;
}

/** Clocks drift apart by less than a millisecond meanwhile. */
const measuredMillisecondsMax = 60_000;

interface Measured {
  readonly server: number;
  /** On our own clock, which is never set, when the answer was there. */
  readonly at: number;
}

export function createServerClock(pool: Pick<PostgresPool, "run">): ServerClock {
  let measured: Measured | undefined;

  async function measure(): Promise<Measured> {
    if (measured !== undefined && performance.now() - measured.at < measuredMillisecondsMax) return measured;
    const [row] = await pool.run<{ now: number }>({
      sql: "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now",
      values: [],
    });
    if (row === undefined) throw new Error("PostgreSQL did not tell its time");
    measured = { server: row.now, at: performance.now() };
    return measured;
  }

  return {
    async timeIn(seconds) {
      const { server, at } = await measure();
      return server + (performance.now() - at) + seconds * 1000;
    },
    forget() {
      measured = undefined;
    },
  };
}
