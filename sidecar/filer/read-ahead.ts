// Read ahead: looks at what a slow consumer will get only later.

/** The items of the source, of which up to twice `itemsMax` are read before they are asked for. `see` gets each as it is read. */
export async function* readAhead<Item>(
  source: AsyncIterable<Item>,
  itemsMax: number,
  see: (item: Item) => void,
): AsyncIterable<Item> {
  const waiting: Item[] = [];
  let isRead = false;
  let isLeft = false;
  let change = Promise.withResolvers<void>();
  const changed = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const reading = (async () => {
    for await (const item of source) {
      see(item);
      waiting.push(item);
      changed();
      while (waiting.length >= itemsMax && !isLeft) await change.promise;
      if (isLeft) return;
    }
  })().finally(() => {
    isRead = true;
    changed();
  });
  reading.catch(() => undefined); // it is heard of at the end
  try {
    while (waiting.length > 0 || !isRead) {
      for (const item of waiting.splice(0)) yield item;
      changed();
      if (waiting.length === 0 && !isRead) await change.promise;
    }
    await reading;
  } finally {
    isLeft = true;
    changed();
  }
}
