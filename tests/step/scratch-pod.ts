// Scratch pod: the folders of a pod in a scratch folder, and its executors' gates, each as PID 1 of a namespace of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { AWAIT_LAYOUT, BUSYBOX, CARRY, GATE, NO_FORMAT, SHELL } from "../../sidecar/contract/paths.ts";
import { type PlanExecutor, type TaskPlan, taskPlanSchema } from "../../sidecar/contract/plan.ts";
import { type Roots, rootsBelow } from "../../sidecar/roots.ts";
import { layOut } from "../../sidecar/stage-in/layout.ts";
import { stepFolderIn } from "../../sidecar/step/folder.ts";
import { ensureRootfs } from "../cluster/rootfs.ts";
import { readSettings } from "../cluster/settings.ts";
import type { WrittenPlan } from "../support/written-plan.ts";

/** The programs that the sidecar's image holds, from Debian's packages; fetched if no test has needed them yet. */
const tools = join(await ensureRootfs(readSettings().cacheFolder), "tools");
export const shell = join(tools, "sh");
export const busybox = join(tools, "busybox");

export interface ScratchPod extends Disposable {
  root: string;
  roots: Roots;
}

export function makeScratchPod(): ScratchPod {
  const root = mkdtempSync(join(tmpdir(), "tespod-pod-"));
  const imageBin = join(root, "image");
  mkdirSync(imageBin);
  copyFileSync(shell, join(imageBin, SHELL));
  copyFileSync(busybox, join(imageBin, BUSYBOX));
  const scripts = join(import.meta.dirname, "../../sidecar/step");
  copyFileSync(join(scripts, "gate.sh"), join(imageBin, GATE));
  copyFileSync(join(scripts, "await-layout.sh"), join(imageBin, AWAIT_LAYOUT));
  copyFileSync(join(scripts, "no-format.sh"), join(imageBin, NO_FORMAT));
  copyFileSync(join(scripts, "carry.sh"), join(imageBin, CARRY));
  const roots = { ...rootsBelow(root), imageBin, terminationLog: join(root, "termination") };
  mkdirSync(roots.work);
  return { root, roots, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

type WrittenExecutor = WrittenPlan["executors"][number];

export const executor = (command: string[], more: Partial<WrittenExecutor> = {}): PlanExecutor => {
  const [planned] = makePlan([{ command, env: {}, ignoreError: false, ...more }]).executors;
  if (!planned) throw new Error("A plan has executors");
  return planned;
};

/** The plan with other parts, which may be written in any form. */
export const withParts = (plan: TaskPlan, parts: Partial<WrittenPlan>): TaskPlan =>
  v.parse(taskPlanSchema, { ...plan, ...parts });

/** As a pod reads it: paths may be written in any form, as in tasks. Without an executor, it is one that no pod takes. */
export function makePlan(executors: WrittenExecutor[], more: Partial<WrittenPlan> = {}): TaskPlan {
  const some = executors.length > 0 ? executors : [{ command: ["true"], env: {}, ignoreError: false }];
  const plan = v.parse(taskPlanSchema, {
    version: 1,
    task: "task-1",
    attempt: 1,
    staging: "init",
    workFolder: "",
    inputs: [],
    outputs: [],
    executors: some,
    mounts: [],
    logHeadBytes: 4096,
    logTailBytes: 4096,
    ...more,
  });
  return {
    ...plan,
    executors: plan.executors.slice(0, executors.length === 0 && !more.executors ? 0 : undefined),
  };
}

export function layOutPod(plan: TaskPlan, roots: Roots): void {
  const before = process.umask(0);
  try {
    layOut(plan, roots);
  } finally {
    process.umask(before);
  }
}

export interface Gate extends Disposable {
  exitCode: Promise<number>;
  /** What the container's own log would hold. */
  log: { stdout: string; stderr: string };
  /** The gate's own pid as this side of the namespace sees it. */
  pid(): number;
  kill(signal: NodeJS.Signals): void;
}

/** `before` is a command that ends in running the gate, a change of the user for instance. */
export function startGate(roots: Roots, index: number, before: string[] = []): Gate {
  // Never without its own PID namespace: the gate ends every process it can see.
  const command = ["--pid", "--fork", "--mount-proc", "--kill-child", ...before];
  const gate = [join(roots.bin, SHELL), join(roots.bin, GATE), stepFolderIn(roots, index)];
  const child = spawn("unshare", [...command, ...gate], { stdio: ["ignore", "pipe", "pipe"] });
  const log = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      log[name] += text;
    });
  }
  const pid = (): number => firstChildOf(child);
  return {
    exitCode: once(child, "close").then(([code]) => code as number),
    log,
    pid,
    kill: (signal) => {
      // 0 would be this process and all its kin.
      if (pid() <= 0) throw new Error("Cannot signal the gate: it is not there yet");
      process.kill(pid(), signal);
    },
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}

function firstChildOf({ pid }: ChildProcess): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0]);
}
