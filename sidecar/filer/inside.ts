// Inside: follows the links that a task left, as far as they stay within the task's own files.
import { constants, type Dirent } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { joinPath, namesIn, normalizePath, segments, type TaskPath } from "../contract/path.ts";
import { type Mount, type Place, placeOf } from "./mounts.ts";

/** The links that Linux itself would follow in one path. */
const LINKS_MAX = 40;

/** A path of the task that is not to be followed to its end. */
export class NotInside extends RangeError {
  override readonly name = "NotInside";
  /** In words that go on after the path. */
  readonly reason: string;

  constructor(path: TaskPath, reason: string) {
    super(`Cannot use "${path}": ${reason}`);
    this.reason = reason;
  }
}

/** Where a container path leads once all links are followed. */
export interface Inside extends Place {
  path: TaskPath;
}

/**
 * Follows a container path as the executors would. The sidecar sees other files under the same names than they do, its own
 * environment with the storage keys among them, so every link is read here and none is left to the kernel.
 * Throws NotInside if it leads out of the mounts or in a circle, and as lstat does if something is missing that may not be.
 */
export async function followInside(
  path: TaskPath,
  mounts: readonly Mount[],
  folder: string,
  { mayBeMissing = false } = {},
): Promise<Inside> {
  const done: string[] = [];
  let ahead = segments(path);
  let links = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === "..") {
      done.pop();
      continue;
    }
    done.push(name);
    const place = placeOf(pathOf(done), mounts, folder);
    // Above the mounts lies the image, which is not to be seen from here.
    if (!place) continue;
    const isLink = await lstat(place.local).then(
      (status) => status.isSymbolicLink(),
      (error: unknown) => {
        if (!mayBeMissing || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        return false;
      },
    );
    if (!isLink) continue;
    links += 1;
    if (links > LINKS_MAX) throw new NotInside(path, "it is a loop of links");
    const target = await readlink(place.local);
    done.pop();
    if (target.startsWith("/")) done.length = 0;
    ahead = [...namesIn(target), ...ahead];
  }
  const real = pathOf(done);
  const place = placeOf(real, mounts, folder);
  if (!place) throw new NotInside(path, "it leads outside the task's files");
  return { ...place, path: real };
}

const pathOf = (names: readonly string[]): TaskPath => joinPath(root, ...names);
const root = normalizePath("/");

/** Opens a followed path for reading. Throws if it is not, or no longer, a regular file: a FIFO would block for ever. */
export async function openInside(inside: Inside): Promise<FileHandle> {
  const file = await openFollowed(inside, constants.O_NONBLOCK);
  try {
    if ((await file.stat()).isFile()) return file;
    throw new RangeError(`Cannot read "${inside.path}": it is not a regular file`);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What lies in the folder at a followed path. */
export async function listInside(inside: Inside): Promise<Dirent[]> {
  await using folder = await openFollowed(inside, constants.O_DIRECTORY);
  return await readdir(`/proc/self/fd/${folder.fd}`, { withFileTypes: true });
}

/**
 * Throws if it is reached by a link by now: a program that lives on, or others where they share a claim, may put one into the
 * place of a folder at any time, which leads to the files of another task. The kernel says what was opened.
 */
async function openFollowed({ path, local }: Inside, flags: number): Promise<FileHandle> {
  const file = await open(local, constants.O_RDONLY | constants.O_NOFOLLOW | flags);
  try {
    if ((await readlink(`/proc/self/fd/${file.fd}`)) === local) return file;
    throw new RangeError(`Cannot read "${path}": it was moved while it was opened`);
  } catch (error) {
    await file.close();
    throw error;
  }
}
