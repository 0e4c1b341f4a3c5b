// Tree: the files that a task left, seen with its eyes: by container paths, links followed within its mounts.
import type { Dirent } from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { isLiteral, literalName, matchesName } from "../contract/glob.ts";
import { joinPath, nameOf, parentPath, type TaskPath } from "../contract/path.ts";
import { followInside, type Inside, listInside, NotInside } from "./inside.ts";
import type { Mount } from "./mounts.ts";

/** A regular file, or an empty folder. `path` is how the task names it, `real` where that leads once links are followed. */
export interface TaskFile {
  path: TaskPath;
  real: Inside;
  sizeBytes: number;
  isFolder: boolean;
}

export interface Tree {
  mounts: readonly Mount[];
  folder: string;
  /** Told of what is left out, and why: links that lead nowhere or outside, and what is neither file nor folder. */
  skipped(path: TaskPath, reason: string): void;
  /** Told of what should not be left out, and has to be. */
  failed(path: string, error: Error): void;
}

const MISSING_CODES = new Set(["ENOENT", "ENOTDIR"]);
export const isMissing = (error: unknown): boolean =>
  MISSING_CODES.has((error as NodeJS.ErrnoException).code ?? "");

/** The file at a path, or all files and empty folders below the folder there, by name. Throws as lstat if nothing is there. */
export async function* filesAt(path: TaskPath, tree: Tree): AsyncIterable<TaskFile> {
  yield* walk(path, await followInside(path, tree.mounts, tree.folder), tree, []);
}

/** `above` are the folders that the walk is in, so that a link to one of them does not lead it round for ever. */
async function* walk(
  path: TaskPath,
  real: Inside,
  tree: Tree,
  above: readonly string[],
): AsyncIterable<TaskFile> {
  const status = await lstat(real.local);
  if (status.isFile()) {
    yield { path, real, sizeBytes: status.size, isFolder: false };
  } else if (!status.isDirectory()) {
    tree.skipped(path, "it is neither a file nor a folder");
  } else if (above.includes(real.path)) {
    tree.skipped(path, "it is a link to a folder that holds it");
  } else {
    const entries = await listInside(real);
    if (entries.length === 0) yield { path, real, sizeBytes: 0, isFolder: true };
    entries.sort((one, other) => (one.name < other.name ? -1 : 1));
    const inner = { tree, above: [...above, real.path] };
    for (const entry of entries) yield* walkChild(entry, { path, real }, inner);
  }
}

async function* walkChild(
  entry: Dirent,
  folder: { path: TaskPath; real: Inside },
  { tree, above }: { tree: Tree; above: readonly string[] },
): AsyncIterable<TaskFile> {
  const path = joinPath(folder.path, entry.name);
  let real = childOf(folder.real, entry.name, tree.mounts);
  try {
    if (entry.isSymbolicLink()) real = await followInside(real.path, tree.mounts, tree.folder);
  } catch (error) {
    tree.skipped(path, reasonOfSkipping(error));
    return;
  }
  if (await isThere(path, real, tree)) yield* walk(path, real, tree, above);
}

/** Why what is at a path, a link perhaps, is left out. Throws what is a failure. */
function reasonOfSkipping(error: unknown): string {
  if (isMissing(error)) return "it is a link to nothing";
  if (error instanceof NotInside) return error.reason;
  throw error;
}

/** The folder's path has no links left in it, so only the entry itself can be one; or else another mount lies over it. */
function childOf({ mount, local, path }: Inside, name: string, mounts: readonly Mount[]): Inside {
  const child = joinPath(path, name);
  const over = mounts.find(({ volume, path: at }) => volume !== undefined && at === child);
  if (over?.volume === undefined) return { mount, local: join(local, name), path: child };
  return { mount: over, local: join(over.volume, over.folder), path: child };
}

/** What a folder lists and nobody finds has a name whose bytes are no UTF-8, which no text of ours can hold. */
async function isThere(path: string, { local }: Inside, { failed }: Tree): Promise<boolean> {
  try {
    await lstat(local);
    return true;
  } catch (error) {
    if (!isMissing(error)) throw error;
    failed(path, new Error("its name is not UTF-8, or it went away"));
    return false;
  }
}

/** The paths below a folder that match, name for name. A pattern that finds nothing is fine, and so is a folder that is not there. */
export async function matchingPaths(
  folder: TaskPath,
  patterns: readonly string[],
  tree: Tree,
): Promise<TaskPath[]> {
  const [pattern, ...rest] = patterns;
  if (pattern === undefined) return (await exists(folder, tree)) ? [folder] : [];
  const names = isLiteral(pattern) ? [literalName(pattern)] : await namesIn(folder, tree);
  // A pattern can escape them only: no folder lists them.
  const matching = names.filter((name) => name !== "." && name !== ".." && matchesName(pattern, name));
  const found: TaskPath[] = [];
  for (const name of matching) {
    found.push(...(await matchingPaths(joinPath(folder, name), rest, tree)));
  }
  return found;
}

async function exists(path: TaskPath, tree: Tree): Promise<boolean> {
  try {
    await lstat((await followInside(path, tree.mounts, tree.folder)).local);
    return true;
  } catch (error) {
    if (!isMissing(error) || (await isLink(path, tree))) tree.skipped(path, reasonOfSkipping(error));
    else if (path.includes("\ufffd")) tree.failed(path, new Error("its name is not UTF-8"));
    return false;
  }
}

/** Whether there is a link by that name, wherever it leads. */
export async function isLink(path: TaskPath, { mounts, folder }: Tree): Promise<boolean> {
  try {
    const { local } = childOf(await followInside(parentPath(path), mounts, folder), nameOf(path), mounts);
    return (await lstat(local)).isSymbolicLink();
  } catch {
    return false; // the folder above is not there either
  }
}

async function namesIn(folder: TaskPath, tree: Tree): Promise<string[]> {
  try {
    return (await listInside(await followInside(folder, tree.mounts, tree.folder)))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (error instanceof NotInside) tree.skipped(folder, error.reason);
    else if (!isMissing(error)) throw error;
    return []; // nothing in it can match
  }
}
