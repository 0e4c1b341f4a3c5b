// S3 client: the requests that carry no file's bytes: list, look, begin and end an upload in parts.
import type { S3Location, S3Object } from "../contract/s3-url.ts";
import { boundedText } from "./body.ts";
import { type Patience, whilePatient } from "./patience.ts";
import { errorIn, isS3Code, s3Failure } from "./s3-error.ts";
import { type S3Access, type S3Ask, type SendToS3, s3Sender } from "./s3-request.ts";
import { elementsOf, escapeXml, type ListedPage, parseListing, parseUploads, textOf } from "./s3-xml.ts";
import { StorageError } from "./storage.ts";

export interface S3Part {
  etag: string;
  /** The CRC-32 of its bytes, in base64. */
  crc32: string;
  bytes: number;
}

export interface S3Client {
  send: SendToS3;
  /** One page of the objects whose keys begin with the location's. */
  listPage(location: S3Location, token: string | undefined): Promise<ListedPage>;
  /** Throws a not-found StorageError if the server says that there is no such bucket. */
  mustHaveBucket(bucket: string): Promise<void>;
  /** Headers of the object as it is stored. */
  look(object: S3Object): Promise<Headers>;
  beginUpload(object: S3Object, headers: Record<string, string>): Promise<string>;
  /** Begun uploads to that very key that hold no part yet, none of them older than that. */
  emptyUploads(object: S3Object, since: Date, signal: AbortSignal): Promise<string[]>;
  completeUpload(
    object: S3Object,
    upload: string,
    whole: { parts: readonly S3Part[]; crc32: string },
  ): Promise<void>;
  /** Heeds its own signal only: there is something to remove just when all else has ended. */
  abortUpload(object: S3Object, upload: string, signal: AbortSignal): Promise<void>;
}

const LIST_TEXT_MAX = 8 * 1024 * 1024;

export function createS3Client(
  access: S3Access,
  { signal, patience }: { signal: AbortSignal; patience: Patience },
): S3Client {
  const send = s3Sender(access);
  /** For what carries no file's bytes: a whole answer in its time, or the failure. */
  const ask = (request: S3Ask, limit = signal): Promise<{ headers: Headers; text: string }> =>
    whilePatient({ signal: limit, patience, bytes: 0 }, async (ends) => {
      const response = await send({ ...request, signal: ends });
      if (!response.ok) throw await s3Failure(response);
      return { headers: response.headers, text: await boundedText(response, LIST_TEXT_MAX) };
    });

  return {
    send,
    async listPage({ bucket, key }, token) {
      const query = { "list-type": "2", prefix: key, "max-keys": "1000", "encoding-type": "url" };
      const more = token === undefined ? {} : { "continuation-token": token };
      const answer = await ask({ method: "GET", bucket, query: { ...query, ...more } });
      return parseListing(answer.text);
    },
    async mustHaveBucket(bucket) {
      const { status } = await send({ method: "HEAD", bucket, signal });
      if (status !== 404) return;
      // HEAD has no room for a code, and a gateway may not know it: what is listed tells.
      await ask({ method: "GET", bucket, query: { "list-type": "2", "max-keys": "1" } }).catch((error) => {
        if (isS3Code(error, "NoSuchBucket")) throw new StorageError("not-found", "the bucket does not exist");
      });
    },
    look: async (object) =>
      (await ask({ method: "HEAD", object, headers: { "x-amz-checksum-mode": "ENABLED" } })).headers,
    async beginUpload(object, headers) {
      const { text } = await ask({ method: "POST", object, query: { uploads: "" }, headers });
      const upload = textOf(text, "UploadId");
      if (!upload) throw new StorageError("permanent", "the server did not begin an upload in parts");
      return upload;
    },
    async emptyUploads(object, since, limit) {
      const { bucket, key } = object;
      const query = { uploads: "", prefix: key, "encoding-type": "url" };
      const { text } = await ask({ method: "GET", bucket, query }, limit);
      const empty: string[] = [];
      for (const { upload, begun, ...begunFor } of parseUploads(text)) {
        if (begunFor.key !== key || begun < since) continue;
        const parts = await ask({ method: "GET", object, query: { uploadId: upload } }, limit);
        if (elementsOf(parts.text, "Part").length === 0) empty.push(upload);
      }
      return empty;
    },
    async completeUpload(object, upload, { parts, crc32 }) {
      const list = parts.map(
        (part, index) =>
          `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(part.etag)}</ETag>` +
          `<ChecksumCRC32>${part.crc32}</ChecksumCRC32></Part>`,
      );
      const body = `<CompleteMultipartUpload xmlns="${NAMESPACE}">${list.join("")}</CompleteMultipartUpload>`;
      const headers = { "x-amz-checksum-crc32": crc32, "x-amz-checksum-type": "FULL_OBJECT" };
      const answer = await ask({ method: "POST", object, query: { uploadId: upload }, headers, body });
      // S3 may begin its answer, with 200, before it knows how it ends.
      if (!answer.text.includes("<CompleteMultipartUploadResult")) throw errorIn(answer.text, 500);
    },
    async abortUpload(object, upload, limit) {
      await ask({ method: "DELETE", object, query: { uploadId: upload } }, limit);
    },
  };
}

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";
