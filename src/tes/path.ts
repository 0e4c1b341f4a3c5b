// Rules for paths inside the executors' containers.
import { splitPattern } from "../../sidecar/contract/glob.ts";

/** Folders that belong to the kernel or to us; a mount there would break the container. */
const reserved = ["/proc", "/sys", "/dev", "/.tes"] as const;

/** Folders whose content the image needs, at any depth. */
const systemTrees = [
  "/bin",
  "/boot",
  "/etc",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/sbin",
  "/usr",
] as const;
/** Folders whose content the image needs, while what tasks put in folders below them is their own. */
const systemParents = [
  "/",
  "/home",
  "/media",
  "/mnt",
  "/opt",
  "/root",
  "/run",
  "/srv",
  "/var",
  "/var/lib",
] as const;

/** Folders that images have for whatever comes up, with nothing in them that could be missed. */
const scratchFolders = ["/scratch", "/tmp", "/var/tmp"] as const;

/** True if the folder is, or lies in, one where images have nothing of their own. The path is normalized. */
export const isScratchFolder = (path: string): boolean =>
  scratchFolders.some((folder) => isWithin(path, folder));

/** True if a volume mounted at this folder would hide what the image needs. The path is normalized. */
export const isSystemFolder = (path: string): boolean =>
  systemParents.some((parent) => parent === path) || systemTrees.some((tree) => isWithin(path, tree));

/** The folder above the first segment with a wildcard, unescaped: "/a/b*c/d" → "/a". */
export const fixedPrefix = (pattern: string): string => normalizePath(splitPattern(pattern).folder);

/** What is wrong with a path of an input, output, redirect or workdir; undefined if nothing. */
export function pathFault(path: string): string | undefined {
  if (!path.startsWith("/")) return "Must be an absolute path";
  if (path.split("/").includes("..")) return 'Must not contain ".."';
  const taken = reserved.find(
    (root) => normalizePath(path) === root || normalizePath(path).startsWith(`${root}/`),
  );
  if (taken !== undefined) return `Must not lie in ${taken}`;
  return undefined;
}

/** As pathFault, for a file: mounted by itself over a folder that every image has, it would hide all of that. */
export function filePathFault(path: string): string | undefined {
  const normal = normalizePath(path);
  const isFolder = [...systemTrees, ...systemParents].some((folder) => folder === normal);
  return pathFault(path) ?? (isFolder ? "Must be the path of a file, not of a system folder" : undefined);
}

/** As pathFault, for a folder that is mounted as a whole and hides what the image has there. */
export function folderPathFault(path: string): string | undefined {
  const fault = pathFault(path);
  if (fault !== undefined) return fault;
  return isSystemFolder(normalizePath(path))
    ? "Must not be a system folder: mounting it would hide the image's files"
    : undefined;
}

/** Without doubled or trailing slashes and `.` segments; the root stays "/". */
export function normalizePath(path: string): string {
  return `/${path
    .split("/")
    .filter((segment) => segment !== "" && segment !== ".")
    .join("/")}`;
}

/** The folder of a path: "/a/b" → "/a", "/a" → "/". */
export const parentPath = (path: string): string =>
  normalizePath(`${normalizePath(path).split("/").slice(0, -1).join("/")}/`);

/** True if `path` is `folder` or lies in it. Both normalized. */
export const isWithin = (path: string, folder: string): boolean =>
  folder === "/" || path === folder || path.startsWith(`${folder}/`);
