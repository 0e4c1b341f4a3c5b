// Group commit: many writes, one transaction, one fsync.
import type { DatabaseSync } from "node:sqlite";

/** At most this many writes in one transaction, so that no request waits long for others. */
const batchMax = 512;

interface Write {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface Commits {
  /** Runs `write` inside the next transaction and resolves with its result once that is on disk. */
  add<T>(write: () => T): Promise<T>;
  /** Resolves when all writes so far are done. */
  drain(): Promise<void>;
}

/**
 * Collects the writes of one turn of the event loop. A write that throws takes back only its own statements; a commit that
 * fails rejects every write in it. A write may run twice, the first time for nothing: its only effects are on the database.
 */
export function createCommits(database: DatabaseSync): Commits {
  const waiting: Write[] = [];
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    const batch = waiting.splice(0, batchMax);
    if (waiting.length > 0) schedule();
    for (const settle of commitAll(batch)) settle();
  }

  /** Runs the writes in one transaction; answers how each of them ended, once that is final. */
  function commitAll(batch: readonly Write[]): (() => void)[] {
    let threw = false;
    const run = (write: Write): (() => void) => {
      threw = true;
      const settle = attempt(write);
      threw = false;
      return settle;
    };
    try {
      try {
        return commit(batch, run);
      } catch (error) {
        if (!threw) throw error;
        // Only now is each worth a savepoint, which costs as much as a small write.
        return commit(batch, attemptApart);
      }
    } catch (error) {
      return batch.map((write) => () => write.reject(error));
    }
  }

  function commit<T>(batch: readonly Write[], attempt: (write: Write) => T): T[] {
    try {
      database.exec("BEGIN IMMEDIATE");
      const settled = batch.map(attempt);
      database.exec("COMMIT");
      return settled;
    } catch (error) {
      if (database.isOpen && database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  function attempt(write: Write): () => void {
    const value = write.run();
    return () => write.resolve(value);
  }

  function attemptApart(write: Write): () => void {
    database.exec("SAVEPOINT write");
    try {
      const settle = attempt(write);
      database.exec("RELEASE write");
      return settle;
    } catch (error) {
      database.exec("ROLLBACK TO write; RELEASE write");
      return () => write.reject(error);
    }
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  }

  const add = <T>(run: () => T): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      waiting.push({ run, resolve: (value) => resolve(value as T), reject });
      schedule();
    });

  return { add, drain: () => add(() => undefined) };
}
