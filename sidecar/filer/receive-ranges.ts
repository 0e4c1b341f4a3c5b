// Receive ranges: a large file in several requests at once, each for bytes of its own, into one file.
import { closeSync, openSync } from "node:fs";
import type PQueue from "p-queue";
import { takeBody, writeAt } from "./body.ts";
import { joinCrc32, newSum, type Sum } from "./checksum.ts";
import { lengthOf, rangeOf } from "./content-range.ts";
import { whileMoving } from "./patience.ts";
import type { ReceiveRequest } from "./receive.ts";
import { retry } from "./retry.ts";
import { type Receiver, type RetryPauses, StorageError, storageError } from "./storage.ts";

export interface RangesSettings {
  /** The size of a range, which is tried again by itself. Files that are not longer than two of them come in one piece. */
  bytes: number;
  /** Holds all requests for ranges, those of other files too: each of them takes memory. */
  queue: PQueue;
  pauses: RetryPauses | undefined;
}

/** A download that has its first answer: to a request for all of it. */
interface RangedDownload {
  request: ReceiveRequest;
  response: Response;
  receiver: Receiver;
  size: number;
  /** Ends the first request. */
  abort(reason: unknown): void;
  moved(bytes: number): void;
}

export interface Ranges {
  /** Takes the body of the first answer, which is the file from its beginning, until it meets what others brought from the end. */
  takeFront(response: Response): Promise<void>;
  /**
   * Waits until all of the file is there, also what the first answer did not bring because of that failure. Returns the CRC-32
   * of the whole, if it is to be known. Must be called, after takeFront. If it throws, nothing of the file is of use.
   */
  finish(failure: { error: unknown } | undefined): Promise<string | undefined>;
}

/** Requests for ranges of one file at once, beside the first. */
const RANGES_AT_ONCE = 2;

/**
 * Begins to receive from the file's end what can be had in ranges: if it is large, if its version has a name, and if the checksum
 * of the whole, where there is one, follows from those of its parts. Otherwise undefined.
 */
export function beginRanges(download: RangedDownload): Ranges | undefined {
  const { request, response, receiver, size } = download;
  const etag = receiver.validator;
  const isJoinable = receiver.checksum === undefined || receiver.checksum.algorithm === "crc32";
  if (!request.ranges || size <= request.ranges.bytes * 2 || receiver.wholeOnly || !isJoinable)
    return undefined;
  if (!etag?.startsWith('"') || response.headers.get("accept-ranges") === "none") return undefined;
  // What is there from now on is no beginning of the file that could be gone on with.
  receiver.validator = undefined;
  return receiveRanges(download, request.ranges, etag);
}

interface Piece {
  start: number;
  end: number;
  /** How many of its bytes are there. */
  have: number;
  sum: Sum | undefined;
}

function receiveRanges(download: RangedDownload, settings: RangesSettings, etag: string): Ranges {
  const { request, receiver, size } = download;
  const pool = makePool(size, settings.bytes, receiver.checksum !== undefined);
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const end = (reason: unknown): void => {
    stop.abort(reason);
    download.abort(reason);
  };
  const fd = openSync(receiver.file, "r+");
  const put = (piece: Piece, bytes: Uint8Array): void => {
    signal.throwIfAborted();
    writeAt(fd, bytes, piece.start + piece.have);
    piece.sum?.add(bytes);
    piece.have += bytes.length;
    download.moved(bytes.length);
  };
  const context: PieceContext = { request, receiver, size, etag, signal, put, end };

  const takeTurn = async (): Promise<boolean> => {
    const piece = signal.aborted ? undefined : pool.fromBack();
    if (piece) await retry(() => receivePiece(piece, context), { ...settings.pauses, signal });
    return piece !== undefined;
  };
  /** Never throws: whatever fails ends all, for its reason. */
  const work = async (): Promise<void> => {
    try {
      while (await settings.queue.add(takeTurn));
    } catch (error) {
      end(error);
    }
  };
  const workers = Array.from({ length: RANGES_AT_ONCE }, work);
  let front: Piece | undefined;

  return {
    async takeFront(response) {
      await takeBody(response, (bytes) => {
        for (let rest = bytes; rest.length > 0; ) {
          front ??= pool.fromFront();
          if (!front) break;
          const own = rest.subarray(0, missingOf(front));
          put(front, own);
          rest = rest.subarray(own.length);
          if (missingOf(front) === 0) front = undefined;
        }
        front ??= pool.fromFront();
        return front !== undefined;
      });
      if (front) throw new StorageError("transient", "the file ended too early");
    },
    async finish(failure) {
      // Others take over what the first answer did not bring.
      if (failure && storageError(failure.error).kind !== "transient") end(failure.error);
      if (front) pool.giveBack(front);
      await Promise.all([...workers, work()]);
      closeSync(fd);
      signal.throwIfAborted();
      if (pool.pieces.some((piece) => missingOf(piece) > 0))
        throw new StorageError("transient", "a part of the file did not come");
      return (
        receiver.checksum &&
        joinCrc32(pool.pieces.map(({ sum, have }) => ({ value: sum?.value() ?? "", bytes: have })))
      );
    },
  };
}

