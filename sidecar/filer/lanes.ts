// Lanes: transfers of which so many go on at a time. A queue with events would cost a small file as much as its signature does.

export interface Lanes {
  /** Begins the work once a lane is free, and resolves then. The work must not fail. */
  enter(work: () => Promise<void>): Promise<void>;
  /** Resolves when all that was begun has ended. */
  idle(): Promise<void>;
}

export function openLanes(lanesMax: number): Lanes {
  let busy = 0;
  let change = Promise.withResolvers<void>();
  const run = async (work: () => Promise<void>): Promise<void> => {
    await work();
    busy -= 1;
    change.resolve();
    change = Promise.withResolvers();
  };
  return {
    async enter(work) {
      while (busy >= lanesMax) await change.promise;
      busy += 1;
      void run(work);
    },
    async idle() {
      while (busy > 0) await change.promise;
    },
  };
}
