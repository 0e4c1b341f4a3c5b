// File receive: one file of the shared claim into a receiver, from where an earlier copy was cut.
import { constants, statSync, truncateSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { TaskPath } from "../contract/path.ts";
import { clone, copyBytes } from "./file-copy.ts";
import { type FilePaths, openFound } from "./file-path.ts";
import { type Receiver, StorageError } from "./storage.ts";

interface ReceiveContext {
  paths: FilePaths;
  signal: AbortSignal;
}

/** Returns the file's size. Throws if it is written to meanwhile. */
export async function receiveFile(
  path: TaskPath,
  receiver: Receiver,
  { paths, signal }: ReceiveContext,
): Promise<number> {
  const { local } = await paths.follow(path);
  await using from = await openFound(local, constants.O_RDONLY);
  const { size, validator } = await versionOf(from, path);
  const have = statSync(receiver.file).size;
  const start = receiver.validator === validator && have <= size ? have : 0;
  if (start === 0) truncateSync(receiver.file, 0);
  receiver.validator = validator;
  signal.throwIfAborted();
  await using to = await open(receiver.file, "r+");
  const cloned = start === 0 && (await clone(from, to));
  if (!cloned) await copyBytes({ from, to, start, end: size, signal });
  signal.throwIfAborted();
  if ((await versionOf(from, path)).validator === validator) return size;
  receiver.validator = undefined;
  throw new StorageError("transient", "the file changed while it was copied");
}

async function versionOf(handle: FileHandle, path: TaskPath): Promise<{ size: number; validator: string }> {
  const status = await handle.stat({ bigint: true });
  // As not-found, so that a folder that was declared as a file is looked for next.
  if (status.isDirectory()) throw new StorageError("not-found", `"${path}" is a folder`);
  if (!status.isFile()) throw new StorageError("permanent", `"${path}" is neither a file nor a folder`);
  const { dev, ino, size, mtimeNs } = status;
  return { size: Number(size), validator: `${dev}-${ino}-${size}-${mtimeNs}` };
}
