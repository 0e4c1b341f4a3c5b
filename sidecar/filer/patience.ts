// Patience: how long a request may go on that brings nothing, or next to nothing.
import { StorageError } from "./storage.ts";

export interface Patience {
  /** At the end of each such time, it is looked at what has come. */
  stallMilliseconds: number;
  /** What comes more slowly is taken for nothing. */
  bytesPerSecondMin: number;
}

export const defaultPatience: Patience = { stallMilliseconds: 60_000, bytesPerSecondMin: 1024 };

type Operation<Value> = (signal: AbortSignal, abort: (reason: unknown) => void) => Promise<Value>;

interface Watched {
  signal: AbortSignal;
  patience: Patience;
}

/**
 * Gives the operation a signal that ends it, as a transient failure, once too little has come for too long, and the means to end
 * itself. `moved` tells how many bytes have come so far.
 */
export async function whileMoving<Value>(
  { signal, patience, moved }: Watched & { moved: () => number },
  operation: Operation<Value>,
): Promise<Value> {
  const { stallMilliseconds, bytesPerSecondMin } = patience;
  const least = (bytesPerSecondMin * stallMilliseconds) / 1000;
  const stop = new AbortController();
  let before = moved();
  const timer = setInterval(() => {
    const now = moved();
    const gained = now - before;
    before = now;
    // Fewer than before: it was begun anew.
    if (gained >= 0 && gained < least)
      stop.abort(stalled(`${gained} bytes came in ${stallMilliseconds / 1000} s`));
  }, stallMilliseconds);
  return await ending(operation, { signal, stop }).finally(() => clearInterval(timer));
}

/** The same for a request of which only the end is seen: it may last as long as its bytes would at the lowest rate. */
export async function whilePatient<Value>(
  { signal, patience, bytes }: Watched & { bytes: number },
  operation: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const { stallMilliseconds, bytesPerSecondMin } = patience;
  const most = Math.min(stallMilliseconds + (bytes / bytesPerSecondMin) * 1000, TIMER_MAX);
  const stop = new AbortController();
  // No AbortSignal.timeout: its timer would outlive the answer.
  const timer = setTimeout(() => stop.abort(stalled(`no answer in ${Math.round(most / 100) / 10} s`)), most);
  return await ending(operation, { signal, stop }).finally(() => clearTimeout(timer));
}

/** Longer ones fire at once. */
const TIMER_MAX = 2 ** 31 - 1;

const stalled = (words: string): StorageError => new StorageError("transient", words);

/** Not AbortSignal.any: what it makes lives until the collector finds it, and thousands of small files have thousands of them. */
async function ending<Value>(
  operation: Operation<Value>,
  { signal, stop }: { signal: AbortSignal; stop: AbortController },
): Promise<Value> {
  const abort = (): void => stop.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  try {
    return await operation(stop.signal, (reason) => stop.abort(reason));
  } catch (error) {
    signal.throwIfAborted();
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
