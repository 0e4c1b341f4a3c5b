// Retry: the one place where a transfer is tried again.
import { sleep, unlessAborted } from "../within.ts";
import { type RetryPauses, StorageError, storageError } from "./storage.ts";

export interface RetrySettings extends RetryPauses {
  signal: AbortSignal;
}

/** A server's Retry-After is kept up to this many times the longest pause of our own. */
const RETRY_AFTER_PAUSES_MAX = 6;

/**
 * Runs the operation until it succeeds, fails for good, or has been tried often enough; then its last error is thrown as a
 * permanent one, so that a retry around this one does not begin anew. The operation must be idempotent.
 */
export async function retry<Value>(operation: () => Promise<Value>, settings: RetrySettings): Promise<Value> {
  const { signal, attempts = 5, firstPauseMilliseconds = 300, lastPauseMilliseconds = 10_000 } = settings;
  for (let attempt = 1; ; attempt += 1) {
    try {
      signal.throwIfAborted();
      return await operation();
    } catch (caught) {
      signal.throwIfAborted();
      const error = storageError(caught);
      if (error.kind !== "transient") throw error;
      if (attempt >= attempts) {
        throw new StorageError("permanent", `${error.message} (after ${attempts} attempts)`, {
          cause: error,
        });
      }
      const pause = Math.min(firstPauseMilliseconds * 2 ** (attempt - 1), lastPauseMilliseconds);
      const asked = Math.min(
        error.retryAfterMilliseconds ?? 0,
        lastPauseMilliseconds * RETRY_AFTER_PAUSES_MAX,
      );
      await unlessAborted(signal, sleep(Math.max(pause * (0.5 + Math.random() / 2), asked)));
    }
  }
}
