// Receive: one GET of a file over HTTP into a receiver, from where an earlier one was cut, and what it has to add up to.
import { statSync, truncateSync } from "node:fs";
import { appendBody, isFramed, isUnpacked, saveBody } from "./body.ts";
import { checksumIn, checksumOf } from "./checksum.ts";
import { type Patience, whileMoving } from "./patience.ts";
import { type Receiver, StorageError } from "./storage.ts";

export interface ReceiveRequest {
  send(headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** The header by which the server is told what version the first bytes are of: RFC 9110, 13.1.1 and 13.1.5. */
  condition: "if-match" | "if-range";
  signal: AbortSignal;
  patience: Patience;
  /** Why a success is none; undefined if it is one. */
  refusal(response: Response): string | undefined;
  etagIsMd5(response: Response): boolean;
  /** What a status that is not a success means. */
  failure(response: Response): Promise<StorageError>;
}

/** Returns the size of the whole file. Throws if the bytes received are not those that the server spoke of. */
export async function receive(request: ReceiveRequest, receiver: Receiver): Promise<number> {
  const { signal, patience } = request;
  const moved = (): number => statSync(receiver.file).size;
  await whileMoving({ signal, patience, moved }, (limit) => receiveBody(request, receiver, limit));
  return await verified(receiver, signal);
}

async function receiveBody(request: ReceiveRequest, receiver: Receiver, signal: AbortSignal): Promise<void> {
  const have = receiver.validator === undefined ? 0 : statSync(receiver.file).size;
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (have > 0 && receiver.validator !== undefined) {
    headers["range"] = `bytes=${have}-`;
    headers[request.condition] = receiver.validator;
  }
  const response = await request.send(headers, signal);
  const continued = have > 0 && response.status === 206 && rangeOf(response)?.start === have;
  if (!continued) await startAnew(receiver, response, request);
  const size = continued ? continuedSize(response, have) : expectedSize(response);
  if (size === undefined && !isFramed(response) && !receiver.checksum) {
    await response.body?.cancel();
    throw new StorageError(
      "permanent",
      "the server does not say where the file ends, so a cut would not be seen",
    );
  }
  await (continued ? appendBody : saveBody)(response, receiver.file);
  const received = statSync(receiver.file).size;
  if (size !== undefined && received !== size) {
    throw new StorageError("transient", `${received} of ${size} bytes were received`);
  }
}

/** The size of the file, once its bytes are those that were promised. If not, none of them are kept. */
async function verified(receiver: Receiver, signal: AbortSignal): Promise<number> {
  const { file, checksum } = receiver;
  const { size } = statSync(file);
  if (!checksum) return size;
  const { value } = await checksumOf(file, checksum.algorithm, { start: 0, end: size }, signal);
  if (value === checksum.value) return size;
  receiver.validator = undefined;
  truncateSync(file, 0);
  const { algorithm } = checksum;
  throw new StorageError(
    "transient",
    `the ${algorithm} of what was received is ${value} and not ${checksum.value}`,
  );
}

async function startAnew(receiver: Receiver, response: Response, request: ReceiveRequest): Promise<void> {
  const wasContinuing = receiver.validator !== undefined;
  receiver.validator = undefined;
  receiver.checksum = undefined;
  // Now, not with the first bytes: if there are none, the old ones would be taken for the new version's.
  truncateSync(receiver.file, 0);
  if (response.status === 200) {
    const refusal = request.refusal(response);
    if (refusal !== undefined) {
      await response.body?.cancel();
      throw new StorageError("permanent", refusal);
    }
    receiver.validator = strongValidator(response.headers);
    // Of what the runtime unpacks, it is not known what it was.
    if (!isUnpacked(response)) receiver.checksum = checksumIn(response.headers, request.etagIsMd5(response));
    return;
  }
  // The version changed meanwhile (412), or there is nothing behind what we have (416): from the start, then.
  if (wasContinuing && [206, 412, 416].includes(response.status)) {
    await response.body?.cancel();
    throw new StorageError("transient", "the file changed while it was downloaded");
  }
  throw await request.failure(response);
}

/**
 * What promises equal bytes: a strong ETag, or a time of change that is old enough for no second change to share it (RFC 9110,
 * 8.8.2.2).
 */
function strongValidator(headers: Headers): string | undefined {
  const etag = headers.get("etag");
  if (etag !== null) return etag.startsWith("W/") ? undefined : etag;
  const changed = headers.get("last-modified");
  const age = Date.parse(headers.get("date") ?? "") - Date.parse(changed ?? "");
  return changed !== null && age >= 60_000 ? changed : undefined;
}

function rangeOf(response: Response): { start: number; end: number; total: number | undefined } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(?:(\d+)|\*)$/.exec(response.headers.get("content-range") ?? "");
  if (!match) return undefined;
  return {
    start: Number(match[1]),
    end: Number(match[2]),
    total: match[3] === undefined ? undefined : Number(match[3]),
  };
}

/** Throws if the answer, which goes on from there, does not go on to the file's end. */
function continuedSize(response: Response, have: number): number | undefined {
  const range = rangeOf(response);
  const rest = lengthOf(response);
  const size = range && range.end + 1;
  if (size !== undefined && (range?.total ?? size) === size && (rest === undefined || have + rest === size))
    return size;
  throw new StorageError("transient", "the server's answer does not go on to the end of the file");
}

/** Undefined if the server does not say (a chunked body), or says it of other bytes. */
const expectedSize = (response: Response): number | undefined =>
  isUnpacked(response) ? undefined : lengthOf(response);

function lengthOf(response: Response): number | undefined {
  const length = response.headers.get("content-length");
  return length === null ? undefined : Number(length);
}
