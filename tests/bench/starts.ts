// Starts: how long the two programs of a pod take to be there, as processes on this host, without kubelet and runtime.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ENV_PLAN, LAID_OUT } from "../../sidecar/contract/paths.ts";
import { encodePlan } from "../../sidecar/contract/plan.ts";
import { executor, makePlan, makeScratchPod, startGate } from "../step/scratch-pod.ts";
import { type Figure, figure } from "./figures.ts";
import { compileSidecar, imageEnvironment } from "./sidecar-program.ts";

export async function benchStarts(bench: string, rounds: number): Promise<Figure[]> {
  using program = await compileSidecar();
  const layouts: number[] = [];
  const gates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { layout, gate } = await startOnce(program.path);
    layouts.push(layout);
    gates.push(gate);
  }
  return [
    figure(bench, "supervisor: its start → executors may be started", "ms", layouts),
    figure(bench, "gate: its start → its executor released", "ms", gates),
  ];
}

async function startOnce(program: string): Promise<{ layout: number; gate: number }> {
  using pod = makeScratchPod();
  const { root, roots } = pod;
  const plan = makePlan([executor(["true"])], { staging: "supervisor" });
  const places = [
    `--root=${root}`,
    `--image-bin=${roots.imageBin}`,
    `--termination-log=${roots.terminationLog}`,
  ];
  const started = performance.now();
  const supervisor = Bun.spawn([program, "supervise", ...places], {
    env: { PATH: process.env["PATH"] ?? "", ...imageEnvironment(), [ENV_PLAN]: encodePlan(plan) },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  while (!existsSync(join(roots.steps, LAID_OUT))) {
    if (supervisor.exitCode !== null) throw new Error(`The supervisor ended with ${supervisor.exitCode}`);
    await sleep(1);
  }
  const laidOut = performance.now();
  using gate = startGate(roots, 0);
  let said = "";
  let released: number | undefined;
  for await (const chunk of supervisor.stdout) {
    said += Buffer.from(chunk).toString();
    if (said.includes('"executor-started"')) released ??= performance.now();
  }
  await gate.exitCode;
  if (released === undefined) throw new Error(`The executor was not released: ${said}`);
  return { layout: laidOut - started, gate: released - laidOut };
}
