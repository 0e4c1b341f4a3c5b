// createBodyBudget: how many bytes of request bodies may be in memory at once, whoever sends them.
import { setImmediate } from "node:timers/promises";
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

/** What is counted of one request. */
class Holder implements Lease {
  readonly start: number;
  bytes = 0;
  hasEnded = false;
  error: TesError | undefined;
  private readonly budget: Pick<Room, "take">;
  /** Of whoever waits for a part of the body. */
  private reject: ((error: TesError) => void) | undefined;

  constructor(start: number, budget: Pick<Room, "take">) {
    this.start = start;
    this.budget = budget;
  }

  take(bytes: number): void {
    this.budget.take(this, bytes);
  }

  end(): void {
    this.hasEnded = true;
  }

  unlessCut<T>(value: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.reject = reject;
      if (this.error !== undefined) reject(this.error);
      value.then(resolve, reject);
    });
  }

  fail(message: string): TesError {
    this.error = new TesError("unavailable", message);
    this.reject?.(this.error);
    return this.error;
  }
}

interface Room {
  take(holder: Holder, bytes: number): void;
  free(holder: Holder): void;
  readonly holders: Set<Holder>;
}

function createRoom(bytesMax: number, clock: () => number): Room {
  /** In the order in which they came. */
  const holders = new Set<Holder>();
  let used = 0;

  function free(holder: Holder): void {
    if (holders.delete(holder)) used -= holder.bytes;
  }

  /** Cuts bodies that are slow until there is room, the oldest first. */
  function makeRoom(limit: number, asking: Holder): void {
    for (const holder of holders) {
      if (used <= limit) return;
      if (holder === asking || !isSlow(holder, clock())) continue;
      holder.fail("The body came too slowly while others needed the room");
      free(holder);
    }
  }

  return {
    holders,
    free,
    take(holder, bytes) {
      if (holder.error !== undefined) throw holder.error;
      holder.bytes += bytes;
      used += bytes;
      const limit = holder.bytes <= smallBytesMax ? bytesMax : bytesMax * largeShare;
      if (used > limit) makeRoom(limit, holder);
      if (used <= limit) return;
      free(holder);
      throw holder.fail("Too many large requests are under way; nothing was stored");
    },
  };
}

export function createBodyBudget(
  bytesMax: number,
  clock: () => number = () => performance.now(),
): BodyBudget {
  const room = createRoom(bytesMax, clock);
  let last: Promise<unknown> = Promise.resolve();
  return {
    async run(work) {
      const holder = new Holder(clock(), room);
      room.holders.add(holder);
      try {
        return await work(holder);
      } finally {
        room.free(holder);
      }
    },
    alone<T>(work: () => Promise<T>): Promise<T> {
      const mine = last.then(work, work); // how the one before ended is its caller's concern
      // Others have a turn between two of them. What it rejects with, the caller has from "mine".
      last = Promise.allSettled([mine])
        .then(collect)
        .then(() => setImmediate());
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
