// File storage: files and folders of a claim that the operator shares with tasks, below the folders that are named for it.
import { lstat, realpath } from "node:fs/promises";
import { parentPath, type TaskPath } from "../contract/path.ts";
import { listFiles } from "./file-list.ts";
import { type FilePaths, filePaths, pathOfFileUrl } from "./file-path.ts";
import { receiveFile } from "./file-receive.ts";
import { keepFolder, storeFile } from "./file-store.ts";
import { claimUnfinished } from "./file-unfinished.ts";
import { type FilesSettings, type Storage, StorageError } from "./storage.ts";
import { isMissing } from "./tree.ts";

export async function fileStorage(files: FilesSettings, signal: AbortSignal): Promise<Storage> {
  const local = await realpath(files.local);
  const context = { paths: filePaths({ ...files, local }), signal, unfinished: claimUnfinished(local) };
  return {
    async *list(url) {
      try {
        yield* listFiles(pathOfFileUrl(url), context);
      } catch (error) {
        throw inWords(error);
      }
    },
    download: (url, receiver) => at(url, (path) => receiveFile(path, receiver, context)),
    sizeOf: (url) => at(url, async (path) => (await lstat((await context.paths.follow(path)).local)).size),
    async upload(file, sizeBytes, url) {
      await at(url, (path) => storeFile({ file, sizeBytes, path }, context));
      return undefined;
    },
    target(url) {
      const path = pathOfFileUrl(url);
      return {
        name: parentPath(path),
        check: () => at(url, () => mustLeadToFolder(path, context.paths)),
      };
    },
    makeFolder: (url) => at(url, (path) => keepFolder(path, context)),
  };
}

/** Folders that are missing are made, as long as nothing else is in their place. */
async function mustLeadToFolder(path: TaskPath, paths: FilePaths): Promise<void> {
  const { folder, missing } = await paths.reach(path);
  if (missing.length === 0 || (await lstat(folder.local)).isDirectory()) return;
  throw new StorageError("permanent", `"${folder.path}" is no folder`);
}

const DENIED_CODES = new Set(["EACCES", "EPERM", "EROFS"]);

async function at<Value>(url: string, work: (path: TaskPath) => Promise<Value>): Promise<Value> {
  try {
    return await work(pathOfFileUrl(url));
  } catch (error) {
    throw inWords(error);
  }
}

/** The system's errors as those of storage; where the claim is mounted is of no use to anybody. */
export function inWords(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StorageError || !("code" in error)) return error;
  const words = error.message.replace(/, \w+( '.*)?$/s, "");
  if (isMissing(error)) return new StorageError("not-found", words, { cause: error });
  if (error.code === "ENXIO") return new StorageError("permanent", "it is a socket", { cause: error });
  if (DENIED_CODES.has(String(error.code))) return new StorageError("denied", words, { cause: error });
  return Object.assign(new Error(words, { cause: error }), { code: error.code });
}
