// S3 upload: a file becomes an object, in one piece or in parts, each checked by the server.
import PQueue from "p-queue";
import type { S3Object } from "../contract/s3-url.ts";
import { uploadSince } from "../contract/uploads.ts";
import { fileBody, mustHold, readBytes } from "./body.ts";
import { checksumIn, checksumOf, checksumOfBytes, joinCrc32 } from "./checksum.ts";
import { sizeIn } from "./http-request.ts";
import { type Patience, whilePatient } from "./patience.ts";
import { retry } from "./retry.ts";
import type { S3Client, S3Part } from "./s3-client.ts";
import type { S3Endpoint } from "./s3-endpoints.ts";
import { isS3Code, s3Failure } from "./s3-error.ts";
import { PART_BYTES, partBytesFor } from "./s3-parts.ts";
import { type RetryPauses, StorageError, storageError } from "./storage.ts";

const PARTS_AT_ONCE = 4;

interface Upload extends S3Endpoint {
  file: string;
  sizeBytes: number;
  object: S3Object;
  signal: AbortSignal;
  patience: Patience;
  pauses: RetryPauses | undefined;
  /** Hears of uploads in parts by the id that the server gives them. */
  inParts?: PartsWatch | undefined;
}

export interface PartsWatch {
  begun(id: string): void;
  ended(id: string): void;
}

/** Nothing is visible before all of it is stored. Parts are tried again one by one, a single piece is not. */
export async function uploadObject(upload: Upload): Promise<void> {
  const { sizeBytes, partBytes = PART_BYTES, uploadHeaders: headers } = upload;
  if (sizeBytes > partBytes) await uploadInParts(upload);
  else await put({ ...upload, query: {}, headers }, { start: 0, end: sizeBytes });
}

interface Put extends Upload {
  query: Record<string, string>;
  headers: Record<string, string>;
}

/** Sends some bytes of the file, with their checksum, which the server compares; if it does not know how to, its ETag is. */
async function put(upload: Put, range: { start: number; end: number }): Promise<S3Part> {
  const { client, file, object, query, signal, patience } = upload;
  const bytes = range.end - range.start;
  const { body, checksum } = await bodyOf(file, range, signal);
  const crc32 = await checksum("crc32");
  const headers = { ...upload.headers, "x-amz-checksum-crc32": crc32 };
  return await whilePatient({ signal, patience, bytes }, async (limit) => {
    const response = await client.send({ method: "PUT", object, query, headers, body, signal: limit });
    if (!response.ok) throw await s3Failure(response);
    await response.arrayBuffer();
    const seen = checksumIn(response.headers, upload.etagIsMd5);
    const right = seen?.algorithm === "md5" ? await checksum("md5") : crc32;
    if (seen && (seen.algorithm === "md5" || seen.algorithm === "crc32") && seen.value !== right) {
      throw new StorageError(
        "transient",
        `the ${seen.algorithm} of what is stored is ${seen.value} and not ${right}`,
      );
    }
    return { etag: response.headers.get("etag") ?? "", crc32, bytes };
  });
}

/** What is not longer is read once, and sent and summed up in memory. */
const SMALL_BYTES = 64 * 1024;

interface PutBody {
  body: Blob | Uint8Array<ArrayBuffer>;
  /** Of the same bytes, in base64. */
  checksum(algorithm: "crc32" | "md5"): Promise<string>;
}

async function bodyOf(
  file: string,
  range: { start: number; end: number },
  signal: AbortSignal,
): Promise<PutBody> {
  if (range.end - range.start > SMALL_BYTES) {
    return {
      body: await fileBody(file, range.start, range.end),
      checksum: async (algorithm) => (await checksumOf(file, algorithm, range, signal)).value,
    };
  }
  const body = readBytes(file, range.start, range.end);
  return { body, checksum: (algorithm) => Promise.resolve(checksumOfBytes(algorithm, body).value) };
}

/** Nothing is visible before the last step. On failure the parts are removed, as far as the server still listens. */
async function uploadInParts(upload: Upload): Promise<void> {
  const { client, file, object, signal, pauses, sizeBytes } = upload;
  const partBytes = partBytesFor(sizeBytes, upload.partBytes ?? PART_BYTES);
  const id = await begin(upload);
  const stop = new AbortController();
  const limit = AbortSignal.any([signal, stop.signal]);
  const queue = new PQueue({ concurrency: PARTS_AT_ONCE });
  const sendPart = (index: number): Promise<S3Part> =>
    put(
      { ...upload, headers: {}, query: { partNumber: String(index + 1), uploadId: id }, signal: limit },
      { start: index * partBytes, end: Math.min((index + 1) * partBytes, sizeBytes) },
    );
  try {
    const parts = await Promise.all(
      Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) =>
        queue.add(() => retry(() => sendPart(index), { ...pauses, signal: limit })),
      ),
    );
    mustHold(file, sizeBytes);
    await complete(upload, id, parts);
    upload.inParts?.ended(id);
  } catch (error) {
    stop.abort(error);
    await queue.onIdle();
    // Where it stays, the service hears of no end, and has it aborted once more when the pod is gone.
    if (await insist(signal, (limit) => abortUpload(client, object, id, limit))) upload.inParts?.ended(id);
    throw error;
  }
}

