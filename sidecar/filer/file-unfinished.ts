// File unfinished: where outputs lie in the shared claim until they are whole: a folder that tasks can neither name nor list.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { OWN_FOLDER, openFound, pathOfHandle } from "./file-path.ts";

/** What is older was left by a supervisor that was killed: a file that grows has a young time of change. */
const LEFT_MILLISECONDS = 24 * 3600 * 1000;

interface Part {
  readonly handle: FileHandle;
  readonly path: string;
}

export type UnfinishedFile = Part & AsyncDisposable;

export interface ClaimUnfinished {
  /**
   * A new, empty file that can be renamed into the folder. It lies in the folder itself if the own one cannot be had or is on
   * another volume. Removed when disposed of, unless it was renamed.
   */
  begin(target: FileHandle, isBeside?: boolean): Promise<UnfinishedFile>;
}

/** The own folder is there as long as something is stored. */
export function claimUnfinished(claim: string): ClaimUnfinished {
  let users = 0;
  let own: Promise<FileHandle | undefined> | undefined;
  /** Closed only when nobody uses their numbers any more. */
  let opened: FileHandle[] = [];

  async function openAnew(): Promise<FileHandle | undefined> {
    const folder = await openOwn(claim);
    if (folder) opened.push(folder);
    return folder;
  }

  /** Undefined if the own folder is not to be had, or on another volume than the target. */
  async function createInOwn(target: FileHandle): Promise<Part | undefined> {
    own ??= openAnew();
    const asked = own;
    const folder = await asked;
    if (!folder || (await folder.stat()).dev !== (await target.stat()).dev) return undefined;
    try {
      return await createIn(folder, "");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Another task removed it, in the moment in which nothing was in it.
      if (own === asked) own = undefined;
      return undefined;
    }
  }

  async function leave(): Promise<void> {
    users -= 1;
    if (users > 0) return;
    own = undefined;
    const last = opened;
    opened = [];
    if (last.length > 0) await rmdir(join(claim, OWN_FOLDER)).catch(() => undefined); // another task stores something
    for (const folder of last) await folder.close();
  }

  return {
    async begin(target, isBeside = false) {
      users += 1;
      try {
        const own = isBeside ? undefined : ((await createInOwn(target)) ?? (await createInOwn(target)));
        const { handle, path } = own ?? (await createIn(target, `${OWN_FOLDER}-`));
        const dispose = async (): Promise<void> => {
          await rm(path, { force: true });
          await handle.close();
          await leave();
        };
        return { handle, path, [Symbol.asyncDispose]: dispose };
      } catch (error) {
        await leave();
        throw error;
      }
    },
  };
}

async function createIn(folder: FileHandle, prefix: string): Promise<Part> {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  // By the open folder, so that it is written there whatever becomes of the folder's name.
  const path = `${pathOfHandle(folder)}/${prefix}${randomBytes(8).toString("hex")}`;
  return { path, handle: await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600) };
}

/** Undefined if it is not to be had, or not ours alone. */
async function openOwn(claim: string): Promise<FileHandle | undefined> {
  const path = join(claim, OWN_FOLDER);
  try {
    await mkdir(path, 0o700).catch(ifThere);
    const folder = await openFound(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const { uid, mode } = await folder.stat();
    if (OWNERS.has(uid) && (mode & 0o077) === 0) {
      await removeLeft(folder).catch(() => undefined);
      return folder;
    }
    await folder.close();
  } catch {
    // The root of the claim may not be ours to write to.
  }
  return undefined;
}

/** Of servers that know no root, nobody's. */
const OWNERS: ReadonlySet<number> = new Set([process.getuid?.() ?? 0, 65_534]);

function ifThere(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
}

async function removeLeft(folder: FileHandle): Promise<void> {
  for (const name of await readdir(pathOfHandle(folder))) {
    const path = `${pathOfHandle(folder)}/${name}`;
    const { mtimeMs } = await lstat(path);
    if (Date.now() - mtimeMs > LEFT_MILLISECONDS) await rm(path, { force: true });
  }
}
