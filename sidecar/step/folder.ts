// Step folders: what stage-in makes for each executor, its script and its FIFOs.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  BUSYBOX,
  logFifo,
  PLACES,
  REPORT_FIFO,
  STDERR_FIFO,
  STDOUT_FIFO,
  STEP_SCRIPT,
  STEPS,
  stepFolder,
  TURN_FIFO,
} from "../contract/paths.ts";
import type { PlanExecutor, TaskPlan } from "../contract/plan.ts";
import type { Roots } from "../roots.ts";
import { placesScript, stepScript } from "./script.ts";

/** The step folder of an executor below other roots. */
export const stepFolderIn = (roots: Roots, executor: number): string =>
  roots.steps + stepFolder(executor).slice(STEPS.length);

/**
 * Makes every executor's step folder. Wants umask 0: the FIFOs must be writable by whatever uid the executor runs as.
 * Not idempotent.
 */
export function makeStepFolders(
  { executors, carried = [] }: Pick<TaskPlan, "executors" | "carried">,
  roots: Roots,
): void {
  const fifos = executors.flatMap((executor, index) => {
    const folder = stepFolderIn(roots, index);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    writeFileSync(join(folder, STEP_SCRIPT), stepScript(executor, carried), { mode: 0o644 });
    if (carried.length > 0)
      writeFileSync(join(folder, PLACES), placesScript(executor, carried), { mode: 0o644 });
    return fifoNames(executor).map((name) => join(folder, name));
  });
  // One process for all: the runtime has no mkfifo, and each start of a process costs milliseconds here.
  const made = spawnSync(join(roots.imageBin, BUSYBOX), ["mkfifo", "-m", "666", ...fifos], {
    encoding: "utf8",
  });
  if (made.error) throw new Error("Cannot make the FIFOs of the steps", { cause: made.error });
  if (made.status !== 0) throw new Error(`Cannot make the FIFOs of the steps: ${made.stderr.trim()}`);
}

function fifoNames({ stdout, stderr }: PlanExecutor): string[] {
  const names = [TURN_FIFO, REPORT_FIFO, STDOUT_FIFO, STDERR_FIFO];
  if (stdout === undefined) names.push(logFifo(STDOUT_FIFO));
  if (stderr === undefined) names.push(logFifo(STDERR_FIFO));
  return names;
}
