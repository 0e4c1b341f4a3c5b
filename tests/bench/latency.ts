// Latency of tasks against a bare pod on the same cluster, in turn, in the same run.
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import type { Cluster as Pods } from "../../src/cluster/cluster.ts";
import type { TesClient } from "../support/tes-client.ts";
import { type Figure, figure } from "./figures.ts";

/** A kind of task to measure: what it is called, which service runs it, and the task of each round. */
export interface Contender {
  readonly name: string;
  readonly tes: TesClient;
  readonly make: (round: number) => object;
}

export interface LatencyBench {
  /** Where the bare pods run. */
  readonly pods: Pods;
  readonly image: string;
  readonly rounds: number;
  readonly contenders: readonly Contender[];
}

/** Both are asked every so often how far they are: neither gets the advantage of a push. */
const pollMilliseconds = 10;

interface TaskTimes {
  readonly answered: number;
  readonly started: number;
  readonly ended: number;
  readonly complete: number;
  /** Of the bare pod of the same round. */
  readonly ratio: number;
}

interface PodTimes {
  readonly terminated: number;
  readonly succeeded: number;
}

/**
 * POST → COMPLETE seen, against POST → Succeeded seen. A pause of random length before each, so that no run is in step
 * with the kubelet's clock of one second.
 */
export async function benchLatency(bench: LatencyBench): Promise<Figure[]> {
  const pods: PodTimes[] = [];
  const tasks = new Map<string, TaskTimes[]>(bench.contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < bench.rounds; round++) {
    const pod = await afterPause(() => runBarePod(bench, round));
    pods.push(pod);
    const words = [`bare pod ${pod.succeeded} ms`];
    for (const contender of bench.contenders) {
      const task = await afterPause(() => runTask(contender, round));
      tasks.get(contender.name)?.push({ ...task, ratio: task.complete / pod.succeeded });
      words.push(`${contender.name} ${task.complete} ms`);
    }
    console.error(`round ${round + 1}/${bench.rounds}: ${words.join(", ")}`);
  }
  return [...podFigures(pods), ...[...tasks].flatMap(([name, times]) => taskFigures(name, times))];
}

export async function afterPause<T>(run: () => Promise<T>): Promise<T> {
  await sleep(randomInt(200, 1200));
  return run();
}

const column = <T>(rows: readonly T[], key: keyof T) => rows.map((row) => row[key] as number);

const podFigures = (pods: readonly PodTimes[]): Figure[] => [
  figure("latency", "bare pod: POST → terminated seen", "ms", column(pods, "terminated")),
  figure("latency", "bare pod: POST → Succeeded seen", "ms", column(pods, "succeeded")),
];

const taskFigures = (name: string, times: readonly TaskTimes[]): Figure[] => [
  figure("latency", `${name}: POST answered`, "ms", column(times, "answered")),
  figure("latency", `${name}: POST → executor starts`, "ms", column(times, "started")),
  figure("latency", `${name}: POST → executor ended`, "ms", column(times, "ended")),
  figure("latency", `${name}: POST → COMPLETE seen`, "ms", column(times, "complete")),
  figure("latency", `${name}: COMPLETE / Succeeded`, "", column(times, "ratio")),
];

export async function runTask(
  { tes, make, name }: Contender,
  round: number,
): Promise<Omit<TaskTimes, "ratio">> {
  const posted = Date.now();
  const id = await tes.create(make(round));
  const answered = Date.now() - posted;
  const task = await tes.wait(id, { everyMilliseconds: pollMilliseconds });
  const complete = Date.now() - posted;
  if (task.state !== "COMPLETE") throw new Error(`${name} ended ${task.state}: ${JSON.stringify(task)}`);
  const executor = task.logs?.[0]?.logs[0];
  const since = (time: string | undefined) => Date.parse(time ?? "") - posted;
  return { answered, started: since(executor?.start_time), ended: since(executor?.end_time), complete };
}

async function runBarePod({ pods, image }: LatencyBench, round: number): Promise<PodTimes> {
  const name = `bench-${Date.now().toString(36)}-${round}`;
  const signal = AbortSignal.timeout(60_000);
  const posted = Date.now();
  await pods.createPod(barePod(name, image), signal);
  let terminated: number | undefined;
  for (;;) {
    const status = (await pods.getPod(name, signal))?.status;
    if (status?.containerStatuses?.[0]?.state?.terminated !== undefined) terminated ??= Date.now() - posted;
    if (status?.phase === "Succeeded") break;
    await sleep(pollMilliseconds);
  }
  const succeeded = Date.now() - posted;
  await pods.deletePod(name, { graceSeconds: 0 }, signal);
  return { terminated: terminated ?? succeeded, succeeded };
}

const barePod = (name: string, image: string): V1Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: "tespod-bench" } },
  spec: {
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [{ name: "main", image, imagePullPolicy: "IfNotPresent", command: ["true"] }],
  },
});
