// Which inputs executors see in the shared claim itself, read-only, and are not copied: where nobody could tell the difference
// but by writing to them.
import { isFileUrl, readFileUrl } from "../../sidecar/contract/file-url.ts";
import { hasWildcards, matchesName, splitPattern } from "../../sidecar/contract/glob.ts";
import type { PlanInPlace } from "../../sidecar/contract/plan.ts";
import { isWithin, normalizePath } from "../tes/path.ts";
import type { Redirected } from "../tes/record.ts";
import type { Input, Task } from "../tes/task.ts";
import { anyWithin, holderAmong, outermostKeys, overlappingKeys, sortKey } from "./directory-set.ts";
import { inPlaceMost } from "./mount-bounds.ts";
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
  const chosen: PlanInPlace[] = [];
  let bytes = 0;
  for (const { isFolder, ...inPlace } of candidates.slice(0, considered)) {
    if (chosen.length >= inPlaceMost(executors)) break;
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

/** What a task may write to. */
interface Writing {
  /** Outputs without wildcards: what holds them, is one, or lies in one may be written to. */
  isTaken(path: string): boolean;
  /** Volumes, redirects, workdirs and programs: what holds them may be written to. */
  isInside(path: string): boolean;
  isInVolume(path: string): boolean;
  readonly patterns: readonly Pattern[];
}

interface Pattern {
  readonly prefix: string;
  readonly names: readonly string[];
}

function writingOf({ outputs = [], volumes = [], executors }: Task): Writing {
  const [literal, patterns] = [new Set<string>(), new Set<string>()];
  // Without wildcards a path is literal, but for escapes of wildcards.
  for (const { path } of outputs) {
    if (hasWildcards(path) || /\\[*?[]/.test(path)) patterns.add(path);
    else literal.add(normalizePath(path));
  }
  const taken = outermostKeys(literal);
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
    patterns: [...patterns].map((pattern) => {
      const { folder, patterns: names } = splitPattern(pattern);
      return { prefix: normalizePath(folder), names };
    }),
  };
}

const mayBeWritten = (path: string, isFolder: boolean, writing: Writing): boolean =>
  writing.isTaken(path) ||
  writing.isInside(path) ||
  (isFolder && writing.isInVolume(path)) ||
  writing.patterns.some((pattern) => takes(pattern, path));

/** Whether what an output with wildcards names may hold the path, be it, or lie in it. */
function takes({ prefix, names }: Pattern, path: string): boolean {
  if (isWithin(prefix, path)) return true;
  const ahead = below(path, prefix)?.split("/");
  if (ahead === undefined) return false;
  return names.every((pattern, index) => {
    const name = ahead[index];
    return name === undefined || matchesName(pattern, name);
  });
}
