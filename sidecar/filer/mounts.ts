// Mounts: where a path of the executors lies in the work volume.
import { join } from "node:path";
import type { PlanMount, TaskPlan } from "../contract/plan.ts";

/** A place in the work volume: the mount that holds it, and its file name on this side. */
export interface Place {
  mount: PlanMount;
  local: string;
}

/** The task's own folder in the work volume. */
export const taskFolder = (work: string, plan: Pick<TaskPlan, "workFolder">): string =>
  join(work, plan.workFolder);

/** The names between the slashes; empty ones and "." do not count. */
export const segments = (path: string): string[] =>
  path.split("/").filter((name) => name !== "" && name !== ".");

/**
 * The place of a container path: below the mount with the longest path that holds it. Undefined if no mount holds it.
 * Throws if the path has a "..": what it means depends on links that the task made.
 */
export function placeOf(path: string, mounts: readonly PlanMount[], folder: string): Place | undefined {
  const names = segments(path);
  if (names.includes("..")) throw new RangeError(`Cannot use "${path}": it holds ".."`);
  let best: { mount: PlanMount; depth: number } | undefined;
  for (const mount of mounts) {
    const own = segments(mount.path);
    const holds = own.length <= names.length && own.every((name, index) => name === names[index]);
    if (holds && !(mount.file && own.length < names.length) && own.length >= (best?.depth ?? 0)) {
      best = { mount, depth: own.length };
    }
  }
  return best && { mount: best.mount, local: join(folder, best.mount.folder, ...names.slice(best.depth)) };
}

/** As placeOf, but a path outside all mounts is an error: the plan promises a mount for every path it names. */
export function mustPlace(path: string, mounts: readonly PlanMount[], folder: string): Place {
  const place = placeOf(path, mounts, folder);
  if (!place) throw new RangeError(`Cannot use "${path}": no mount of the plan holds it`);
  return place;
}
