// inTurns: long work without a long hold of the event loop; others get their turn between its steps.
import { setImmediate } from "node:timers/promises";

/** Work that stops after each of its steps, which should take a few milliseconds at most. */
export type Steps<T> = Generator<undefined, T>;

/** So long the work goes on before others get a turn: most work is done by then, and gives none away. */
const turnMilliseconds = 10;

export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (let start = performance.now(); ; ) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - start < turnMilliseconds) continue;
    await setImmediate();
    start = performance.now();
  }
}

/** The same at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