const empty = (piece: Piece): void => {
  piece.have = 0;
  piece.sum = piece.sum && newSum("crc32");
};

const missingOf = ({ start, end, have }: Piece): number => end - start - have;

interface Pool {
  pieces: readonly Piece[];
  fromFront(): Piece | undefined;
  fromBack(): Piece | undefined;
  giveBack(piece: Piece): void;
}

/** Each piece is given out once, unless it is given back. */
function makePool(size: number, bytes: number, isSummed: boolean): Pool {
  const pieces = Array.from({ length: Math.ceil(size / bytes) }, (_, index): Piece => {
    const start = index * bytes;
    return {
      start,
      end: Math.min(start + bytes, size),
      have: 0,
      sum: isSummed ? newSum("crc32") : undefined,
    };
  });
  const returned: Piece[] = [];
  let [first, last] = [0, pieces.length - 1];
  return {
    pieces,
    fromFront: () => (first <= last ? pieces[first++] : undefined),
    fromBack: () => returned.pop() ?? (first <= last ? pieces[last--] : undefined),
    giveBack: (piece) => void returned.push(piece),
  };
}

interface PieceContext {
  request: ReceiveRequest;
  receiver: Receiver;
  size: number;
  etag: string;
  signal: AbortSignal;
  put(piece: Piece, bytes: Uint8Array): void;
  end(reason: unknown): void;
}

/** Brings what is still missing of a piece. What has come of it when it fails is kept. */
async function receivePiece(piece: Piece, context: PieceContext): Promise<void> {
  const { request, etag, signal, put } = context;
  const watched = { signal, patience: request.patience, moved: () => piece.have };
  await whileMoving(watched, async (limit) => {
    const start = piece.start + piece.have;
    const range = `bytes=${start}-${piece.end - 1}`;
    const headers = { "accept-encoding": "identity", range, [request.condition]: etag };
    const response = await request.send(headers, limit);
    await mustBring(response, { start, end: piece.end }, context);
    await takeBody(response, (bytes) => {
      if (bytes.length > missingOf(piece)) {
        // What it brought before is as doubtful.
        empty(piece);
        throw new StorageError("transient", "the server sent more than it was asked for");
      }
      put(piece, bytes);
      return true;
    });
    if (missingOf(piece) > 0)
      throw new StorageError("transient", `${missingOf(piece)} bytes of a range did not come`);
  });
}

/** Throws if the answer is not that range of that version. */
async function mustBring(
  response: Response,
  asked: { start: number; end: number },
  { request, receiver, etag, size, end }: PieceContext,
): Promise<void> {
  const { status, headers } = response;
  const range = rangeOf(response);
  const length = lengthOf(response) ?? asked.end - asked.start;
  const isRight =
    range?.start === asked.start && range.end === asked.end - 1 && (range.total ?? size) === size;
  if (status === 206 && isRight && headers.get("etag") === etag) {
    if (length === asked.end - asked.start) return;
    await response.body?.cancel();
    throw new StorageError(
      "transient",
      "the server's answer is not as long as the range that it is to bring",
    );
  }
  if (![200, 206, 412, 416].includes(status)) throw await request.failure(response);
  await response.body?.cancel();
  const isOther = status === 412 || status === 416 || (headers.get("etag") ?? etag) !== etag;
  if (!isOther) receiver.wholeOnly = true;
  const what = isOther
    ? "the file changed while it was downloaded"
    : "the server does not send the ranges that it is asked for";
  const error = new StorageError("transient", what);
  end(error);
  throw error;
}
