// The reconciler: brings every live task and its pod together; reads, decides, acts, saves.
import { setTimeout as sleep } from "node:timers/promises";
import type { Report } from "../../sidecar/contract/report.ts";
import type { Logger } from "../log.ts";
import { podName } from "../pod/names.ts";
import type { TaskStore } from "../store/store.ts";
import { UnreadableTask } from "../store/store-error.ts";
import { noAdditions, systemLog, type TaskRecord, withState } from "../tes/record.ts";
import { applyReports } from "../tes/reports.ts";
import { isTerminal } from "../tes/state.ts";
import type { Actions } from "./actions.ts";
import { decide, type Policy } from "./decide.ts";
import { createKeyed, type Keyed } from "./keyed.ts";
import { followOrphans } from "./orphans.ts";
import type { PodCache } from "./pod-cache.ts";
import { createSchedule, type Schedule } from "./schedule.ts";

export interface Reconciler {
  /** Something about the task may have changed. Returns at once. */
  poke(id: string): void;
  /**
   * Takes reports of a pod; what it answers is on disk. "over" if the attempt is not the task's current one, undefined if there
   * is no such task.
   */
  report(id: string, attempt: number, reports: readonly Report[]): Promise<ReportAnswer | "over" | undefined>;
  /** Asks for the end of the task: idempotent, and nothing happens to one that is over. False if there is no such task. */
  cancel(id: string): Promise<boolean>;
  /** Takes up all live tasks, then follows the pods until the signal ends it. */
  run(signal: AbortSignal): Promise<void>;
}

interface ReportAnswer {
  readonly acknowledged: number;
  readonly cancel: boolean;
}

interface Dependencies {
  readonly store: TaskStore;
  readonly pods: PodCache;
  readonly actions: Actions;
  readonly policy: Policy;
  readonly log: Logger;
  readonly clock: () => Date;
  /** How often pending tasks are looked for that this process does not know. */
  readonly orphanSeconds?: number;
}

const orphanSecondsDefault = 60;

/**
 * After one step: another one, another one knowing that the pod is certainly not there, or, as it was looked at, whether it has a
 * node, none, or one after so many seconds.
 */
export type Next = "again" | "gone" | "bound" | "unbound" | "rest" | number;

/** A task that needs more steps than this in one go is looked at again later: no loop is without an end. */
const stepsMax = 12;
const stopSecondsMax = 5;

export function createReconciler(dependencies: Dependencies): Reconciler {
  const { store, pods, actions, log } = dependencies;
  const keyed = createKeyed();
  /** Pending tasks that were looked at: each is looked at again when something changes. */
  const followed = new Set<string>();
  const schedule = createSchedule({ keyed, log, look: (id) => settle(id, false) });
  let signal = new AbortController().signal;

  /** Decides and acts until nothing is owed to the task for now, or its pod waits to be created. */
  async function settle(id: string, mayCreate: boolean): Promise<void> {
    let next: Next | "queued" = "again";
    for (let steps = 0; typeof next === "string" && next !== "rest" && next !== "queued"; steps++) {
      if (steps === stepsMax) return schedule.wake(id, 1);
      next = await step(id, next, mayCreate);
    }
    if (next === "queued") return;
    schedule.settled(id);
    if (typeof next === "number") schedule.wake(id, next);
  }

  async function step(id: string, before: Next, mayCreate: boolean): Promise<Next | "queued"> {
    const record = await readOrGiveUp(id, dependencies);
    const live = record?.live === true;
    if (live) followed.add(id);
    else followed.delete(id);
    await actions.removeStrangers(id, live ? podName(id, record.run.attempt) : undefined, signal);
    if (!live) return "rest";
    const sight = pods.sight(id, record.run.attempt);
    const decision = decide({
      record,
      sight,
      gone: before === "gone",
      looked: before === "bound" || before === "unbound" ? before : undefined,
      last: pods.last(id, record.run.attempt),
      now: dependencies.clock(),
      policy: dependencies.policy,
    });
    if (decision.do === "rest") return decision.wakeAfterSeconds ?? "rest";
    if (decision.do === "create" && !mayCreate) {
      queueCreate(id);
      return "queued";
    }
    return actions.act(record, decision, signal);
  }

  /** Waits for a slot without holding the task, so that a cancel can come in between. */
  function queueCreate(id: string): void {
    const job = () => keyed.run(id, () => settle(id, true));
    actions.createSlot(signal, job).catch((error: unknown) => schedule.failed(id, error));
  }

  return {
    poke: schedule.poke,
    ...requests(dependencies, keyed, schedule),
    async run(runSignal) {
      signal = runSignal;
      schedule.start();
      const { orphanSeconds: seconds = orphanSecondsDefault } = dependencies;
      const isKnown = (id: string) => followed.has(id);
      const orphans = followOrphans({ store, log, isKnown, poke: schedule.poke, seconds }, signal);
      try {
        for await (const id of pods.follow(signal)) schedule.poke(id);
      } catch (error) {
        if (!signal.aborted) throw error; // the signal is the way this is meant to end
      }
      schedule.stop();
      await orphans;
      await Promise.race([keyed.idle(), sleep(stopSecondsMax * 1000)]);
    },
  };
}

/** A task whose record cannot be read ends by itself, and no other with it. */
async function readOrGiveUp(
  id: string,
  { store, log, clock }: Pick<Dependencies, "store" | "log" | "clock">,
): Promise<TaskRecord | undefined> {
  try {
    return await store.get(id);
  } catch (error) {
    if (!(error instanceof UnreadableTask)) throw error;
    log.error("task is given up", { task: id, error });
    await store.giveUp(id, systemLog(`${error.message}; the task is given up`, clock().toISOString()));
    return undefined;
  }
}

/** What comes from outside: each saved at once, and then looked at. */
function requests(
  { store, clock }: Dependencies,
  keyed: Keyed,
  schedule: Schedule,
): Pick<Reconciler, "report" | "cancel"> {
  async function report(
    id: string,
    attempt: number,
    reports: readonly Report[],
  ): Promise<ReportAnswer | "over" | undefined> {
    const record = await store.get(id);
    if (record === undefined) return undefined;
    if (record.run.attempt !== attempt) return "over";
    const { record: told, additions } = applyReports(record, reports);
    if (told !== record && !(await store.save(told, additions))) throw changedMeanwhile(id);
    const source = reports[0]?.source ?? "supervisor";
    return { acknowledged: told.run.acknowledged[source], cancel: mustStop(told) };
  }

  async function cancel(id: string): Promise<boolean> {
    const record = await store.get(id);
    if (record === undefined) return false;
    const canceling = withState(record, "CANCELING", clock());
    if (canceling !== record && !(await store.save(canceling, noAdditions))) throw changedMeanwhile(id);
    return true;
  }

  return {
    async report(id, attempt, reports) {
      const answer = await keyed.run(id, () => report(id, attempt, reports));
      if (answer !== undefined) schedule.poke(id);
      return answer;
    },
    async cancel(id) {
      const known = await keyed.run(id, () => cancel(id));
      if (known) schedule.poke(id);
      return known;
    },
  };
}

/** A pod that ended its task by its own last word stops by itself, and its earlier lines may still be on their way. */
const mustStop = ({ state, run }: TaskRecord): boolean =>
  state === "CANCELING" || (isTerminal(state) && (run.outcome?.outcome ?? "interrupted") === "interrupted");

/** Only another process on the same store can come in between; the caller tries again. */
const changedMeanwhile = (id: string): Error => new Error(`Cannot save task "${id}": it changed meanwhile`);
