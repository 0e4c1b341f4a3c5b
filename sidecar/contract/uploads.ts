// Unfinished uploads: what an upload in parts leaves in S3 until it is completed or aborted, as a pod is told to abort it.
import * as v from "valibot";
import { gunzip, gzip } from "./gzip.ts";

export const unfinishedUpload = v.strictObject({
  /** Of the object, without credentials. */
  url: v.string(),
  /** What the server calls the upload. It is no secret: without keys it is of no use. */
  upload: v.string(),
});
export type UnfinishedUpload = v.InferOutput<typeof unfinishedUpload>;

const sincePattern = /^since (\S+Z) /;

/** Stands for the id of an upload whose begin was asked for at that time, as long as the answer, which has the id, is awaited. */
export const uploadSince = (time: Date): string => `since ${time.toISOString()} ${crypto.randomUUID()}`;

/** The time of uploadSince; undefined for an id of the server's. */
export function sinceOf(upload: string): Date | undefined {
  const [, time] = sincePattern.exec(upload) ?? [];
  return time === undefined ? undefined : new Date(time);
}

/** The exit code of a clean-up that removed all folders, and could not abort every upload. */
export const UPLOADS_LEFT = 4;

/** As base64 of gzip of JSON: nothing of it means anything to Kubernetes, which expands `$(X)` in a pod's environment. */
export const encodeUploads = (uploads: readonly UnfinishedUpload[]): string =>
  Buffer.from(gzip(JSON.stringify(uploads))).toString("base64");

/** The inverse of encodeUploads. Throws on anything else. */
export const decodeUploads = (encoded: string): UnfinishedUpload[] =>
  v.parse(
    v.array(unfinishedUpload),
    JSON.parse(new TextDecoder().decode(gunzip(Buffer.from(encoded, "base64")))),
  );
