// S3 storage: objects of one endpoint or many, each byte checked on its way where the server can.
import PQueue from "p-queue";
import { objectAt, type S3Location, type S3Object } from "../contract/s3-url.ts";
import { publicUrl } from "../contract/scheme.ts";
import { sinceOf } from "../contract/uploads.ts";
import { sizeIn } from "./http-request.ts";
import { defaultPatience, type Patience } from "./patience.ts";
import { type ReceiveRequest, receive } from "./receive.ts";
import { retry } from "./retry.ts";
import { type S3Endpoint, s3Locator } from "./s3-endpoints.ts";
import { s3Failure } from "./s3-error.ts";
import { PART_BYTES } from "./s3-parts.ts";
import { abortLost, abortUpload, type PartsWatch, uploadObject } from "./s3-upload.ts";
import {
  type Listed,
  type RetryPauses,
  type Storage,
  StorageError,
  type StorageSettings,
  type UploadWatch,
} from "./storage.ts";

const noObject = "it names a bucket and no object in it";

/** Of all objects together, beside the first requests for them. */
const RANGES_AT_ONCE = 2;

export function s3Storage(settings: StorageSettings, signal: AbortSignal): Storage {
  const patience = settings.patience ?? defaultPatience;
  const ranges = new PQueue({ concurrency: RANGES_AT_ONCE });
  const context: S3Context = { signal, patience, pauses: settings.retry, ranges };
  const locate = s3Locator(settings, context);
  return {
    shape: "keys",
    async *list(url) {
      const { location, endpoint } = locate(url);
      yield* listFolder(endpoint, location, context);
    },
    async download(url, receiver) {
      const { location, endpoint } = locate(url);
      const object = objectAt(location);
      // So that a bucket that was declared as a file is listed next.
      if (!object) throw new StorageError("not-found", noObject);
      return await receive(requestOf(endpoint, object, context), receiver);
    },
    async sizeOf(url) {
      const { location, endpoint } = locate(url);
      const object = objectAt(location);
      return object && sizeIn(await endpoint.client.look(object));
    },
    async upload(file, sizeBytes, url) {
      const { location, endpoint } = locate(url);
      const object = objectAt(location);
      if (!object) throw new StorageError("permanent", noObject);
      const inParts = watchOf(settings.uploads, url);
      await uploadObject({ file, sizeBytes, object, inParts, ...endpoint, ...context });
      return undefined;
    },
    async abortUpload({ url, upload }) {
      const { location, endpoint } = locate(url);
      const object = objectAt(location);
      const since = sinceOf(upload);
      if (!object) return;
      if (since) await abortLost(endpoint.client, object, since, signal);
      else await abortUpload(endpoint.client, object, upload, signal);
    },
    target(url) {
      const { location, endpoint } = locate(url);
      // An http URL may be given to another endpoint than the bucket's name alone.
      const name = `${/^https?:\/\/[^/]*/i.exec(url)?.[0] ?? "s3"}/${location.bucket}`;
      return { name, check: () => endpoint.client.mustHaveBucket(location.bucket) };
    },
    async makeFolder(url) {
      // An empty object with a slash at its end, as other tools make it too.
      const { location, endpoint } = locate(url.endsWith("/") ? url : `${url}/`);
      const object = objectAt(location);
      // The folder is the bucket itself, and needs nothing to stand for it.
      if (object) await uploadObject({ file: "/dev/null", sizeBytes: 0, object, ...endpoint, ...context });
    },
  };
}

/** Tells of uploads to that URL, by the id that the server gives them. */
const watchOf = (watch: UploadWatch | undefined, url: string): PartsWatch | undefined =>
  watch && {
    begun: (upload) => watch.begun({ url: publicUrl(url), upload }),
    ended: (upload) => watch.ended({ url: publicUrl(url), upload }),
  };

export interface S3Context {
  signal: AbortSignal;
  patience: Patience;
  pauses: RetryPauses | undefined;
  /** Where ranges of large objects wait for their turn. */
  ranges: PQueue;
}

async function* listFolder(
  { client }: S3Endpoint,
  { bucket, key }: S3Location,
  { signal, pauses }: S3Context,
): AsyncIterable<Listed> {
  const prefix = key === "" || key.endsWith("/") ? key : `${key}/`;
  let token: string | undefined;
  do {
    const asked = token;
    const page = await retry(() => client.listPage({ bucket, key: prefix }, asked), { ...pauses, signal });
    yield* page.objects.map((listed) => below(prefix, listed));
    if (page.next !== undefined && page.next === token) {
      throw new StorageError("permanent", "the server lists the same page again and again");
    }
    token = page.next;
  } while (token !== undefined);
}

function below(prefix: string, { path, sizeBytes }: Listed): Listed {
  if (path.startsWith(prefix)) return { path: path.slice(prefix.length), sizeBytes };
  throw new StorageError("permanent", `the server lists "${path}", which is not below "${prefix}"`);
}

const requestOf = (
  { client, etagIsMd5, partBytes }: S3Endpoint,
  object: S3Object,
  { signal, patience, pauses, ranges }: S3Context,
): ReceiveRequest => ({
  send: (headers, limit) =>
    client.send({
      method: "GET",
      object,
      headers: { ...headers, "x-amz-checksum-mode": "ENABLED" },
      signal: limit,
    }),
  refusal: ({ headers }) => (headers.has("etag") ? undefined : "the answer is no object of S3"),
  etagIsMd5: () => etagIsMd5,
  failure: s3Failure,
  condition: "if-match",
  ranges: { bytes: partBytes ?? PART_BYTES, queue: ranges, pauses },
  signal,
  patience,
});
