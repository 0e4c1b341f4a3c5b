// Which inputs executors see in the shared claim itself, read-only, and are not copied: where nobody could tell the difference
// but by writing to them.
import { isFileUrl, readFileUrl } from "../../sidecar/contract/file-url.ts";
import { hasWildcards, matchesName, splitPattern } from "../../sidecar/contract/glob.ts";
import type { PlanInPlace } from "../../sidecar/contract/plan.ts";
import { isWithin, normalizePath } from "../tes/path.ts";
import type { Redirected } from "../tes/record.ts";
import type { Input, Task } from "../tes/task.ts";
import type { PodSettings, SharedFiles } from "./settings.ts";

/** Mounts of all containers together: the kubelet makes and removes each by itself. */
const mountsMax = 128;
/** Their names in the pod object, which etcd bounds. */
const mountBytesMax = 64 * 1024;
/** Of more inputs the rest is copied without a look. */
const consideredMax = 1024;
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
  const paths = inputs.map(({ path }) => normalizePath(path));
  const chosen: PlanInPlace[] = [];
  let bytes = 0;
  for (const { isFolder, ...inPlace } of candidates.slice(0, consideredMax)) {
    if ((chosen.length + 1) * task.executors.length > mountsMax) break;
    const size = task.executors.length * Buffer.byteLength(inPlace.path + inPlace.subPath);
    if (bytes + size > mountBytesMax) continue;
    if (overlapsAnother(inPlace, paths) || mayBeWritten(inPlace.path, isFolder, task)) continue;
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
  const subPath = below(normalizePath(source.path), root);
  if (subPath === undefined || !subPath.isWellFormed()) return undefined;
  if (Buffer.byteLength(subPath) > subPathBytesMax) return undefined;
  const settled = found === undefined ? {} : ({ settled: true } as const);
  return { input, path: normalizePath(path), subPath, ...settled, isFolder: type === "DIRECTORY" };
}

/** Undefined for the root itself, and for what is not in it. */
function below(path: string, root: string): string | undefined {
  if (path === root || !isWithin(path, root)) return undefined;
  return path.slice(root === "/" ? 1 : root.length + 1);
}

const overlap = (one: string, other: string): boolean => isWithin(one, other) || isWithin(other, one);

const overlapsAnother = ({ input, path }: PlanInPlace, paths: readonly string[]): boolean =>
  paths.some((other, index) => index !== input && overlap(path, other));

function mayBeWritten(path: string, isFolder: boolean, task: Task): boolean {
  const { outputs = [], volumes = [], executors } = task;
  const isInside = (other: string | undefined): boolean =>
    other !== undefined && isWithin(normalizePath(other), path);
  return (
    outputs.some((output) => takes(output.path, path)) ||
    volumes.some((volume) => isInside(volume) || (isFolder && isWithin(path, normalizePath(volume)))) ||
    executors.some(({ stdout, stderr, workdir, command }) =>
      [stdout, stderr, workdir, command[0]?.startsWith("/") ? command[0] : undefined].some(isInside),
    )
  );
}

/** Whether what an output names may hold the path, be it, or lie in it. */
function takes(output: string, path: string): boolean {
  // Without wildcards a path is literal, but for escapes of wildcards.
  if (!hasWildcards(output) && !/\\[*?[]/.test(output)) return overlap(normalizePath(output), path);
  const { folder, patterns } = splitPattern(output);
  const prefix = normalizePath(folder);
  if (isWithin(prefix, path)) return true;
  const names = below(path, prefix)?.split("/");
  if (names === undefined) return false;
  return patterns.every((pattern, index) => {
    const name = names[index];
    return name === undefined || matchesName(pattern, name);
  });
}
