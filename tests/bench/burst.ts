// Burst: many no-op tasks at once against as many bare pods at once, in turn, on the same cluster.
import type { V1Pod } from "@kubernetes/client-node";
import PQueue from "p-queue";
import type { Cluster as Pods } from "../../src/cluster/cluster.ts";
import type { TesClient } from "../support/tes-client.ts";
import { type Figure, figure } from "./figures.ts";

export interface BurstBench {
  /** Where the bare pods run. */
  readonly pods: Pods;
  readonly tes: TesClient;
  /** Resolves when no pod of a task is left. */
  readonly settled: () => Promise<void>;
  readonly image: string;
  readonly sidecarImage: string;
  readonly tasks: number;
  readonly rounds: number;
}

/** As many as the service has calls under way. */
const callsAtOnce = 16;
const secondsMax = 600;
const label = "tespod-bench/burst";

/** From the first POST until all have ended: tasks COMPLETE in the list, pods with every container terminated. */
export async function benchBurst(bench: BurstBench): Promise<Figure[]> {
  const { image, sidecarImage } = bench;
  const main = { name: "main", image, command: ["true"] };
  const beside = { name: "beside", image: sidecarImage, args: ["--help"] };
  const contenders = [
    { name: "tasks", run: () => runTasks(bench) },
    { name: "pods of one container", run: () => runPods(bench, [main]) },
    { name: "pods of the same two containers", run: () => runPods(bench, [beside, main]) },
  ];
  const rates = contenders.map((): number[] => []);
  for (let round = 0; round < bench.rounds; round++) {
    const words: string[] = [];
    for (const [index, { name, run }] of contenders.entries()) {
      const rate = bench.tasks / (await run());
      rates[index]?.push(rate);
      words.push(`${name} ${rate.toFixed(2)}/s`);
    }
    console.error(`  round ${round + 1} of ${bench.rounds}: ${words.join(", ")}`);
  }
  const [tasks = []] = rates;
  return contenders.flatMap(({ name }, index) => {
    const own = rates[index] ?? [];
    const ratio = tasks.map((rate, round) => rate / (own[round] ?? Number.NaN));
    return [
      figure("burst", `${bench.tasks} ${name} at once`, "1/s", own),
      ...(index === 0 ? [] : [figure("burst", `rate of tasks / of ${name}`, "", ratio)]),
    ];
  });
}

async function runTasks({ tes, image, tasks, settled }: BurstBench): Promise<number> {
  const name = `burst-${Date.now().toString(36)}`;
  const posted = performance.now();
  const queue = new PQueue({ concurrency: callsAtOnce });
  const task = { name, executors: [{ image, command: ["true"] }] };
  await queue.addAll(Array.from({ length: tasks }, () => () => tes.create(task)));
  await until(async () => {
    const response = await tes.request(`/tasks?name_prefix=${name}&state=COMPLETE&page_size=2047`);
    return ((await response.json()) as { tasks: unknown[] }).tasks.length === tasks;
  }, `${tasks} tasks to be COMPLETE`);
  const seconds = (performance.now() - posted) / 1000;
  // The next contender finds the node as this one did.
  await settled();
  return seconds;
}

async function runPods({ pods, tasks }: BurstBench, containers: Containers): Promise<number> {
  const name = `burst-${Date.now().toString(36)}`;
  const signal = AbortSignal.timeout(secondsMax * 1000);
  const stop = new AbortController();
  const ended = allEnd(pods, { name, tasks }, AbortSignal.any([signal, stop.signal]));
  const queue = new PQueue({ concurrency: callsAtOnce });
  const names = Array.from({ length: tasks }, (_, index) => `${name}-${index}`);
  const posted = performance.now();
  try {
    await queue.addAll(
      names.map((each) => () => pods.createPod(barePod(each, { [label]: name }, containers), signal)),
    );
    await ended;
    return (performance.now() - posted) / 1000;
  } finally {
    stop.abort();
    await queue.addAll(names.map((each) => () => pods.deletePod(each, { graceSeconds: 0 }, signal)));
  }
}

/** Resolves when so many pods with that label have been seen with every container terminated. */
async function allEnd(
  pods: Pods,
  { name, tasks }: { name: string; tasks: number },
  signal: AbortSignal,
): Promise<void> {
  const ended = new Set<string>();
  const look = ({ metadata, status }: V1Pod) => {
    const statuses = status?.containerStatuses ?? [];
    if (statuses.length > 0 && statuses.every(({ state }) => state?.terminated !== undefined))
      ended.add(metadata?.name ?? "");
  };
  for await (const change of pods.watchPods(`${label}=${name}`, { onTrouble: () => undefined }, signal)) {
    if (change.type === "listed") change.pods.forEach(look);
    else look(change.pod);
    if (ended.size === tasks) return;
  }
}

type Containers = readonly {
  readonly name: string;
  readonly image: string;
  readonly command?: string[];
  readonly args?: string[];
}[];

const barePod = (name: string, labels: Record<string, string>, containers: Containers): V1Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels },
  spec: {
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: containers.map((container) => ({ ...container, imagePullPolicy: "IfNotPresent" })),
  },
});

async function until(done: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + secondsMax * 1000; Date.now() < deadline; await Bun.sleep(50)) {
    if (await done()) return;
  }
  throw new Error(`Waited ${secondsMax} s in vain for ${what}`);
}
