// Which inputs executors see in the shared claim itself, read-only, and are not copied: where nobody could tell the difference
// but by writing to them.
import { isFileUrl, readFileUrl } from "../../sidecar/contract/file-url.ts";
import { matchesName } from "../../sidecar/contract/glob.ts";
import { outputPath, type Search, searchOf } from "../../sidecar/contract/output-path.ts";
import { isWithin, normalizePath, relativeTo, type TaskPath } from "../../sidecar/contract/path.ts";
import type { PlanInPlace } from "../../sidecar/contract/plan.ts";
import type { Redirected } from "../tes/record.ts";
import type { Input, Task } from "../tes/task.ts";
import { anyWithin, holderAmong, outermostKeys, overlappingKeys, sortKey } from "./directory-set.ts";
import { inPlaceMost } from "./mount-bounds.ts";
import { planLayout } from "./mounts.ts";
import type { PodSettings, SharedFiles } from "./settings.ts";

/** Their names in the pod object, which etcd bounds. */
const mountBytesMax = 64 * 1024;
/** Of more inputs the rest is copied without a look; also of fewer, where each is compared with many wildcards. */
const consideredMax = 1024;
const comparisonsMax = 100_000;
/** The kernel's bound on a path, less what comes before it on the node. */
const subPathBytesMax = 3072;

interface Candidate extends PlanInPlace {
  isFolder: boolean;
}

/**
 * The inputs to mount in place, in their order, as many as a pod can hold. Copied is whatever the task may want to write to: what
 * outputs, volumes, redirects and workdirs name, and what holds another input; and what is run itself, since copies are
 * executable. `redirected` is what pods before found of the inputs: where they really are, "" for those to be copied.
 */
export function planInPlace(
  task: Task,
  { files }: Pick<PodSettings, "files">,
  redirected: Redirected = {},
): PlanInPlace[] {
  if (!files?.inPlace) return [];
  const inputs = task.inputs ?? [];
  const candidates = inputs.flatMap((input, index) => candidate(input, index, files, redirected) ?? []);
  const overlapping = overlappingKeys(inputs.map(({ path }) => normalizePath(path)));
  const writing = writingOf(task);
  const considered = Math.min(consideredMax, Math.floor(comparisonsMax / (writing.patterns.length + 1)));
  const executors = task.executors.length;
  // A task that can be mounted with copies of all inputs is never refused for those in place.
  const most = candidates.length === 0 ? 0 : inPlaceMost(executors, planLayout(task).mounts.length);
  const chosen: PlanInPlace[] = [];
  let bytes = 0;
  for (const { isFolder, ...inPlace } of candidates.slice(0, considered)) {
    if (chosen.length >= most) break;
    const size = executors * Buffer.byteLength(inPlace.path + inPlace.subPath);
    if (bytes + size > mountBytesMax) continue;
    if (overlapping.has(sortKey(inPlace.path)) || mayBeWritten(inPlace.path, isFolder, writing)) continue;
    chosen.push(inPlace);
    bytes += size;
  }
  return chosen;
}

function candidate(
  { path, type, url, content }: Input,
  input: number,
  { root }: SharedFiles,
  redirected: Redirected,
): Candidate | undefined {
  if (content || url === undefined || !isFileUrl(url)) return undefined;
  const found = redirected[input];
  const source = found === undefined ? readFileUrl(url) : { path: found };
  if ("fault" in source) return undefined;
  const subPath = relativeTo(normalizePath(source.path), root);
  if (subPath === undefined || subPath === "" || !subPath.isWellFormed()) return undefined;
  if (Buffer.byteLength(subPath) > subPathBytesMax) return undefined;
  const settled = found === undefined ? {} : ({ settled: true } as const);
  return { input, path: normalizePath(path), subPath, ...settled, isFolder: type === "DIRECTORY" };
}

/** What a task may write to. */
interface Writing {
  /** Outputs without wildcards: what holds them, is one, or lies in one may be written to. */
  isTaken(path: TaskPath): boolean;
  /** Volumes, redirects, workdirs and programs: what holds them may be written to. */
  isInside(path: TaskPath): boolean;
  isInVolume(path: TaskPath): boolean;
  readonly patterns: readonly Search[];
}

function writingOf({ outputs = [], volumes = [], executors }: Task): Writing {
  const searches = [...new Set(outputs.map(({ path }) => outputPath(path)))].map(searchOf);
  const taken = outermostKeys(
    searches.filter(({ patterns }) => patterns.length === 0).map(({ folder }) => folder),
  );
  const inVolumes = outermostKeys(volumes.map(normalizePath));
  const used = executors.flatMap(({ stdout, stderr, workdir, command: [program] }) =>
    [stdout, stderr, workdir, program?.startsWith("/") ? program : undefined].flatMap((path) =>
      path === undefined ? [] : [normalizePath(path)],
    ),
  );
  const [takenBy, holdsTaken] = [holderAmong(taken), anyWithin(taken)];
  const volumeOf = holderAmong(inVolumes);
  return {
    isTaken: (path) => takenBy(path) !== undefined || holdsTaken(path),
    isInside: anyWithin([...volumes.map(normalizePath), ...used].map(sortKey).sort()),
    isInVolume: (path) => volumeOf(path) !== undefined,
    patterns: searches.filter(({ patterns }) => patterns.length > 0),
  };
}

const mayBeWritten = (path: TaskPath, isFolder: boolean, writing: Writing): boolean =>
  writing.isTaken(path) ||
  writing.isInside(path) ||
  (isFolder && writing.isInVolume(path)) ||
  writing.patterns.some((pattern) => takes(pattern, path));

/** Whether what an output with wildcards names may hold the path, be it, or lie in it. */
function takes({ folder, patterns }: Search, path: TaskPath): boolean {
  if (isWithin(folder, path)) return true;
  const ahead = relativeTo(path, folder)?.split("/");
  if (ahead === undefined) return false;
  return patterns.every((pattern, index) => {
    const name = ahead[index];
    return name === undefined || matchesName(pattern, name);
  });
}
