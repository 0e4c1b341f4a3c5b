// File list: what is below a folder of the shared claim, links followed as far as tasks may use what they lead to.
import { constants, type Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { joinPath, type TaskPath } from "../contract/path.ts";
import { type FilePaths, openFound, pathOfHandle } from "./file-path.ts";
import type { Inside } from "./inside.ts";
import { type Listed, StorageError } from "./storage.ts";
import { isMissing } from "./tree.ts";

interface ListContext {
  paths: FilePaths;
  signal: AbortSignal;
}

interface Folder {
  real: Inside;
  /** Relative to the root of the listing; with a slash at its end, but for the root itself. */
  path: string;
  /** Where the folders above really are, so that a link to one of them does not lead round for ever. */
  above: readonly string[];
}

/**
 * Every file and every empty folder below the path; nothing if it is not there or no folder. What cannot be staged (a link to
 * nothing or out of the shared folders, a device, a socket) is an error: a folder that lacks something is not the folder.
 */
export async function* listFiles(path: TaskPath, context: ListContext): AsyncIterable<Listed> {
  const real = await context.paths.follow(path).catch(ifThere);
  if (!real || !(await lstat(real.local)).isDirectory()) return;
  const waiting: Folder[] = [{ real, path: "", above: [] }];
  for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
    const names = (await readNames(folder)).filter((name) => !isOwn(name, folder, context));
    if (names.length === 0) yield { path: folder.path, sizeBytes: 0 };
    for (const name of names) {
      context.signal.throwIfAborted();
      const found = await look(name, folder, context);
      if ("sizeBytes" in found) yield found;
      else waiting.push(found);
    }
  }
}

const isOwn = (name: string, { real }: Folder, { paths }: ListContext): boolean =>
  paths.isOwn(joinPath(real.path, name));

function ifThere(error: unknown): undefined {
  if (!(error instanceof StorageError) || error.kind !== "not-found") throw error;
}

const unfit = (path: string, why: string): StorageError =>
  new StorageError("permanent", `"${path}" in it ${why}`);

async function readNames({ real }: Folder): Promise<string[]> {
  await using handle = await openFound(real.local, constants.O_RDONLY | constants.O_DIRECTORY);
  return await readdir(pathOfHandle(handle));
}

async function look(name: string, folder: Folder, { paths }: ListContext): Promise<Listed | Folder> {
  const path = folder.path + name;
  const { real, status } = await followLink(name, folder, paths);
  if (status.isFile()) return { path, sizeBytes: status.size };
  if (!status.isDirectory()) throw unfit(path, "is neither a file nor a folder");
  const above = [...folder.above, folder.real.path];
  if (above.includes(real.path)) throw unfit(path, "is a link to a folder that holds it");
  return { real, path: `${path}/`, above };
}

async function followLink(
  name: string,
  folder: Folder,
  paths: FilePaths,
): Promise<{ real: Inside; status: Stats }> {
  const { mount, path, local } = folder.real;
  // The folder's path has no links left in it, so only the entry itself can be one.
  const real = { mount, path: joinPath(path, name), local: `${local}/${name}` };
  const status = await lstat(real.local).catch((error: unknown) => {
    throw isMissing(error) ? unfit(folder.path + name, "has a name that is not UTF-8, or went away") : error;
  });
  if (!status.isSymbolicLink()) return { real, status };
  const followed = await paths.follow(real.path).catch(ifThere);
  if (!followed) throw unfit(folder.path + name, "is a link to nothing");
  return { real: followed, status: await lstat(followed.local) };
}
