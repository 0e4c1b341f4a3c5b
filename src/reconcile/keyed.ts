// One thing at a time per key, everything else side by side.

export interface Keyed {
  /** Runs `job` after all earlier jobs of the same key; resolves or rejects with it. */
  run<T>(key: string, job: () => Promise<T>): Promise<T>;
  /** Resolves when no job is left. */
  idle(): Promise<void>;
}

export function createKeyed(): Keyed {
  const last = new Map<string, Promise<unknown>>();
  return {
    run<T>(key: string, job: () => Promise<T>): Promise<T> {
      const previous = last.get(key) ?? Promise.resolve();
      const mine = previous.then(job, job); // how the one before ended is its caller's concern
      last.set(key, mine);
      const forget = () => {
        if (last.get(key) === mine) last.delete(key);
      };
      mine.then(forget, forget);
      return mine;
    },
    async idle() {
      while (last.size > 0) await Promise.allSettled(last.values());
    },
  };
}
