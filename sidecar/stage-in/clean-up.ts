// Clean-up: takes a task's folder out of a claim that it shared with other tasks.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TaskPlan } from "../contract/plan.ts";
import { taskFolder } from "../filer/mounts.ts";
import { reasonOf } from "../reason.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";

/** What tasks' folders in a shared claim are called: nothing else there is ours. */
const TASK_FOLDER = /^tes-[a-z0-9-]+$/;

/**
 * Removes folders of the work volume, of tasks whose own pods could not do it. Idempotent. Throws when the first cannot be
 * removed, naming it.
 */
export async function removeFolders(work: string, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    if (!TASK_FOLDER.test(folder))
      throw new TypeError(`Cannot remove "${folder}": it is no folder of a task`);
    try {
      await rm(join(work, folder), { recursive: true, force: true });
    } catch (cause) {
      throw new Error(`Cannot remove folder "${folder}": ${reasonOf(cause)}`, { cause });
    }
  }
}

interface CleanUpContext {
  plan: TaskPlan;
  roots: Roots;
  report: Report;
}

/**
 * Removes the task's folder if the volume is not the task's own. Idempotent. Never throws: a task does not fail of what it
 * leaves behind, but says so.
 */
export async function cleanUp({ plan, roots, report }: CleanUpContext): Promise<void> {
  if (plan.workFolder === "") return;
  const folder = taskFolder(roots.work, plan);
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    report({
      type: "note",
      message: `Folder "${plan.workFolder}" was left in the claim: ${reasonOf(error)}`,
    });
  }
}
