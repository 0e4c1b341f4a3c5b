// Body: a file as the body of a request, and the body of a response into a file, in flat memory on each runtime.
import { closeSync, openAsBlob, openSync, statSync, writeSync } from "node:fs";
import { StorageError } from "./storage.ts";

/** The bytes from `start` to `end` of a file, read only as they are sent. Their number is the request's content-length. */
export async function fileBody(file: string, start: number, end: number): Promise<Blob> {
  mustHold(file, end);
  return (await openAsBlob(file)).slice(start, end);
}

/** Throws if the file is shorter than that: what is left of it must not be published as if it were all. */
export function mustHold(file: string, bytes: number): void {
  // The runtimes differ in what they send of a file that has become too short. None fails.
  if (statSync(file).size >= bytes) return;
  throw new StorageError("permanent", "the file became shorter while it was uploaded");
}

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

/** Makes the body the whole of a file. Throws if the connection ends before the body does; what came until then is kept. */
export async function saveBody(response: Response, file: string): Promise<void> {
  // Without a detour through JavaScript: half the memory and half the processor time of the loop below.
  if (typeof Bun !== "undefined") await Bun.write(file, response);
  else await writeChunks(response, openSync(file, "w"));
}

/** Adds the body to a file, and keeps what came of it too. (Bun.write cannot: it may enlarge the file before it appends.) */
export const appendBody = (response: Response, file: string): Promise<void> =>
  writeChunks(response, openSync(file, "a"));

async function writeChunks(response: Response, fd: number): Promise<void> {
  try {
    for await (const chunk of response.body ?? []) {
      for (let rest: Uint8Array = chunk; rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest));
    }
  } finally {
    closeSync(fd);
  }
}
