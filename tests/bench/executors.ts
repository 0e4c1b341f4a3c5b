// Executors: the gap between two of them, how long a cancel takes, and what gates, supervisor and service cost.
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../support/deploy.ts";
import type { TesTask } from "../support/tes-client.ts";
import { type Figure, figure } from "./figures.ts";
import { residentMemory } from "./resident.ts";

const bench = "executors";
const image = "localhost/busybox:1";
const pollMilliseconds = 10;
const executorsPerTask = 12;
/** The first lasts until the kubelet has started all the others, one by one: else their start would be measured. */
const firstSeconds = 10;
/** Both kinds of tool say nothing, so that nothing but the signal is measured. */
const cancelled = [
  { name: "a tool that obeys", script: "exec sleep 1000" },
  { name: "a tool that does not (grace 5 s)", script: "trap '' TERM; while :; do sleep 1; done" },
];

interface ExecutorsBench {
  readonly deployed: Deployed;
  readonly rounds: number;
}

/** One figure after the other, as they come. */
export async function* benchExecutors({ deployed, rounds }: ExecutorsBench): AsyncGenerator<Figure> {
  yield* memory("service: resident, idle", [await serviceMemory(deployed)]);
  yield figure(
    bench,
    `gap between two executors, ${executorsPerTask} in a task`,
    "ms",
    await gaps(deployed, rounds),
  );
  for (const { name, script } of cancelled)
    yield figure(
      bench,
      `cancel of ${name}: POST → CANCELED seen`,
      "ms",
      await cancels(deployed, script, rounds),
    );
  for (const count of [1, 64]) {
    const seen = await supervisorMemory(deployed, count);
    yield* memory(`supervisor: resident, ${count} executors`, [seen?.now]);
    yield* memory(`supervisor: resident at its peak, ${count} executors`, [seen?.peak]);
    yield* memory(`gate: resident, ${count} executors`, [seen?.gate]);
  }
  yield* memory("service: resident after all that", [await serviceMemory(deployed)]);
}

function* memory(name: string, values: readonly (number | undefined)[]): Generator<Figure> {
  const seen = values.filter((value) => value !== undefined);
  if (seen.length > 0) yield figure(bench, name, "MiB", seen);
  else console.error(`${name}: not measured, this host is not the node`);
}

async function gaps({ tes }: Deployed, rounds: number): Promise<number[]> {
  const gaps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = { image, command: ["sleep", String(firstSeconds)] };
    const executors = [first, ...Array(executorsPerTask - 1).fill({ image, command: ["true"] })];
    const task = await tes.wait(await tes.create({ executors }), { everyMilliseconds: 100 });
    gaps.push(...gapsOf(task));
    console.error(`round ${round + 1}/${rounds}: gaps up to ${Math.max(...gapsOf(task))} ms`);
  }
  return gaps;
}

/** From the end of each executor's command to the release of the next. */
function gapsOf({ state, logs }: TesTask): number[] {
  const log = logs?.[0]?.logs ?? [];
  if (state !== "COMPLETE") throw new Error(`A task of ${executorsPerTask} executors ended ${state}`);
  return log
    .slice(1)
    .map((next, index) => Date.parse(next.start_time) - Date.parse(log[index]?.end_time ?? ""));
}

async function cancels({ tes }: Deployed, script: string, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const id = await tes.create({ executors: [{ image, command: ["sh", "-c", script] }] });
    await tes.wait(id, { until: (state) => state === "RUNNING", everyMilliseconds: pollMilliseconds });
    // The shell has set its trap, and no run is in step with the kubelet's clock of one second.
    await sleep(500 + Math.random() * 1000);
    const posted = Date.now();
    await tes.cancel(id);
    const { state } = await tes.wait(id, { everyMilliseconds: pollMilliseconds });
    if (state !== "CANCELED") throw new Error(`A canceled task ended ${state}`);
    times.push(Date.now() - posted);
    console.error(`round ${round + 1}/${rounds}: canceled in ${times.at(-1)} ms`);
  }
  return times;
}

const podUid = (kubectl: Deployed["kubectl"], pod: string): Promise<string> =>
  kubectl(["get", ...pod.split(" "), "-o", "jsonpath={.metadata.uid}{.items[*].metadata.uid}"]);

async function serviceMemory(deployed: Deployed): Promise<number | undefined> {
  const uid = await podUid(deployed.serviceKubectl, "pods -l app.kubernetes.io/name=tespod");
  return residentMemory(uid, ["/tespod"])?.now;
}

/** While the last of so many executors runs. */
async function supervisorMemory(deployed: Deployed, count: number) {
  const { tes } = deployed;
  const quick = Array(count - 1).fill({ image, command: ["true"] });
  const id = await tes.create({ executors: [...quick, { image, command: ["sleep", "3"] }] });
  const ended = async () => (await tes.get(id, "BASIC")).logs?.[0]?.logs.length ?? 0;
  while ((await ended()) < count - 1) await sleep(100);
  await tes.wait(id, { until: (state) => state === "RUNNING" });
  await sleep(500);
  const uid = await podUid(deployed.kubectl, `pod tes-${id}-1`);
  const supervisor = residentMemory(uid, ["/tespod-sidecar", "supervise"]);
  const gate = residentMemory(uid, ["/.tes/bin/sh", "/.tes/bin/gate"]);
  await tes.wait(id);
  return supervisor && { ...supervisor, gate: gate?.now };
}
