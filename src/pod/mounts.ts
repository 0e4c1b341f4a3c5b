// Which paths of the executors are mounted from the work volume, under which folder name, and what is made inside of them.
import { outputPath, searchOf } from "../../sidecar/contract/output-path.ts";
import { normalizePath, parentPath, type TaskPath } from "../../sidecar/contract/path.ts";
import type { PlanInPlace, PlanMount } from "../../sidecar/contract/plan.ts";
import { TesError } from "../tes/errors.ts";
import { isScratchFolder, isSystemFolder } from "../tes/path.ts";
import type { Task } from "../tes/task.ts";
import { anyWithin, holderAmong, outermostKeys, pathOfKey, sortKey } from "./directory-set.ts";
import { isImageDirectory } from "./image-directories.ts";
import { mergeDirectories } from "./merge.ts";
import { workMountsMost } from "./mount-bounds.ts";

export interface Layout {
  readonly mounts: PlanMount[];
  /** Files right in system folders, which the gates bring in and out. */
  readonly carried: TaskPath[];
  /** Directories inside of mounts that executors may count on. */
  readonly folders: TaskPath[];
  /** Those of the mounts that nothing of the task names: they hold directories that are too many to mount each. */
  readonly merged: string[];
}

/**
 * The mounts of a task: the folder of every file, every DIRECTORY and volume, the fixed part of every wildcard; what lies
 * in another of them is left out, since mounts inside mounts of the same volume would hide files. A folder mount hides the
 * image's own content, so a file right in a system folder is carried in and out by the gates (those in `unplaced` are mounted by themselves), and a workdir only where no image has
 * anything to hide. Any other workdir that the image lacks is made by the runtime, for root. What is mounted `inPlace` has a
 * mount of its own, in its folder's if there is one. Of more folders than a container may have mounts, some are merged into
 * those that hold them. Throws TesError "invalid" if they are too many even so.
 */
export function planLayout(
  task: Task,
  inPlace: readonly PlanInPlace[] = [],
  unplaced: readonly string[] = [],
): Layout {
  const wanted = wantedPaths(task);
  const inPlaceOf = holderAmong(outermostKeys(inPlace.map(({ path }) => path)));
  const isCopied = (path: TaskPath | undefined): path is TaskPath =>
    path !== undefined && inPlaceOf(path) === undefined;
  const own = outermostKeys(wanted.map(({ folder }) => folder).filter(isCopied));
  const holderOf = holderAmong(own);
  const single = singleFiles(wanted.map(({ file }) => file).filter(isCopied), holderOf);
  const isMounted = mountedByItself(task, unplaced);
  const files = single
    .filter(isMounted)
    .map((path, index) => ({ path, folder: `file-${index}`, file: true }));
  const carried = single.filter((path) => !isMounted(path));
  if (carried.length > carriedMax) throw tooManyCarried(carried);
  const most = workMountsMost(task.executors.length, inPlace.length) - files.length;
  const keys = mergeDirectories(own, most, coverable(task, holderOf));
  if (keys.length > most) {
    const paths = [...keys.map(pathOfKey), ...files.map(({ path }) => path)];
    throw tooMany(paths, most + files.length, task);
  }
  const folders = keys.map((key, index) => ({ path: pathOfKey(key), folder: `dir-${index}`, file: false }));
  const unmerged = new Set(keys.length < own.length ? own : keys);
  return {
    mounts: [...folders, ...files],
    carried,
    folders: plannedFolders(wanted, own, keys),
    merged: keys.filter((key) => !unmerged.has(key)).map(pathOfKey),
  };
}

type HolderOf = ReturnType<typeof holderAmong>;

/** Files right in system folders, and in none of the task's. */
const singleFiles = (files: readonly TaskPath[], holderOf: HolderOf): TaskPath[] =>
  [...new Set(files)].filter((path) => holderOf(path) === undefined);

/** What the runtime mounts in every container, for the whole pod: to replace it there would change it for all. */
const runtimeFiles = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/** Only inputs, which are there: mounted by itself, what is missing would be an empty file. */
function mountedByItself({ inputs = [] }: Task, unplaced: readonly string[]): (path: TaskPath) => boolean {
  const paths = new Set<string>(inputs.map(({ path }) => normalizePath(path)));
  const mounted = new Set([...runtimeFiles, ...unplaced].filter((path) => paths.has(path)));
  return (path) => mounted.has(path);
}

/** Each costs some milliseconds of each executor. */
const carriedMax = 256;

