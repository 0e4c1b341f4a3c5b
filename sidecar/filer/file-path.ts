// File path: which file of the shared claim a URL means, once all links are followed, and whether tasks may name it.
import { constants } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import { join } from "node:path";
import { readFileUrl } from "../contract/file-url.ts";
import { isWithin, joinPath, nameOf, parentPath, type TaskPath } from "../contract/path.ts";
import { followInside, type Inside } from "./inside.ts";
import { mustRead } from "./must-read.ts";
import { type FilesSettings, StorageError } from "./storage.ts";
import { isMissing } from "./tree.ts";

/** In the claim's root: where outputs lie until they are whole. */
export const OWN_FOLDER = ".tespod";

/** The path that the URL says. Throws a permanent StorageError if it says none, or one that cannot be meant. */
export function pathOfFileUrl(url: string): TaskPath {
  return mustRead(readFileUrl(url)).path;
}

/** A folder of the claim, and the names below it that are not there. */
export interface Reached {
  folder: Inside;
  missing: readonly string[];
}

export interface FilePaths {
  /** Where the path leads. Throws a not-found StorageError if nothing is there, a denied one if it is not for tasks. */
  follow(path: TaskPath): Promise<Inside>;
  /** As far as there is something. Throws a denied StorageError as above. */
  reach(path: TaskPath): Promise<Reached>;
  /** Whether it is the folder of unfinished files. */
  isOwn(path: TaskPath): boolean;
}

/** Links are read one by one, as the shared file system's own users see them, and never followed by the kernel. */
export function filePaths({ root, bases, local }: FilesSettings): FilePaths {
  const mounts = [{ path: root, folder: "", file: false }];
  const leadsTo = (path: TaskPath): Promise<Inside> => followInside(path, mounts, local);

  async function deepest(path: TaskPath): Promise<Reached> {
    try {
      return { folder: await leadsTo(path), missing: [] };
    } catch (error) {
      if (!isMissing(error) || nameOf(path) === "") throw error;
      const above = await deepest(parentPath(path));
      return { ...above, missing: [...above.missing, nameOf(path)] };
    }
  }

  const ownFolder = joinPath(root, OWN_FOLDER);

  let known: Promise<TaskPath[]> | undefined;
  /** A base may be a link itself: it is the operator's own. */
  const realBases = (): Promise<TaskPath[]> => {
    known ??= Promise.all(bases.map(async (base) => pathOf(await deepest(base))));
    return known;
  };

  async function mustBeShared(reached: Reached, path: TaskPath): Promise<void> {
    const real = pathOf(reached);
    if (isWithin(real, ownFolder)) throw new StorageError("denied", `"${path}": unfinished files lie there`);
    if ((await realBases()).some((base) => isWithin(real, base))) return;
    throw denied(path, "it leads out of");
  }

  const denied = (path: string, how: string): StorageError =>
    new StorageError("denied", `"${path}": ${how} the folders that tasks may use (${bases.join(", ")})`);

  async function reach(path: TaskPath): Promise<Reached> {
    if (!bases.some((base) => isWithin(path, base))) throw denied(path, "it is not in");
    try {
      const reached = await deepest(path);
      await mustBeShared(reached, path);
      return reached;
    } catch (error) {
      throw error instanceof RangeError ? denied(path, "it leads out of") : error;
    }
  }

  return {
    reach,
    isOwn: (path) => path === ownFolder,
    async follow(path) {
      const { folder, missing } = await reach(path);
      if (missing.length === 0) return folder;
      throw new StorageError("not-found", `there is no "${path}"`);
    },
  };
}

const pathOf = ({ folder, missing }: Reached): TaskPath => joinPath(folder.path, ...missing);

/** Opens what a path was found to lead to. Throws if something else lies there by now, or it is reached by a link. */
export async function openFound(local: string, flags: number): Promise<FileHandle> {
  const handle = await open(local, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if ((await readlink(pathOfHandle(handle))) === local) return handle;
    throw new StorageError("transient", "it was moved while it was opened");
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A path of what is open, whatever becomes of its name. */
export const pathOfHandle = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

/** Opens the folder that is reached, and makes those below it that are missing. */
export async function openFolder(
  { folder, missing }: Reached,
  make: (folder: FileHandle, name: string) => Promise<void>,
): Promise<FileHandle> {
  let local = folder.local;
  let open = await openFound(local, FOLDER);
  for (const name of missing) {
    await using above = open;
    await make(above, name);
    local = join(local, name);
    open = await openFound(local, FOLDER);
  }
  return open;
}
