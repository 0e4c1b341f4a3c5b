// Pod: runs the sidecar program itself over a scratch pod, as a kubelet would.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import {
  AWAIT_LAYOUT,
  ENV_CALLBACK_URL,
  ENV_PLAN,
  ENV_REPORT_KEY,
  SHELL,
} from "../../sidecar/contract/paths.ts";
import { encodePlan, type TaskPlan } from "../../sidecar/contract/plan.ts";
import { parseReport, type Report, type ReportEvent } from "../../sidecar/contract/report.ts";
import type { Roots } from "../../sidecar/roots.ts";
import { type Gate, type ScratchPod, startGate } from "../step/scratch-pod.ts";

export const reportKey = "a key for tests";

export interface Sidecar extends Disposable {
  process: ChildProcess;
  exitCode: Promise<number | null>;
  stderr(): string;
  /** All that it has written so far, on both. */
  said(): string;
  /** Its journal so far; lines that are none are left out. */
  journal(): Report[];
  events(): ReportEvent[];
  /** Waits until the journal has an event of that type. */
  saw(type: ReportEvent["type"]): Promise<void>;
}

export interface SidecarSettings {
  plan: TaskPlan;
  callbackUrl?: string;
  environment?: Record<string, string>;
  /** The command before the program's file; the runtime of the tests if absent. */
  runtime?: readonly string[];
}

export function startSidecar(
  command: string,
  { roots, root }: ScratchPod,
  settings: SidecarSettings,
): Sidecar {
  const main = join(import.meta.dirname, "../../sidecar/main.ts");
  const places = [
    `--root=${root}`,
    `--image-bin=${roots.imageBin}`,
    `--termination-log=${roots.terminationLog}`,
  ];
  const [program = process.execPath, ...options] = settings.runtime ?? [];
  const child = spawn(program, [...options, main, command, ...places], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "",
      [ENV_PLAN]: encodePlan(settings.plan),
      [ENV_REPORT_KEY]: reportKey,
      ...(settings.callbackUrl === undefined ? {} : { [ENV_CALLBACK_URL]: settings.callbackUrl }),
      ...settings.environment,
    },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const journal = (): Report[] => stdout.split("\n").flatMap((line) => parseReport(line) ?? []);
  const events = (): ReportEvent[] => journal().map(({ event }) => event);
  return {
    process: child,
    exitCode: once(child, "close").then(([code]) => code as number | null),
    stderr: () => stderr,
    said: () => stdout + stderr,
    journal,
    events,
    saw: async (type) => {
      while (!events().some((event) => event.type === type)) await once(child.stdout, "data");
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

export interface PodEnd {
  /** Nothing if the supervisor does its work. */
  stageIn?: { exitCode: number | null; events: ReportEvent[] };
  /** Nothing if stage-in failed: then no container is started. */
  supervisor?: { exitCode: number | null; events: ReportEvent[]; journal: Report[] };
  gates: number[];
  logs: { stdout: string; stderr: string }[];
  termination: unknown;
}

/** Runs a whole pod to its end. */
export async function runPod(pod: ScratchPod, settings: SidecarSettings): Promise<PodEnd> {
  const end: PodEnd = { gates: [], logs: [], termination: undefined };
  if (settings.plan.staging === "init") {
    using stageIn = startSidecar("stage-in", pod, settings);
    end.stageIn = { exitCode: await stageIn.exitCode, events: stageIn.events() };
  }
  if ((end.stageIn?.exitCode ?? 0) === 0) {
    using running = await startContainers(pod, settings);
    const exitCode = await running.supervisor.exitCode;
    end.supervisor = { exitCode, events: running.supervisor.events(), journal: running.supervisor.journal() };
    end.gates = await Promise.all(running.gates.map((gate) => gate.exitCode));
    end.logs = running.gates.map((gate) => gate.log);
  }
  end.termination = terminationMessage(pod.roots);
  return end;
}

export interface Containers extends Disposable {
  supervisor: Sidecar;
  gates: Gate[];
}

/** The supervisor, and a gate for each executor once the supervisor's postStart hook lets them start. */
export async function startContainers(pod: ScratchPod, settings: SidecarSettings): Promise<Containers> {
  const supervisor = startSidecar("supervise", pod, settings);
  const { imageBin, steps } = pod.roots;
  const hook = spawn(join(imageBin, SHELL), [join(imageBin, AWAIT_LAYOUT), steps], { stdio: "inherit" });
  await once(hook, "exit");
  const gates = settings.plan.executors.map((_, index) => startGate(pod.roots, index));
  return {
    supervisor,
    gates,
    [Symbol.dispose]: () => {
      for (const each of [supervisor, ...gates]) each[Symbol.dispose]();
    },
  };
}

export function terminationMessage(roots: Roots): unknown {
  if (!existsSync(roots.terminationLog)) return undefined;
  return JSON.parse(readFileSync(roots.terminationLog, "utf8"));
}
