// In-place tree: whether executors of any user see of a file or folder of the shared claim what they would see of its copy.
import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { normalizePath, type TaskPath } from "../contract/path.ts";
import { followInside } from "./inside.ts";

/** The bound on listings: whoever has more files is better served by an archive. */
const FILES_MAX = 1_000_000;

/** Why something cannot be mounted as it was planned; where it can be, if anywhere. */
export class Unfit extends Error {
  override readonly name = "Unfit";
  readonly path: string | undefined;
  constructor(message: string, path?: string) {
    super(message);
    this.path = path;
  }
}

export interface Found {
  files: number;
  bytes: number;
}

interface Mounted {
  /** Where executors see it. */
  path: TaskPath;
  /** Where it really lies: below the claim's root on this side. */
  local: string;
  subPath: string;
}

const READ = 0o004;
const READ_AND_SEARCH = 0o005;

/**
 * Counts what is there. Throws Unfit if a copy would show more: what is not for everybody to read, links that lead out of the
 * folder, and other file systems mounted in it, which a mount of the folder leaves out.
 */
export async function treeInPlace(mounted: Mounted, top: Stats, signal: AbortSignal): Promise<Found> {
  const found: Found = { files: 0, bytes: 0 };
  const waiting: string[] = [];
  const see = async (name: string, status: Stats): Promise<void> => {
    if (status.isSymbolicLink()) return await mustStayInside(name, mounted);
    mustBeOpen(name, status, top);
    if (status.isDirectory()) {
      waiting.push(name);
      return;
    }
    found.files += 1;
    found.bytes += status.size;
    if (found.files > FILES_MAX) throw new Unfit(`it has more than ${FILES_MAX} files`);
  };
  await see("", top);
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const entry of await readdir(join(mounted.local, mounted.subPath, folder))) {
      signal.throwIfAborted();
      const name = folder === "" ? entry : `${folder}/${entry}`;
      await see(name, await lstat(join(mounted.local, mounted.subPath, name)));
    }
  }
  return found;
}

function mustBeOpen(name: string, status: Stats, top: Stats): void {
  const isFolder = status.isDirectory();
  if (!isFolder && !status.isFile()) throw new Unfit(`${named(name)} is neither a file nor a folder`);
  if (status.dev !== top.dev) throw new Unfit(`${named(name)} is another volume`);
  const needed = isFolder ? READ_AND_SEARCH : READ;
  if ((status.mode & needed) !== needed) throw new Unfit(`not everybody may read ${named(name)}`);
}

const named = (name: string): string => (name === "" ? "it" : `"${name}" in it`);

/** As executors would follow the link, who see no more of the claim than this folder. */
async function mustStayInside(name: string, { path, local, subPath }: Mounted): Promise<void> {
  const mount = { path, folder: subPath, file: false, volume: local };
  try {
    await lstat((await followInside(normalizePath(`${path}/${name}`), [mount], local)).local);
  } catch {
    throw new Unfit(`"${name}" in it is a link that leads out of it, or to nothing`);
  }
}
