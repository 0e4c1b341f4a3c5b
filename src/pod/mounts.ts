// Which paths of the executors are mounted from the work volume, and under which folder name.
import { hasWildcards } from "../../sidecar/contract/glob.ts";
import type { PlanInPlace, PlanMount } from "../../sidecar/contract/plan.ts";
import {
  fixedPrefix,
  isScratchFolder,
  isSystemFolder,
  isWithin,
  normalizePath,
  parentPath,
} from "../tes/path.ts";
import type { Task } from "../tes/task.ts";

/**
 * The mounts of a task: the folder of every file, every DIRECTORY and volume, the fixed part of every wildcard; what lies
 * in another of them is left out, since mounts inside mounts of the same volume would hide files. A folder mount hides the
 * image's own content, so a file right in a system folder is mounted by itself, and a workdir only where no image has
 * anything to hide. Any other workdir that the image lacks is made by the runtime, for root. What is mounted `inPlace` has a
 * mount of its own, in its folder's if there is one.
 */
export function planMounts(task: Task, inPlace: readonly PlanInPlace[] = []): PlanMount[] {
  const isInPlace = (path: string) => inPlace.some((other) => isWithin(normalizePath(path), other.path));
  const wanted = [...new Set(wantedPaths(task))]
    .filter((path) => !isInPlace(path))
    .sort((a, b) => a.length - b.length);
  const folders = wanted.filter((path) => path.endsWith("/")).map((path) => path.slice(0, -1));
  const outermost = folders.filter(
    (path) => !folders.some((other) => other !== path && isWithin(path, other)),
  );
  const files = wanted.filter(
    (path) => !path.endsWith("/") && !outermost.some((folder) => isWithin(path, folder)),
  );
  return [
    ...outermost.map((path, index) => ({ path, folder: `dir-${index}`, file: false })),
    ...files.map((path, index) => ({ path, folder: `file-${index}`, file: true })),
  ];
}

/**
 * The folders that the task's executors may count on although another mount holds them: outputs and volumes, where they are
 * to write, and workdirs, which the runtime would otherwise make for root alone. Those of inputs are made with the inputs. Of an
 * output that is a folder only the one above: Cromwell's scripts make the folders of globs, and find fault with one that is there.
 */
export function plannedFolders(task: Task, mounts: readonly PlanMount[]): string[] {
  const { outputs = [], volumes = [], executors } = task;
  const workdirs = executors.flatMap(({ workdir }) => (workdir === undefined ? [] : [folder(workdir)]));
  const written = outputs.map((output) => ({ ...output, type: "FILE" as const }));
  const wanted = [...wantedPaths({ outputs: written, volumes, executors: [] }), ...workdirs]
    .filter((path) => path.endsWith("/"))
    .map((path) => path.slice(0, -1));
  const holds = (path: string) =>
    mounts.some((mount) => !mount.file && mount.path !== path && isWithin(path, mount.path));
  return [...new Set(wanted)].filter(holds);
}

/** Paths to mount; a folder ends in a slash. */
const wantedPaths = ({ inputs = [], outputs = [], volumes = [], executors }: Task): string[] => [
  ...inputs.map(({ path, type }) => (type === "DIRECTORY" ? folder(path) : file(path))),
  ...outputs.map(({ path, type }) => {
    if (hasWildcards(path)) return folder(fixedPrefix(path));
    return type === "DIRECTORY" ? folder(path) : file(path);
  }),
  ...volumes.map(folder),
  ...executors.flatMap(({ stdin, stdout, stderr, workdir }) => [
    ...[stdin, stdout, stderr].flatMap((path) => (path ? file(path) : [])),
    ...(workdir !== undefined && isScratchFolder(normalizePath(workdir)) ? [folder(workdir)] : []),
  ]),
];

const folder = (path: string): string => `${normalizePath(path)}/`;

function file(path: string): string {
  const parent = parentPath(path);
  return isSystemFolder(parent) ? normalizePath(path) : folder(parent);
}
