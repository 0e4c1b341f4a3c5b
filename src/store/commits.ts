// Group commit: many writes, one transaction, one fsync.
import type { DatabaseSync } from "node:sqlite";
import { sqliteError } from "./sqlite-errors.ts";
import { StoreError } from "./store-error.ts";

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
  /** Whether the last transaction failed. */
  hasFailed(): boolean;
  /** Resolves when all writes so far are done. */
  drain(): Promise<void>;
}

/**
 * Collects the writes of one turn of the event loop. A write that throws takes back only its own statements; a commit that
 * fails rejects every write in it, but for a full disk: then each half is tried apart, so that what is small is stored beside
 * what is too large. A write may run several times, all but the last for nothing: its only effects are on the database.
 */
export function createCommits(database: DatabaseSync): Commits {
  const waiting: Write[] = [];
  let scheduled = false;
  let failed = false;

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
      if (batch.length > 1 && error instanceof StoreError && error.kind === "full") {
        const half = Math.ceil(batch.length / 2);
        return [...commitAll(batch.slice(0, half)), ...commitAll(batch.slice(half))];
      }
      return batch.map((write) => () => write.reject(error));
    }
  }

  function commit<T>(batch: readonly Write[], attempt: (write: Write) => T): T[] {
    let inCommit = false;
    try {
      database.exec("BEGIN IMMEDIATE");
      const settled = batch.map(attempt);
      inCommit = true;
      database.exec("COMMIT");
      failed = false;
      return settled;
    } catch (error) {
      if (database.isOpen && database.isTransaction) database.exec("ROLLBACK");
      failed = true;
      throw sqliteError(error, inCommit);
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
      // A full disk and some errors of it take back the whole transaction, and the savepoint with it.
      if (!database.isTransaction) throw error;
      database.exec("ROLLBACK TO write; RELEASE write");
      return () => write.reject(sqliteError(error, false));
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

  return { add, hasFailed: () => failed, drain: () => add(() => undefined) };
}
