// File copy: the bytes of one open file into another, shared by both where the file system can do that.
import { constants } from "node:fs";
import { copyFile, type FileHandle } from "node:fs/promises";
import { pathOfHandle } from "./file-path.ts";
import { StorageError } from "./storage.ts";

const CHUNK_BYTES = 1024 * 1024;
const BLOCK_BYTES = 512;
const zeros = Buffer.alloc(CHUNK_BYTES);

/**
 * Lets the copy share the blocks of the original until one of them is written (reflink: XFS, Btrfs, some network file systems):
 * as safe as a copy, which a hard link is not, and takes no time. False if it cannot be done.
 */
export async function clone(from: FileHandle, to: FileHandle): Promise<boolean> {
  try {
    // By what is open: a copy that fails removes the file that it was to fill, if that has a name.
    await copyFile(pathOfHandle(from), pathOfHandle(to), constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false; // another file system, or one that cannot; a true failure shows itself once bytes are copied
  }
}

interface Copy {
  from: FileHandle;
  to: FileHandle;
  start: number;
  end: number;
  signal: AbortSignal;
}

/** Copies the bytes from `start` to `end` to the same place. Holes stay holes. Throws if there are fewer. */
export async function copyBytes({ from, to, start, end, signal }: Copy): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, end - start)));
  const { blocks, size } = await from.stat();
  const hasHoles = blocks * BLOCK_BYTES < size;
  for (let at = start; at < end; ) {
    signal.throwIfAborted();
    const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw new StorageError("transient", "the file became shorter while it was copied");
    const isHole = hasHoles && zeros.compare(buffer, 0, bytesRead, 0, bytesRead) === 0;
    if (!isHole) await writeAll(to, buffer.subarray(0, bytesRead), at);
    at += bytesRead;
  }
  signal.throwIfAborted();
  await to.truncate(end);
}

async function writeAll(to: FileHandle, bytes: Uint8Array, place: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await to.write(bytes, done, bytes.length - done, place + done);
    done += bytesWritten;
  }
}
