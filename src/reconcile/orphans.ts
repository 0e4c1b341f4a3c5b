// Orphans: pending tasks that this process does not know, as after a create whose answer was lost, or of a replica that died.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../log.ts";
import type { TaskStore } from "../store/store.ts";

interface Dependencies {
  readonly store: Pick<TaskStore, "liveIds">;
  readonly log: Logger;
  /** Whether the task is followed already. */
  readonly isKnown: (id: string) => boolean;
  readonly poke: (id: string) => void;
  /** Between two looks. */
  readonly seconds: number;
}

/** A page is read in about a millisecond, and other work comes in between two. */
const pageSize = 1000;
const pageMilliseconds = 10;
const retrySeconds = 5;

/** Looks at all pending tasks, at once and then now and again, page by page, until the signal ends it. Never rejects. */
export async function followOrphans(dependencies: Dependencies, signal: AbortSignal): Promise<void> {
  const { log } = dependencies;
  while (!signal.aborted) {
    let { seconds } = dependencies;
    try {
      await look(dependencies, signal);
    } catch (error) {
      seconds = Math.min(seconds, retrySeconds);
      log.warn("pending tasks cannot be read, will try again", { seconds, error });
    }
    await pause(seconds * 1000, signal);
  }
}

async function look({ store, isKnown, poke }: Dependencies, signal: AbortSignal): Promise<void> {
  let after: string | undefined;
  do {
    const ids = await store.liveIds({ after, limit: pageSize });
    for (const id of ids) {
      if (!isKnown(id)) poke(id);
    }
    after = ids.length === pageSize ? ids.at(-1) : undefined;
    if (after !== undefined) await pause(pageMilliseconds, signal);
  } while (after !== undefined && !signal.aborted);
}

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  sleep(milliseconds, undefined, { signal, ref: false }).catch(() => undefined); // the loop's condition sees the abort
