// Drivers: which storage serves which URL scheme. A driver is loaded when the first URL of its scheme is met.
import { isFileUrl } from "../contract/file-url.ts";
import { publicUrl, schemeOf } from "../contract/scheme.ts";
import type { UnfinishedUpload } from "../contract/uploads.ts";
import { claimOf } from "./s3-url.ts";
import { type Storage, StorageError, type StorageSettings, storageError } from "./storage.ts";

type OpenDriver = (settings: StorageSettings, signal: AbortSignal, storageOf: StorageOf) => Promise<Storage>;

const http: OpenDriver = async (settings, signal) =>
  (await import("./http.ts")).httpStorage(settings, signal);

const ftp: OpenDriver = async (settings, signal) => (await import("./ftp.ts")).ftpStorage(settings, signal);

const drivers: Readonly<Record<string, OpenDriver>> = {
  s3: async (settings, signal) => (await import("./s3.ts")).s3Storage(settings, signal),
  http,
  https: http,
  ftp,
  ftps: ftp,
  drs: async (settings, signal, storageOf) =>
    (await import("./drs.ts")).drsStorage({ settings, signal, storageOf }),
};

/** Only where the operator shares a file system with tasks. */
const file: OpenDriver = async ({ files }, signal) => {
  if (!files) throw new TypeError("There is no claim for files");
  return await (await import("./file.ts")).fileStorage(files, signal);
};

export type StorageOf = (url: string) => Promise<Storage>;

/** Gives each URL its storage, one for all URLs of a scheme. An unknown scheme is a permanent StorageError. */
export function openDrivers(settings: StorageSettings, signal: AbortSignal): StorageOf {
  const opened = new Map<string, Promise<Storage>>();
  const known = settings.files ? { ...drivers, file } : drivers;
  const schemeFor = (url: string): string | undefined => {
    if (settings.files && isFileUrl(url)) return "file";
    return claimOf(url, settings.s3Places) === undefined ? schemeOf(url) : "s3";
  };
  // Async, so that a fault in the settings is a rejection.
  const storageOf: StorageOf = async (url) => {
    const scheme = schemeFor(url);
    const open = scheme === undefined ? undefined : known[scheme];
    if (scheme === undefined || !open) throw unsupported(url, Object.keys(known));
    let storage = opened.get(scheme);
    if (!storage) {
      storage = open(settings, signal, storageOf).then((driver) => failingWell(driver, settings, signal));
      opened.set(scheme, storage);
    }
    return await storage;
  };
  return storageOf;
}

/** Whoever needs more files of one folder is better served by an archive. */
const LISTED_FILES_MAX = 1_000_000;

/** Makes every failure what Storage promises: the signal's reason after an abort, a StorageError otherwise. Bounds listings. */
function failingWell(
  driver: Storage,
  { listedFilesMax = LISTED_FILES_MAX }: StorageSettings,
  signal: AbortSignal,
): Storage {
  const failure = (error: unknown): unknown => (signal.aborted ? signal.reason : storageError(error));
  const translate = <Value>(result: Promise<Value>): Promise<Value> =>
    result.catch((error: unknown) => Promise.reject(failure(error)));
  return {
    ...(driver.shape === undefined ? {} : { shape: driver.shape }),
    async *list(url) {
      try {
        let files = 0;
        for await (const listed of driver.list(url)) {
          files += 1;
          if (files > listedFilesMax)
            throw new StorageError("permanent", `there are more than ${listedFilesMax} files`);
          yield listed;
        }
      } catch (error) {
        throw failure(error);
      }
    },
    download: (url, receiver) => translate(driver.download(url, receiver)),
    upload: (file, sizeBytes, url) => translate(driver.upload(file, sizeBytes, url)),
    ...(driver.sizeOf ? { sizeOf: driver.sizeOf } : {}),
    ...(driver.abortUpload
      ? {
          abortUpload: (upload: UnfinishedUpload) =>
            translate(driver.abortUpload?.(upload) ?? Promise.resolve()),
        }
      : {}),
    ...(driver.target ? { target: driver.target } : {}),
    ...(driver.makeFolder
      ? { makeFolder: (url: string) => translate(driver.makeFolder?.(url) ?? Promise.resolve()) }
      : {}),
  };
}

const unsupported = (url: string, known: readonly string[]): StorageError => {
  const scheme = schemeOf(url);
  const what = scheme === undefined ? "a URL without a scheme" : `the scheme ${scheme}`;
  return new StorageError(
    "permanent",
    `Cannot use "${publicUrl(url)}": ${what} is not supported (${known.join(", ")} are)`,
  );
};
