// A task's life by a simulated clock: the service's own decisions and actions on a simulated cluster.
import { createActions } from "../../src/reconcile/actions.ts";
import { decide } from "../../src/reconcile/decide.ts";
import { createPodCache } from "../../src/reconcile/pod-cache.ts";
import { createReconciler, type Next, type Reconciler } from "../../src/reconcile/reconcile.ts";
import type { TaskStore } from "../../src/store/store.ts";
import { newRecord, type TaskRecord } from "../../src/tes/record.ts";
import { isTerminal } from "../../src/tes/state.ts";
import { makePolicy, makeSettings, makeTask, silent } from "../support/make.ts";
import { type Random, SimulatedCluster } from "./simulated-cluster.ts";
import type { Post } from "./simulated-pod.ts";

export interface End {
  readonly record: TaskRecord;
  /** The attempts whose executor was started. */
  readonly started: readonly number[];
  readonly systemLogs: string;
}

const tickSeconds = 0.5;
const lifeTicks = 600;
const signal = new AbortController().signal;
const settings = makeSettings({ callbackUrl: "http://service", staging: "supervisor" });
const policy = makePolicy();

/** What is asked of a store here, of one task, in memory. */
function memoryStore(record: TaskRecord) {
  let stored = record;
  const additions = { systemLogs: [] as string[], tails: [] };
  const store: Pick<TaskStore, "get" | "getFull" | "getLine" | "save"> = {
    get: () => Promise.resolve(stored),
    getFull: () => Promise.resolve({ record: stored, additions }),
    getLine: () => Promise.resolve({ position: 1, id: stored.id, state: stored.state }),
    save(next, { systemLogs }) {
      if (next.version !== stored.version) return Promise.resolve(false);
      stored = { ...next, version: next.version + 1 };
      additions.systemLogs.push(...systemLogs);
      return Promise.resolve(true);
    },
  };
  return { store: store as TaskStore, additions, stored: () => stored };
}

/** One process of the service. It begins with a list. */
function startService(world: SimulatedCluster, store: TaskStore) {
  const clock = () => new Date(world.now * 1000);
  const pods = createPodCache(world.cluster, { selector: "", onTrouble: () => undefined });
  const dependencies = { cluster: world.cluster, store, pods, settings, log: silent, clock };
  const actions = createActions({ ...dependencies, creates: { concurrency: 1, perSecond: 1000 } });
  world.changes.length = 0;
  world.list();

  async function step(before: Next): Promise<Next> {
    const record = await store.get("abc");
    if (record === undefined) throw new Error("The task is gone");
    const { attempt } = record.run;
    await actions.removeStrangers("abc", record.live ? `tes-abc-${attempt}` : undefined, signal);
    const decision = decide({
      record,
      sight: pods.sight("abc", attempt),
      last: pods.last("abc", attempt),
      gone: before === "gone",
      looked: before === "bound" || before === "unbound" ? before : undefined,
      now: clock(),
      policy,
    });
    return decision.do === "rest" ? "rest" : await actions.act(record, decision, signal).catch(() => "rest");
  }

  return {
    report: createReconciler({ ...dependencies, actions, policy }).report,
    /** Does all that is owed at this moment. */
    async settle(): Promise<void> {
      let next: Next = "again";
      for (let steps = 0; steps < 20 && typeof next === "string" && next !== "rest"; steps++)
        next = await step(next);
    },
    /** The same after each change that the watch tells. */
    async hear(): Promise<void> {
      for await (const _ of pods.follow(signal)) await this.settle();
    },
  };
}

/** Takes what pods send. What is sent to a frozen service waits in its socket, and nobody waits for the answer. */
function startPost(world: SimulatedCluster, random: Random) {
  const inSocket: Post[] = [];
  const sent = () =>
    world.pods.flatMap((pod) => {
      const lines = random() < 0.3 ? undefined : pod.post(world.now);
      return lines === undefined ? [] : [{ pod, lines }];
    });
  return async (report: Reconciler["report"]): Promise<void> => {
    const all = world.is("cut") ? [] : sent();
    if (world.is("frozen")) return void inSocket.push(...all.map(({ lines }) => lines));
    for (const { attempt, reports } of inSocket.splice(0)) await report("abc", attempt, reports);
    for (const { pod, lines } of all) {
      const answer = await report("abc", lines.attempt, lines.reports);
      // Some answers are lost on their way.
      if (random() < 0.85) pod.answered(answer, world.now);
    }
  };
}

/** Lives through one task. `waits`: whether its pods wait for the service's word, or are of a version that did not. */
export async function simulate(random: Random, waits: boolean): Promise<End> {
  const world = new SimulatedCluster(random, waits);
  const { store, additions, stored } = memoryStore(newRecord(makeTask(), "abc", new Date(world.now * 1000)));
  let service = startService(world, store);
  const post = startPost(world, random);
  const isOver = () => isTerminal(stored().state) && world.pods.every(({ dead }) => dead);
  for (let tick = 0; tick < lifeTicks && !isOver(); tick++) {
    if (world.goOn(tickSeconds)) service = startService(world, store);
    await post(service.report);
    if (world.is("frozen")) continue;
    await service.hear();
    if (random() < 0.8) await service.settle();
  }
  const started = world.pods.filter(({ released }) => released).map(({ attempt }) => attempt);
  return { record: stored(), started, systemLogs: additions.systemLogs.join("\n") };
}
