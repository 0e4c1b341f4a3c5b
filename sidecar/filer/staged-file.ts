// Staged file: how files and folders that the filer makes are made, for tools of any uid.
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Place } from "./mounts.ts";
import { StorageError } from "./storage.ts";
import type { Unfinished } from "./unfinished.ts";

/** Readable by every uid, and executable: storage knows no modes, and a staged script or program may be the command. */
const FILE_MODE = 0o755;
/** The tool, whatever its uid, may write beside what was staged. Wants umask 0. */
const FOLDER_MODE = 0o777;

/** A file is where a folder has to be, or the other way round. */
export class InTheWay extends Error {
  override readonly name = "InTheWay";
  /** How far above the path it is: 0 at the path itself. */
  readonly above: number;
  readonly needed: "file" | "folder";

  constructor(needed: "file" | "folder", above: number, cause: unknown) {
    super(`a ${needed === "file" ? "folder" : "file"} is in the way`, { cause });
    this.needed = needed;
    this.above = above;
  }
}

/** Throws InTheWay if a file is there, or above it. */
export function makeFolder(local: string): void {
  try {
    mkdirSync(local, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    throw inTheWay(error, local);
  }
}

/** What the failure to make a file or a folder there means. */
function inTheWay(error: unknown, local: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENAMETOOLONG") return tooLong(local);
  if (code === "EISDIR") return new InTheWay("file", 0, error);
  if (code !== "ENOTDIR" && code !== "EEXIST") return error;
  let above = 0;
  for (let path = local; !isThere(path); path = dirname(path)) above += 1;
  return new InTheWay("folder", above, error);
}

const NAME_BYTES_MAX = 255;
const SHOWN_CHARACTERS = 40;

function tooLong(local: string): StorageError {
  const name = local.split("/").find((each) => Buffer.byteLength(each) > NAME_BYTES_MAX);
  return new StorageError(
    "permanent",
    name === undefined
      ? "its path is longer than a file's can be"
      : `a name in it has more than ${NAME_BYTES_MAX} bytes: "${name.slice(0, SHOWN_CHARACTERS)}…"`,
  );
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined || path === dirname(path);
  } catch {
    return false; // below a file
  }
}

/** Writes an input's own text and returns its bytes. */
export function writeContent(place: Place, content: string, unfinished: Unfinished): number {
  const bytes = Buffer.from(content);
  using begun = begin(place, unfinished);
  for (let at = 0; at < bytes.length; ) at += writeSync(begun.fd, bytes, at);
  begun.finish();
  return bytes.length;
}

/** Lets `fill` write the file, and gives it its name only once it is whole. Then it takes the place of the file that had it. */
export async function writeWhole(
  place: Place,
  unfinished: Unfinished,
  fill: (file: { file: string; fd: number }) => Promise<number>,
): Promise<number> {
  using begun = begin(place, unfinished);
  const size = await fill(begun);
  begun.finish();
  return size;
}

interface Begun extends Disposable {
  readonly file: string;
  /** Open for reading and writing. */
  readonly fd: number;
  /** Gives it its name. Without this, it is removed when disposed of. */
  finish(): void;
}

/**
 * An empty file to be filled. The file of a single-file mount is filled in place: a container that is there already has that very
 * file mounted.
 */
function begin({ mount, local }: Place, unfinished: Unfinished): Begun {
  const file = mount.file ? local : unfinished.next();
  const fd = openSync(file, mount.file ? "w+" : "wx+", FILE_MODE);
  let isFinished = mount.file;
  return {
    file,
    fd,
    finish() {
      if (mount.file) chmodSync(local, FILE_MODE);
      else giveName(file, local);
      isFinished = true;
    },
    [Symbol.dispose]() {
      closeSync(fd);
      if (!isFinished) rmSync(file, { force: true });
    },
  };
}

/** Makes the folder only if it is not there: most files of a folder find it made. */
function giveName(file: string, local: string): void {
  try {
    renameSync(file, local);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw inTheWay(error, local);
    makeFolderOf(local);
    renameSync(file, local);
  }
}

function makeFolderOf(local: string): void {
  try {
    makeFolder(dirname(local));
  } catch (error) {
    throw error instanceof InTheWay ? new InTheWay(error.needed, error.above + 1, error.cause) : error;
  }
}

/** Makes the file, its folder only if it is not there. */
export function makeEmptyFile(file: string): void {
  const make = (): void => closeSync(openSync(file, "w", FILE_MODE));
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    makeFolder(dirname(file));
    make();
  }
}
