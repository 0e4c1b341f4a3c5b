// Stream file: the file of a task that its stdout or stderr goes to.
import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { namesIn, type TaskPath } from "../contract/path.ts";
import { followInside } from "../filer/inside.ts";
import type { Mount } from "../filer/mounts.ts";
import { isMissing } from "../filer/tree.ts";

export interface StreamFile {
  /** Resolves when all of it is written. Throws in words. */
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Tools of any user may write to the file by its name, and beside it. */
const FILE_MODE = 0o666;
const FOLDER_MODE = 0o777;

/**
 * Opens the file to append to it, empties it, makes it and its folders if they are missing. Links are followed within the mounts.
 * Wants umask 0. Throws in words, which name neither the stream nor the path.
 */
export async function openStreamFile(
  path: TaskPath,
  mounts: readonly Mount[],
  folder: string,
): Promise<StreamFile> {
  try {
    const { mount, local } = await followInside(path, mounts, folder, { mayBeMissing: true });
    const root = join(mount.volume ?? folder, mount.folder);
    const file = await openBelow(root, relative(root, local));
    return {
      append: async (bytes) => {
        for (let at = 0; at < bytes.length; ) {
          const written = await file.write(bytes, at, bytes.length - at).catch((error) => {
            throw inWords(error);
          });
          at += written.bytesWritten;
        }
      },
      close: () => file.close(),
    };
  } catch (error) {
    throw inWords(error);
  }
}

/**
 * Goes down by open descriptors and never by a link: what an executor puts in the way meanwhile leads nowhere else. Without names
 * below it, the root is the file.
 */
async function openBelow(root: string, path: string): Promise<FileHandle> {
  const names = path === "" ? namesIn(root).slice(-1) : namesIn(path);
  const last = names.pop() ?? "";
  let above = await open(path === "" ? dirname(root) : root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of names) {
      const next = await openFolder(`/proc/self/fd/${above.fd}/${name}`);
      await above.close();
      above = next;
    }
    return await openFile(`/proc/self/fd/${above.fd}/${last}`);
  } finally {
    await above.close();
  }
}

async function openFolder(path: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  return await open(path, flags).catch(async (error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await mkdir(path, FOLDER_MODE);
    return await open(path, flags);
  });
}

async function openFile(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);
  try {
    if (!(await file.stat()).isFile()) throw new RangeError("it is not a regular file");
    await file.truncate();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the work volume",
  EDQUOT: "the quota of the work volume is used up",
  EFBIG: "the file is too large for the work volume",
  EISDIR: "it is a directory",
  ENXIO: "it is not a regular file",
  ELOOP: "it is a symbolic link",
};

/** Where the work volume is mounted on this side is of no use to a user. */
function inWords(error: unknown): Error {
  if (!(error instanceof Error) || !("code" in error)) return error as Error;
  const words = isMissing(error) ? "a part of its path is not a directory" : WORDS[String(error.code)];
  return new Error(words ?? error.message.replace(/, \w+( '.*)?$/s, ""), { cause: error.cause });
}
