// Batches: writes that arrive while one statement is under way become the next statement.

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface Batches<Item, Result> {
  add(item: Item): Promise<Result>;
  /** Resolves when all that was added so far is done. Never rejects. */
  drain(): Promise<void>;
}

interface BatchOptions<Item, Result> {
  /** Stores all items or none; the results in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly (Result | Error)[]>;
  /** Whether this failure says for certain that nothing was stored, and that it may be the fault of one item alone. */
  readonly isRefusal: (error: unknown) => boolean;
  /** What an item counts of `weightMax`. */
  readonly weight: (item: Item) => number;
  readonly itemsMax: number;
  readonly weightMax: number;
}

/**
 * One batch at a time, so that load makes batches larger instead of more. If a batch is refused, each of its items is tried
 * alone, so that one that cannot be stored takes no other with it.
 */
export function createBatches<Item, Result>(options: BatchOptions<Item, Result>): Batches<Item, Result> {
  const { weight, itemsMax, weightMax } = options;
  const waiting: Waiting<Item, Result>[] = [];
  let working: Promise<void> | undefined;

  async function work(): Promise<void> {
    // Whatever else this turn of the event loop adds goes along.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = takeBatch();
      settle(
        batch,
        await attempt(
          options,
          batch.map(({ item }) => item),
        ),
      );
    }
    working = undefined;
  }

  function takeBatch(): Waiting<Item, Result>[] {
    let sum = 0;
    const end = waiting.slice(0, itemsMax).findIndex(({ item }) => {
      sum += weight(item);
      return sum > weightMax;
    });
    return waiting.splice(0, end === -1 ? itemsMax : Math.max(1, end));
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        working ??= work();
      }),
    drain: async () => {
      while (working !== undefined) await working;
    },
  };
}

/** What became of each item; never rejects. */
async function attempt<Item, Result>(
  options: BatchOptions<Item, Result>,
  items: readonly Item[],
): Promise<readonly (Result | Error)[]> {
  try {
    return await options.run(items);
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    if (items.length === 1 || !options.isRefusal(error)) return items.map(() => error);
  }
  const results: (Result | Error)[] = [];
  for (const item of items) results.push(...(await attempt(options, [item])));
  return results;
}

function settle<Item, Result>(
  batch: readonly Waiting<Item, Result>[],
  results: readonly (Result | Error)[],
): void {
  batch.forEach(({ resolve, reject }, index) => {
    const result = results[index];
    if (result instanceof Error) reject(result);
    else resolve(result as Result);
  });
}