function tooManyCarried(paths: readonly string[]): TesError {
  const named = paths.slice(0, namedMax).map((path) => `"${path}"`);
  return new TesError(
    "invalid",
    `Task is not valid: ${paths.length} of its files lie right in directories of the system (${named.join(", ")}, …), at most ${carriedMax} may; put them into a directory of their own, such as /data`,
  );
}

/**
 * Whether a mount that the task did not ask for may be put over a folder: not where images have something of their own, and not
 * over a program that an executor names and that no folder of the task's holds, for then the image does.
 */
function coverable({ executors }: Task, holderOf: HolderOf): (path: TaskPath) => boolean {
  const programs = executors
    .flatMap(({ command: [program = ""] }) => (program.startsWith("/") ? [normalizePath(program)] : []))
    .filter((program) => holderOf(program) === undefined);
  const holdsProgram = anyWithin(programs.map(sortKey).sort());
  return (path) => !isImageDirectory(path) && !holdsProgram(path);
}

const namedMax = 3;

function tooMany(paths: readonly string[], most: number, { executors }: Task): TesError {
  const named = paths.slice(0, namedMax).map((path) => `"${path}"`);
  return new TesError(
    "invalid",
    `Task is not valid: its files lie in ${paths.length} directories (${named.join(", ")}, …), and each of ${executors.length} executors can have ${most} of them mounted; ` +
      "what holds several of them belongs to the image. " +
      "Put them below one directory of their own, such as /data, or name a directory that holds them in volumes",
  );
}

/**
 * The folders that the task's executors may count on although another mount holds them: outputs and volumes, where they are
 * to write, and workdirs, which the runtime would otherwise make for root alone. What would be a mount of its own, were they not
 * so many, is there as the mount would be, but for those of inputs, which are made with the inputs.
 */
function plannedFolders(
  wanted: readonly Wanted[],
  own: readonly string[],
  mounted: readonly string[],
): TaskPath[] {
  const holderOf = holderAmong(mounted);
  const isInside = (path: TaskPath) => (holderOf(path) ?? path) !== path;
  const unmerged = new Set(own.length > mounted.length ? own.map(pathOfKey) : []);
  const planned = new Set<TaskPath>();
  for (const { folder, inside, isWritten } of wanted) {
    if (inside !== undefined) planned.add(inside);
    if (isWritten && folder !== undefined && unmerged.has(folder)) planned.add(folder);
  }
  return [...planned].filter(isInside);
}

/** What one path of a task asks for. */
interface Wanted {
  /** A folder to mount. */
  readonly folder?: TaskPath;
  /** A file right in a system folder, to be mounted by itself. */
  readonly file?: TaskPath;
  /** A folder to make where another's mount holds it. */
  readonly inside?: TaskPath;
  readonly isWritten: boolean;
}

const wantedPaths = ({ inputs = [], outputs = [], volumes = [], executors }: Task): Wanted[] => [
  ...volumes.map((path) => wantedFolder(normalizePath(path))),
  ...inputs.map(({ path, type }) => ({
    ...(type === "DIRECTORY" ? { folder: normalizePath(path) } : folderOrFile(normalizePath(path))),
    isWritten: false,
  })),
  ...outputs.map(wantedOutput),
  ...executors.flatMap(({ stdin, stdout, stderr, workdir }) => [
    ...[stdin, stdout, stderr].flatMap((path) =>
      path ? { ...folderOrFile(normalizePath(path)), isWritten: true } : [],
    ),
    ...(workdir === undefined ? [] : [wantedWorkdir(normalizePath(workdir))]),
  ]),
];

const wantedFolder = (folder: TaskPath): Wanted => ({ folder, inside: folder, isWritten: true });

const folderOrFile = (path: TaskPath): Pick<Wanted, "folder" | "file"> => {
  const folder = parentPath(path);
  return isSystemFolder(folder) ? { file: path } : { folder };
};

/**
 * Of an output that is a folder inside of another's mount only the one above is made: Cromwell's scripts make the folders of
 * globs, and find fault with one that is there.
 */
function wantedOutput({ type, ...output }: NonNullable<Task["outputs"]>[number]): Wanted {
  const { folder: path, patterns } = searchOf(outputPath(output.path));
  if (patterns.length > 0) return wantedFolder(path);
  if (type === "DIRECTORY") return { folder: path, inside: parentPath(path), isWritten: true };
  const whole = folderOrFile(path);
  const { folder } = whole;
  return folder === undefined ? { ...whole, isWritten: true } : wantedFolder(folder);
}

const wantedWorkdir = (workdir: TaskPath): Wanted =>
  isScratchFolder(workdir) ? wantedFolder(workdir) : { inside: workdir, isWritten: true };
