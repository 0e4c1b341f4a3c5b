// Path: absolute paths as tasks name them, in the executors' containers and in the shared claim. Keys of S3 are no such paths.

declare const normalized: unique symbol;

/**
 * A normalized path: one slash before each name, none at the end, no name is "." or empty; the root is "/". Two of them are the
 * same place if they are the same text. A ".." stays: what it means depends on links, so it is refused where paths are read.
 */
export type TaskPath = string & { readonly [normalized]: true };

export const normalizePath = (path: string): TaskPath =>
  (notNormal.test(path) ? `/${namesIn(path).join("/")}` : path) as TaskPath;

/** Nearly all paths are: thousands with a hundred names each are not taken apart for nothing. */
const notNormal = /^(?!\/)|\/\.?(?:\/|$)/;

/** The names of a path that need not be normalized, nor absolute: what a link leads to, for instance. */
export const namesIn = (path: string): string[] =>
  path.split("/").filter((name) => name !== "" && name !== ".");

/** The names of the path; none for the root. */
export const segments = (path: TaskPath): string[] => (path === "/" ? [] : path.slice(1).split("/"));

/** The path of what lies in a folder by these names, none of which holds a slash, is empty or ".". */
export const joinPath = (folder: TaskPath, ...names: readonly string[]): TaskPath =>
  names.reduce((path, name) => (path === "/" ? `/${name}` : `${path}/${name}`), folder as string) as TaskPath;

/** The folder of a path: "/a/b" → "/a", "/a" → "/", "/" → "/". */
export const parentPath = (path: TaskPath): TaskPath =>
  (path.slice(0, path.lastIndexOf("/")) as TaskPath) || root;

const root = "/" as TaskPath;

/** The last name; "" for the root. */
export const nameOf = (path: TaskPath): string => path.slice(path.lastIndexOf("/") + 1);

/** True if `path` is `folder` or lies in it. */
export const isWithin = (path: TaskPath, folder: TaskPath): boolean =>
  folder === "/" ||
  (path.startsWith(folder) && (path.length === folder.length || path[folder.length] === "/"));

/** The path as seen from the folder, without a slash at either end: "" for the folder itself; undefined if it is not in it. */
export function relativeTo(path: TaskPath, folder: TaskPath): string | undefined {
  if (!isWithin(path, folder)) return undefined;
  return folder === "/" ? path.slice(1) : path.slice(folder.length + 1);
}
