// createBodyBudget: how many bytes of request bodies may be in memory at once, whoever sends them.
import { TesError } from "../tes/errors.ts";

/** What one request has of the budget. */
export interface Lease {
  /** So many more bytes have come, or will. Throws TesError "unavailable" if there is no room for them, or was none before. */
  take(bytes: number): void;
  /** All of it has come: it is not cut any more. */
  end(): void;
  /** The value; rejects with TesError "unavailable" once the room is needed by others, as this body comes too slowly. */
  unlessCut<T>(value: Promise<T>): Promise<T>;
}

export interface BodyBudget {
  /** Gives all back when `work` is done. */
  run<T>(work: (lease: Lease) => Promise<T>): Promise<T>;
  /** Runs what takes several times the body's bytes, one after the other. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/** What is read alone, as it takes several times its bytes. */
export const largeBytesMin = 256 * 1024;

/** A body up to that has the last quarter of the budget for itself: large ones keep no ordinary task out. */
export const smallBytesMax = 64 * 1024;
const largeShare = 0.75;

/** A body that comes more slowly makes room for others, but not before so long. */
const slowBytesPerSecond = 256 * 1024;
const slowSecondsMin = 5;

interface Holder {
  readonly start: number;
  bytes: number;
  hasEnded: boolean;
  /** Of whoever waits for a part of the body. */
  reject: (error: TesError) => void;
  error?: TesError;
}

export function createBodyBudget(
  bytesMax: number,
  clock: () => number = () => performance.now(),
): BodyBudget {
  /** In the order in which they came. */
  const holders = new Set<Holder>();
  let used = 0;
  let last: Promise<unknown> = Promise.resolve();

  function free(holder: Holder): void {
    if (holders.delete(holder)) used -= holder.bytes;
  }

  /** Cuts bodies that are slow until there is room, the oldest first. */
  function makeRoom(limit: number, asking: Holder): void {
    for (const holder of holders) {
      if (used <= limit) return;
      if (holder === asking || !isSlow(holder, clock())) continue;
      holder.error = new TesError("unavailable", "The body came too slowly while others needed the room");
      holder.reject(holder.error);
      free(holder);
    }
  }

  function take(holder: Holder, bytes: number): void {
    if (holder.error !== undefined) throw holder.error;
    holder.bytes += bytes;
    used += bytes;
    const limit = holder.bytes <= smallBytesMax ? bytesMax : bytesMax * largeShare;
    if (used > limit) makeRoom(limit, holder);
    if (used <= limit) return;
    free(holder);
    holder.error = new TesError("unavailable", "Too many large requests are under way; nothing was stored");
    throw holder.error;
  }

  return {
    async run(work) {
      const holder: Holder = { start: clock(), bytes: 0, hasEnded: false, reject: () => undefined };
      holders.add(holder);
      try {
        return await work({
          take: (bytes) => take(holder, bytes),
          end: () => {
            holder.hasEnded = true;
          },
          unlessCut: (value) =>
            new Promise((resolve, reject) => {
              holder.reject = reject;
              if (holder.error !== undefined) reject(holder.error);
              value.then(resolve, reject);
            }),
        });
      } finally {
        free(holder);
      }
    },
    alone<T>(work: () => Promise<T>): Promise<T> {
      const mine = last.then(work, work); // how the one before ended is its caller's concern
      last = mine.finally(collect);
      last.catch(() => undefined); // the caller has it from "mine"
      return mine;
    },
  };
}

/** What is left of a large body is many times its size, and the collector would let several come together. */
function collect(): void {
  if (typeof Bun !== "undefined") Bun.gc(true);
}

function isSlow({ start, bytes, hasEnded }: Holder, now: number): boolean {
  const seconds = (now - start) / 1000;
  return !hasEnded && seconds > slowSecondsMin && bytes < seconds * slowBytesPerSecond;
}
