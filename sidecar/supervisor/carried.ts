// Carried: files of system directories, as far as gates can bring them into their containers and back.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TaskPath } from "../contract/path.ts";
import { CARRIED_FOLDER } from "../contract/paths.ts";
import type { TaskPlan } from "../contract/plan.ts";
import { taskFolder } from "../filer/mounts.ts";
import { Replan } from "../replan.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";
import { within } from "../within.ts";
import type { Step } from "./step.ts";

/** How long a gate may take to bring out what its executor left: some terabytes on a fast disk. */
const CARRY_MILLISECONDS_MAX = 3_600_000;
const NAMED_MAX = 3;

const WAY_OUT = "put it into a directory of the task's own, such as /data";

/**
 * Watches for the first gate: where its user may not write in the directory of an input, another pod mounts that file by itself.
 * The promise rejects with Replan, or never. Reports what is to be done.
 */
export async function watchPlaces(step: Step | undefined, plan: TaskPlan, report: Report): Promise<void> {
  if (!step || !plan.carried || !(await step.greeted)) return;
  const inputs = new Set(plan.inputs.map(({ path }) => path));
  const paths = unplacedOf(step, plan).filter((path) => inputs.has(path));
  if (paths.length === 0) return;
  report({ type: "unplaced", paths: [...paths] });
  throw new Replan(
    `Executor 0's user cannot write beside ${named(paths)}, so that is mounted by itself: its user can read it, and neither change, remove nor rename it`,
  );
}

const unplacedOf = (step: Step, { carried = [] }: TaskPlan): readonly TaskPath[] =>
  step.unplaced().flatMap((index) => carried[index] ?? []);

function named(paths: readonly string[]): string {
  const some = paths.slice(0, NAMED_MAX).map((path) => `"${path}"`);
  const more = paths.length - some.length;
  return more > 0 ? `${some.join(", ")} and ${more} more` : some.join(", ");
}

/** Notes what a later executor will not see of what is there. The first one's inputs are mounted, if it comes to that. */
export function tellUnseen(
  step: Step,
  index: number,
  { plan, roots, report }: { plan: TaskPlan; roots: Roots; report: Report },
): void {
  const folder = join(taskFolder(roots.work, plan), CARRIED_FOLDER);
  const unseen = step.unplaced().filter((at) => existsSync(join(folder, String(at))));
  // Its own streams go to the work volume, whatever its user may write to.
  const { stdout, stderr } = plan.executors[index] ?? {};
  const paths = unseen
    .flatMap((at) => plan.carried?.[at] ?? [])
    .filter((path) => path !== stdout && path !== stderr);
  if (index === 0 || paths.length === 0) return;
  const message = `Executor ${index} does not see ${named(paths)}: its user cannot write in that directory of its image; ${WAY_OUT}`;
  report({ type: "note", message });
}

/** What an executor that failed may have failed of. */
export function unplacedHint(step: Step, index: number, plan: TaskPlan): string | undefined {
  const paths = unplacedOf(step, plan);
  if (paths.length === 0) return undefined;
  return `Executor ${index} failed, and its user cannot write in the directory of ${named(paths)}; ${WAY_OUT}`;
}

/** Waits until the gate has brought out what the executor left; then, why it is not all there, if so. */
export async function broughtOut(
  step: Step,
  index: number,
  { plan, stopped }: { plan: TaskPlan; stopped: Promise<void> },
): Promise<Error | undefined> {
  if (!plan.carried) return undefined;
  if (step.carried().state === "under way")
    await within(CARRY_MILLISECONDS_MAX, Promise.race([step.over, stopped]));
  const { state, lost } = step.carried();
  const [first] = lost;
  if (first) {
    const path = plan.carried[first.index] ?? "a file";
    return new Error(`Cannot keep "${path}" of executor ${index}: ${first.reason}`);
  }
  if (state === "over") return undefined;
  return new Error(
    `Cannot keep what executor ${index} left of ${named(plan.carried)}: its container ended before it was copied`,
  );
}
