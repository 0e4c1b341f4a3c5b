// S3 URL: which object a URL names.
import { type S3Place, StorageError } from "./storage.ts";

/** A bucket and a key in it, from an s3 URL taken literally: no part of it is percent-decoded. */
export interface S3Object {
  bucket: string;
  key: string;
}

/** Throws a permanent StorageError if the URL names no object that can be asked for. */
export function parseS3Url(url: string): S3Object {
  const [, bucket, key = ""] = /^s3:\/\/([^/]+)(?:\/(.*))?$/is.exec(url) ?? [];
  if (bucket === undefined) throw new StorageError("permanent", "it names no bucket");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket)) {
    throw new StorageError("permanent", `"${bucket}" is no name of a bucket`);
  }
  // The runtime's fetch would resolve them on the way to the server.
  if (key.split("/").some((part) => part === "." || part === "..")) {
    throw new StorageError("permanent", `a key with "." or ".." between slashes is not supported`);
  }
  return { bucket, key };
}

/** The place that wants this http URL for itself, and what it is there. */
export function claimOf(
  url: string,
  places: (() => readonly S3Place[]) | undefined,
): { place: S3Place; object: S3Object } | undefined {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return undefined;
  const { origin, pathname, search } = new URL(url);
  const [, bucket = "", path = ""] = /^\/([^/]+)\/?(.*)$/s.exec(pathname) ?? [];
  const place = places?.().find(
    ({ claimsHttp, settings, buckets }) =>
      claimsHttp && originOf(settings.endpoint) === origin && holdsBucket(buckets, bucket),
  );
  // One with a query is signed already, or no object.
  if (!place || search !== "") return undefined;
  return { place, object: parseS3Url(`s3://${bucket}/${decodeURIComponent(path)}`) };
}

const originOf = (url = ""): string | undefined => (URL.canParse(url) ? new URL(url).origin : undefined);

/** Whether one of the patterns names the bucket. */
export const holdsBucket = (patterns: readonly string[], bucket: string): boolean =>
  patterns.some((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`).test(bucket);
  });
