// Schedule: when each task is looked at: at once, later, or again after a failure.
import type { Logger } from "../log.ts";
import type { Keyed } from "./keyed.ts";

export interface Schedule {
  /** Looks at the task as soon as nothing else is being done with it. Any number of calls before that are one look. */
  poke(id: string): void;
  /** Looks at the task after so many seconds; a later call replaces this one. */
  wake(id: string, seconds: number): void;
  /** The task could not be settled: tries again, ever more rarely. */
  failed(id: string, error: unknown): void;
  /** The task was settled: its next failure is the first again, and it is not looked at later unless that is asked for now. */
  settled(id: string): void;
  start(): void;
  /** No looks any more. */
  stop(): void;
}

const retrySecondsMax = 30;

/** A timer that is so late says that this process was stopped, or starved, and has not read yet what happened meanwhile. */
const lateMillisecondsMin = 1000;
const catchUpSeconds = 1;

interface Dependencies {
  readonly keyed: Keyed;
  /** Says itself when the task is settled: it may only have queued what may fail later. */
  readonly look: (id: string) => Promise<void>;
  readonly log: Logger;
}

export function createSchedule({ keyed, look, log }: Dependencies): Schedule {
  const timers = new Map<string, NodeJS.Timeout>();
  /** Tasks with a look to come. */
  const poked = new Set<string>();
  const failures = new Map<string, number>();
  let started = false;

  function poke(id: string): void {
    if (!started || poked.has(id)) return;
    poked.add(id);
    const job = () => {
      poked.delete(id); // from here on a poke means a change that this look may not have seen
      return look(id);
    };
    keyed.run(id, job).catch((error: unknown) => failed(id, error));
  }

  function wake(id: string, seconds: number, isCatchingUp = false): void {
    clearTimeout(timers.get(id));
    const due = performance.now() + seconds * 1000;
    const timer = setTimeout(() => {
      timers.delete(id);
      const isLate = performance.now() - due >= lateMillisecondsMin;
      if (isLate && !isCatchingUp) wake(id, catchUpSeconds, true);
      else poke(id);
    }, seconds * 1000);
    timer.unref();
    timers.set(id, timer);
  }

  function failed(id: string, error: unknown): void {
    if (!started) return;
    const count = (failures.get(id) ?? 0) + 1;
    failures.set(id, count);
    const seconds = Math.min(retrySecondsMax, 0.5 * 2 ** count);
    log.warn("task not settled, will try again", { task: id, seconds, error });
    wake(id, seconds);
  }

  return {
    poke,
    wake: (id, seconds) => wake(id, seconds),
    failed,
    settled(id) {
      failures.delete(id);
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
    start() {
      started = true;
    },
    stop() {
      started = false;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
