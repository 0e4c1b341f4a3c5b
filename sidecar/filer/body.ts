// Body: a file as the body of a request, and the body of a response into a file, in flat memory on each runtime.
import { closeSync, openAsBlob, openSync, readSync, statSync, writeSync } from "node:fs";
import { free } from "../free.ts";
import { StorageError } from "./storage.ts";

/** The bytes from `start` to `end` of a file, read only as they are sent. Their number is the request's content-length. */
export async function fileBody(file: string, start: number, end: number): Promise<Blob> {
  mustHold(file, end);
  return (await openAsBlob(file)).slice(start, end);
}

/** The same bytes in memory. */
export function readBytes(file: string, start: number, end: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(end - start);
  const fd = openSync(file, "r");
  try {
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(fd, bytes, at, bytes.length - at, start + at);
      if (count === 0) throw tooShort();
      at += count;
    }
  } finally {
    closeSync(fd);
  }
  return bytes;
}

/** Throws if the file is shorter than that: what is left of it must not be published as if it were all. */
export function mustHold(file: string, bytes: number): void {
  // The runtimes differ in what they send of a file that has become too short. None fails.
  if (statSync(file).size >= bytes) return;
  throw tooShort();
}

const tooShort = (): StorageError =>
  new StorageError("permanent", "the file became shorter while it was uploaded");

/** For a fetch whose body is to be the bytes as they are stored, also if the server says that they are gzip. */
export const asStored: BunFetchRequestInit = typeof Bun === "undefined" ? {} : { decompress: false };

/** Whether the runtime unpacks such a body all the same, and so its size is not the one that was announced. */
export const isUnpacked = (response: Response): boolean =>
  typeof Bun === "undefined" && (response.headers.get("content-encoding") ?? "identity") !== "identity";

/**
 * Whether a body that ends too early is seen to: its length is announced, or it comes in chunks of which the last says so.
 * HTTP/2, which only other runtimes speak here, has frames that do.
 */
export const isFramed = ({ headers }: Response): boolean =>
  typeof Bun === "undefined" ||
  headers.has("content-length") ||
  /\bchunked\b/i.test(headers.get("transfer-encoding") ?? "");

/** The body as text, which is cut where it is too long. */
export async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= bytesMax) break;
  }
  return Buffer.concat(chunks).subarray(0, bytesMax).toString();
}

/**
 * Gives `take` the body piece by piece, in order, until it wants no more and says false; then the rest is not received. Throws if
 * the connection ends before the body does.
 */
export async function takeBody(response: Response, take: (bytes: Uint8Array) => boolean): Promise<void> {
  for await (const chunk of response.body ?? []) {
    const goesOn = take(chunk);
    free(chunk);
    if (!goesOn) return;
  }
}

/**
 * More at a time costs less in theory. But the page cache takes as large a block for it as there is, and in a virtual machine
 * the host may first have to find the memory behind that: writes of 128 KiB took up to ten times as long as these.
 */
const WRITE_BYTES = 32 * 1024;

/** Writes all of the bytes there. */
export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, Math.min(WRITE_BYTES, bytes.length - at), position + at);
  }
}
