// Rules for paths inside the executors' containers.
import { isWithin, normalizePath, type TaskPath } from "../../sidecar/contract/path.ts";

/** Folders that belong to the kernel or to us; a mount there would break the container. */
const reserved = ["/proc", "/sys", "/dev", "/.tes"].map(normalizePath);

/** Folders whose content the image needs, at any depth. */
const systemTrees = new Set(
  ["/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr"].map(normalizePath),
);
/** Folders whose content the image needs, while what tasks put in folders below them is their own. */
const systemParents = new Set(
  ["/", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/var", "/var/lib"].map(normalizePath),
);

/** Folders that images have for whatever comes up, with nothing in them that could be missed. */
const scratchFolders = ["/scratch", "/tmp", "/var/tmp"].map(normalizePath);

/** True if the folder is, or lies in, one where images have nothing of their own. */
export const isScratchFolder = (path: TaskPath): boolean =>
  scratchFolders.some((folder) => isWithin(path, folder));

/** True if a volume mounted at this folder would hide what the image needs. */
export const isSystemFolder = (path: TaskPath): boolean =>
  systemParents.has(path) || systemTrees.has(topFolder(path));

/** "/usr/share/x" → "/usr". */
function topFolder(path: TaskPath): TaskPath {
  const end = path.indexOf("/", 1);
  return end < 0 ? path : (path.slice(0, end) as TaskPath);
}

/** What is wrong with a path of an input, output, redirect or workdir; undefined if nothing. */
export function pathFault(path: string): string | undefined {
  if (!path.startsWith("/")) return "Must be an absolute path";
  if (/\/\.\.(?:\/|$)/.test(path)) return 'Must not contain ".."';
  const normal = normalizePath(path);
  const taken = reserved.find((root) => isWithin(normal, root));
  if (taken !== undefined) return `Must not lie in ${taken}`;
  return undefined;
}

/** As pathFault, for a file: mounted by itself over a folder that every image has, it would hide all of that. */
export function filePathFault(path: string): string | undefined {
  const normal = normalizePath(path);
  const isFolder = systemTrees.has(normal) || systemParents.has(normal);
  return pathFault(path) ?? (isFolder ? "Must be the path of a file, not of a system folder" : undefined);
}

/** As pathFault, for a folder that is mounted as a whole and hides what the image has there. */
export function folderPathFault(path: string): string | undefined {
  const fault = pathFault(path);
  if (fault !== undefined) return fault;
  return isSystemFolder(normalizePath(path))
    ? "Needs a mount of a system directory, which would hide the image's files; use a directory such as /data"
    : undefined;
}