/**
 * Begins an upload in parts, and tells its id. Until the answer has the id, only its time is told: whoever takes back what this
 * process leaves then looks for an upload of that key which is empty. The same is done here if an answer is lost.
 */
async function begin(upload: Upload): Promise<string> {
  const { client, object, signal, pauses, uploadHeaders, inParts } = upload;
  const headers = {
    ...uploadHeaders,
    "x-amz-checksum-algorithm": "CRC32",
    "x-amz-checksum-type": "FULL_OBJECT",
  };
  const since = new Date(Date.now() - CLOCKS_APART_MILLISECONDS);
  const asked = uploadSince(since);
  let isClear = true;
  const ask = async (): Promise<string> => {
    try {
      return await client.beginUpload(object, headers);
    } catch (error) {
      if (storageError(error).kind === "transient")
        isClear = await insist(signal, (limit) => abortLost(client, object, since, limit));
      throw error;
    }
  };
  inParts?.begun(asked);
  try {
    const id = await retry(ask, { ...pauses, signal });
    inParts?.begun(id);
    return id;
  } catch (error) {
    // The request may still be under way.
    if (signal.aborted) isClear = false;
    throw error;
  } finally {
    if (isClear) inParts?.ended(asked);
  }
}

/** The server's clock may be another one. */
const CLOCKS_APART_MILLISECONDS = 2000;

/** Aborts uploads of the object that were begun since then and have no part. Also where the bucket is not there. */
export async function abortLost(
  client: S3Client,
  object: S3Object,
  since: Date,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const lost of await client.emptyUploads(object, since, signal))
      await abortUpload(client, object, lost, signal);
  } catch (error) {
    if (!isS3Code(error, "NoSuchBucket")) throw error;
  }
}

async function complete(upload: Upload, id: string, parts: readonly S3Part[]): Promise<void> {
  const { client, object, signal, pauses, sizeBytes } = upload;
  const crc32 = joinCrc32(parts.map((part) => ({ value: part.crc32, bytes: part.bytes })));
  let attempts = 0;
  let isCertain = true;
  await retry(
    async () => {
      attempts += 1;
      try {
        await client.completeUpload(object, id, { parts, crc32 });
      } catch (error) {
        // The answer to an earlier attempt was lost: what is there now tells whether it was done.
        if (attempts === 1 || !isS3Code(error, "NoSuchUpload")) throw error;
        isCertain = false;
      }
    },
    { ...pauses, signal },
  );
  try {
    mustBeStored(await retry(() => client.look(object), { ...pauses, signal }), { sizeBytes, crc32 });
  } catch (error) {
    // Who may write need not be allowed to read, and S3 has said that it is done.
    if (error instanceof StoredOtherwise || !isCertain) throw error;
    signal.throwIfAborted();
  }
}

class StoredOtherwise extends StorageError {}

/** A store that loses a part of an object says so in no other way. */
function mustBeStored(stored: Headers, { sizeBytes, crc32 }: { sizeBytes: number; crc32: string }): void {
  const seen = checksumIn(stored, false);
  if (seen?.algorithm === "crc32" && seen.value !== crc32)
    throw new StoredOtherwise("transient", `the crc32 of what is stored is ${seen.value} and not ${crc32}`);
  const size = sizeIn(stored) ?? sizeBytes;
  if (size !== sizeBytes) throw new StoredOtherwise("transient", `${size} of ${sizeBytes} bytes were stored`);
}

/** Also of one that is not there any more, or whose bucket is not. */
export async function abortUpload(
  client: S3Client,
  object: S3Object,
  upload: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.abortUpload(object, upload, signal);
  } catch (error) {
    if (!isS3Code(error, "NoSuchUpload") && !isS3Code(error, "NoSuchBucket")) throw error;
  }
}

/** A task that is cancelled has five seconds until it is killed. */
const INSIST_MILLISECONDS_MAX = { cancelled: 2000, failed: 20_000 };

/** Tries to remove what was begun, also after the abort of everything else, and answers whether it could. The error at hand is the one to tell. */
async function insist(
  signal: AbortSignal,
  operation: (limit: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const limit = AbortSignal.timeout(INSIST_MILLISECONDS_MAX[signal.aborted ? "cancelled" : "failed"]);
  const pauses = { attempts: 6, firstPauseMilliseconds: 50, lastPauseMilliseconds: 5000 };
  return await retry(() => operation(limit), { ...pauses, signal: limit }).then(
    () => true,
    () => false,
  );
}
