// Receive: one GET of a file over HTTP into a receiver, from where an earlier one was cut, and what it has to add up to.
import { closeSync, openSync, statSync, truncateSync } from "node:fs";
import { isFramed, isUnpacked, takeBody, writeAt } from "./body.ts";
import { checksumIn, checksumOf, newSum } from "./checksum.ts";
import { lengthOf, rangeOf } from "./content-range.ts";
import { type Patience, whileMoving } from "./patience.ts";
import { beginRanges, type Ranges, type RangesSettings } from "./receive-ranges.ts";
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
  /** How large files come in several ranges at once; undefined: they do not. */
  ranges?: RangesSettings;
}

interface Reception {
  request: ReceiveRequest;
  receiver: Receiver;
  /** Bytes that have come so far. */
  moved: number;
  ranges: Ranges | undefined;
}

/** Returns the size of the whole file. Throws if the bytes received are not those that the server spoke of. */
export async function receive(request: ReceiveRequest, receiver: Receiver): Promise<number> {
  const { signal, patience } = request;
  const reception: Reception = { request, receiver, moved: 0, ranges: undefined };
  const watched = { signal, patience, moved: () => reception.moved };
  let size = 0;
  let failure: { error: unknown } | undefined;
  try {
    size = await whileMoving(watched, (limit, abort) => receiveBody(reception, limit, abort));
  } catch (error) {
    if (!reception.ranges) throw error;
    failure = { error };
  }
  if (!reception.ranges) return await verified(receiver, size, signal);
  const sum = await reception.ranges.finish(failure);
  return await verified(receiver, statSync(receiver.file).size, signal, sum);
}

/** Returns the file's size, unless the ranges tell it. */
async function receiveBody(
  reception: Reception,
  signal: AbortSignal,
  abort: (reason: unknown) => void,
): Promise<number> {
  const { request, receiver } = reception;
  const have = receiver.validator === undefined ? 0 : statSync(receiver.file).size;
  const response = await request.send(headersFor(receiver, have, request), signal);
  const continued = have > 0 && response.status === 206 && rangeOf(response)?.start === have;
  if (!continued) await startAnew(receiver, response, request);
  receiver.isEmpty = false;
  const size = continued ? continuedSize(response, have) : expectedSize(response);
  if (size === undefined && !isFramed(response) && !receiver.checksum) {
    await response.body?.cancel();
    throw new StorageError(
      "permanent",
      "the server does not say where the file ends, so a cut would not be seen",
    );
  }
  if (!continued && size !== undefined) {
    const moved = (bytes: number): void => {
      reception.moved += bytes;
    };
    reception.ranges = beginRanges({ request, response, receiver, size, abort, moved });
  }
  if (!reception.ranges) return await save(reception, response, { have: continued ? have : 0, size });
  await reception.ranges.takeFront(response);
  return 0;
}

function headersFor(
  { validator }: Receiver,
  have: number,
  { condition }: ReceiveRequest,
): Record<string, string> {
  const asStored = { "accept-encoding": "identity" };
  if (have === 0 || validator === undefined) return asStored;
  return { ...asStored, range: `bytes=${have}-`, [condition]: validator };
}

/** What is not longer is asked for as one piece of memory. It takes less time to come than any patience. */
const SMALL_BYTES = 32 * 1024;

/** Puts the body behind what there is, and returns the size of it all. What came is kept also if the body ends too early. */
async function save(
  reception: Reception,
  response: Response,
  { have, size }: { have: number; size: number | undefined },
): Promise<number> {
  const { receiver } = reception;
  // Somebody may have cut the file.
  if (receiver.sum?.bytes() !== have) receiver.sum = undefined;
  let position = have;
  const fd = receiver.fd ?? openSync(receiver.file, "r+");
  const take = (bytes: Uint8Array): boolean => {
    writeAt(fd, bytes, position);
    receiver.sum?.add(bytes);
    position += bytes.length;
    reception.moved += bytes.length;
    return true;
  };
  try {
    if (size !== undefined && size - have <= SMALL_BYTES) take(await response.bytes());
    else await takeBody(response, take);
  } finally {
    if (receiver.fd === undefined) closeSync(fd);
  }
  if (size !== undefined && position !== size) {
    throw new StorageError("transient", `${position} of ${size} bytes were received`);
  }
  return position;
}

/** The size of the file, once its bytes are those that were promised. If not, none of them are kept. `known` is their checksum. */
async function verified(
  receiver: Receiver,
  size: number,
  signal: AbortSignal,
  known?: string,
): Promise<number> {
  const { file, checksum, sum } = receiver;
  if (!checksum) return size;
  const value =
    known ??
    (sum?.bytes() === size
      ? sum.value()
      : (await checksumOf(file, checksum.algorithm, { start: 0, end: size }, signal)).value);
  if (value === checksum.value) return size;
  receiver.validator = undefined;
  receiver.sum = undefined;
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
  receiver.sum = undefined;
  // Now, not with the first bytes: if there are none, the old ones would be taken for the new version's.
  if (!receiver.isEmpty && statSync(receiver.file).size > 0) truncateSync(receiver.file, 0);
  if (response.status === 200) {
    const refusal = request.refusal(response);
    if (refusal !== undefined) {
      await response.body?.cancel();
      throw new StorageError("permanent", refusal);
    }
    receiver.validator = strongValidator(response.headers);
    // Of what the runtime unpacks, it is not known what it was.
    if (!isUnpacked(response)) receiver.checksum = checksumIn(response.headers, request.etagIsMd5(response));
    receiver.sum = receiver.checksum && newSum(receiver.checksum.algorithm);
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
