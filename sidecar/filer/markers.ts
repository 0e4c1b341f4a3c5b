// Markers: objects that stand for folders, where names only look like paths, and what is a file where a folder is asked for.
import { publicUrl } from "../contract/scheme.ts";
import { type Listed, type Storage, StorageError } from "./storage.ts";
import { joinUrl } from "./url.ts";

/** The folder that is listed, which is known to be there although nothing may be below it. */
export const isItself = ({ path }: Listed): boolean => path === "";

/** What is to be said of a listed object whose key ends in a slash: the bytes that it holds have no place in a folder. */
export function lostBytes(folder: string, { path, sizeBytes }: Listed): string | undefined {
  if (sizeBytes === 0 || (path !== "" && !path.endsWith("/"))) return undefined;
  const url = path === "" ? folder.replace(/\/?$/, "/") : joinUrl(folder, path);
  return `"${publicUrl(url)}" stands for a folder, so its ${sizeBytes} bytes are not staged`;
}

/** What is to be said of an empty object beside a folder of its name: some tools mark folders so. */
export async function emptyMarker(url: string, storage: Storage): Promise<string | undefined> {
  for await (const listed of storage.list(url)) {
    if (isItself(listed)) continue;
    const below = publicUrl(joinUrl(url, listed.path));
    return `"${publicUrl(url)}" is empty, and "${below}" lies below it, so it is taken for a folder`;
  }
  return undefined;
}

/** Why a folder that lists nothing cannot be staged. */
export async function nothingBelow(url: string, { sizeOf }: Storage): Promise<StorageError> {
  const size = await sizeOf?.(url.replace(/\/$/, "")).catch(() => undefined);
  return size === undefined
    ? new StorageError("not-found", "there is nothing below it")
    : new StorageError("permanent", "it is a file, and the input has the type DIRECTORY");
}
