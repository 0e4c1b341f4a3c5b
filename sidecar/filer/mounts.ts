// Mounts: where a path of the executors lies, in the work volume or in the shared claim.
import { join } from "node:path";
import { joinPath, normalizePath, segments, type TaskPath } from "../contract/path.ts";
import { CARRIED_FOLDER } from "../contract/paths.ts";
import type { PlanMount, TaskPlan } from "../contract/plan.ts";

/** A mount of the executors; without `volume`, its folder is in the task's own of the work volume. */
export interface Mount extends PlanMount {
  /** Where the volume is mounted on this side. */
  volume?: string;
}

/** What lies in the task's folder of the work volume: its mounts, and what is carried, which the executors do not see mounted. */
export const workMountsOf = ({ mounts, carried = [] }: Pick<TaskPlan, "mounts" | "carried">): PlanMount[] => [
  ...mounts,
  ...carried.map((path, index) => ({ path, folder: `${CARRIED_FOLDER}/${index}`, file: false })),
];

/** The same with what is mounted of the shared claim itself: that is for reading only. */
export const mountsOf = (plan: TaskPlan, files: string): Mount[] => [
  ...workMountsOf(plan),
  ...(plan.inPlace ?? []).map(({ path, subPath }) => ({ path, folder: subPath, file: false, volume: files })),
];

/** A place in a volume: the mount that holds it, and its file name on this side. */
export interface Place {
  mount: Mount;
  local: string;
}

/** The task's own folder in the work volume. */
export const taskFolder = (work: string, plan: Pick<TaskPlan, "workFolder">): string =>
  join(work, plan.workFolder);

/**
 * The place of a container path: below the mount with the longest path that holds it. Undefined if no mount holds it.
 * Throws if the path has a "..": what it means depends on links that the task made.
 */
export function placeOf(path: TaskPath, mounts: readonly Mount[], folder: string): Place | undefined {
  const names = segments(path);
  if (names.includes("..")) throw new RangeError(`Cannot use "${path}": it holds ".."`);
  for (const { depth, byPath } of levelsOf(mounts)) {
    const mount = depth > names.length ? undefined : byPath.get(joinPath(root, ...names.slice(0, depth)));
    if (mount === undefined || (mount.file && depth < names.length)) continue;
    return { mount, local: join(mount.volume ?? folder, mount.folder, ...names.slice(depth)) };
  }
  return undefined;
}

const root = normalizePath("/");

/** The mounts whose paths have so many names, by these paths. */
interface Level {
  readonly depth: number;
  readonly byPath: ReadonlyMap<TaskPath, Mount>;
}

/** The deepest level first, for every list of mounts once: places are asked for by every file. */
const levels = new WeakMap<readonly Mount[], readonly Level[]>();

function levelsOf(mounts: readonly Mount[]): readonly Level[] {
  const known = levels.get(mounts);
  if (known !== undefined) return known;
  const found = [...Map.groupBy(mounts, ({ path }) => segments(path).length)]
    .sort(([one], [other]) => other - one)
    .map(([depth, those]) => ({
      depth,
      byPath: new Map(those.map((mount) => [mount.path, mount])),
    }));
  levels.set(mounts, found);
  return found;
}

/** As placeOf, but a path outside all mounts is an error: the plan promises a mount for every path it names. */
export function mustPlace(path: TaskPath, mounts: readonly PlanMount[], folder: string): Place {
  const place = placeOf(path, mounts, folder);
  if (!place) throw new RangeError(`Cannot use "${path}": no mount of the plan holds it`);
  return place;
}
