// File store: one local file, or an empty folder, into the shared claim.
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { nameOf, parentPath, type TaskPath } from "../contract/path.ts";
import { mustHold } from "./body.ts";
import { clone, copyBytes } from "./file-copy.ts";
import { type FilePaths, openFolder, pathOfHandle } from "./file-path.ts";
import type { ClaimUnfinished } from "./file-unfinished.ts";
import { StorageError } from "./storage.ts";

interface StoreContext {
  paths: FilePaths;
  signal: AbortSignal;
  unfinished: ClaimUnfinished;
}

interface Store {
  file: string;
  sizeBytes: number;
  path: TaskPath;
}

/** It lies elsewhere at first; it gets its name when all of it is on disk, and takes the place of what had it. */
export async function storeFile({ file, sizeBytes, path }: Store, context: StoreContext): Promise<void> {
  const name = nameOf(path);
  if (name === "") throw new StorageError("permanent", `"${path}" is no path of a file`);
  mustHold(file, sizeBytes);
  await using folder = await openFolder(await context.paths.reach(parentPath(path)), makeFolderIn);
  const store = { file, sizeBytes, folder, name };
  try {
    await storeBy(false, store, context);
  } catch (error) {
    // Quotas may make several of what looks like one volume.
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await storeBy(true, store, context);
  }
}

async function storeBy(
  isBeside: boolean,
  { file, sizeBytes, folder, name }: Omit<Store, "path"> & { folder: FileHandle; name: string },
  { unfinished, signal }: StoreContext,
): Promise<void> {
  await using part = await unfinished.begin(folder, isBeside);
  await fill({ to: part.handle, file, sizeBytes }, folder, signal);
  signal.throwIfAborted();
  await rename(part.path, `${pathOfHandle(folder)}/${name}`);
  await sync(folder);
}

async function fill(
  { to, file, sizeBytes }: { to: FileHandle; file: string; sizeBytes: number },
  folder: FileHandle,
  signal: AbortSignal,
): Promise<void> {
  await using from = await open(file, "r");
  // It may have grown since its size was taken.
  if (await clone(from, to)) await to.truncate(sizeBytes);
  else await copyBytes({ from, to, start: 0, end: sizeBytes, signal });
  mustHold(file, sizeBytes);
  await handOver(to, folder, READ_AND_WRITE);
  await sync(to);
}

const NOT_SYNCED_CODES = new Set(["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/** Some file systems know no such thing, of folders at least: what was stored there is stored all the same. */
async function sync(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (!NOT_SYNCED_CODES.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** Makes the folder, and those above it that are missing. */
export async function keepFolder(path: TaskPath, { paths }: StoreContext): Promise<void> {
  const folder = await openFolder(await paths.reach(path), makeFolderIn);
  await folder.close();
}

async function makeFolderIn(above: FileHandle, name: string): Promise<void> {
  const path = `${pathOfHandle(above)}/${name}`;
  try {
    await mkdir(path, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return; // another upload made it meanwhile
    throw error;
  }
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  await using made = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  await handOver(made, above, EVERYTHING);
  await sync(above);
}

const READ_AND_WRITE = 0o666;
/** With the bit that hands the group on. */
const EVERYTHING = 0o2777;

/**
 * What is made belongs to whom the folder above belongs to, who would else not be able to remove it, and is as open as that
 * folder is.
 */
async function handOver(made: FileHandle, above: FileHandle, mask: number): Promise<void> {
  const { uid, gid, mode } = await above.stat();
  const inherited = mode & mask;
  // Before it is another's: then it would not be ours to change any more.
  await made.chmod(inherited | OWNER_MAY);
  try {
    await made.chown(uid, gid);
  } catch {
    // A server that knows no root (root_squash), or no capability for it: then at least everybody may read it.
    await made.chmod(inherited | OWNER_MAY | (mask & 0o555));
  }
}

const OWNER_MAY = 0o600;
