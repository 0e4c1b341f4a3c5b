// S3 URL: which bucket, and what in it, a URL names, where operators have given some http URLs to S3.
import { readS3Url, type S3Location } from "../contract/s3-url.ts";
import { mustRead } from "./must-read.ts";
import { type S3Place, StorageError } from "./storage.ts";

/** Throws a permanent StorageError if the URL names nothing that can be asked for. */
export const parseS3Url = (url: string): S3Location => mustRead(readS3Url(url));

/** The place that wants this http URL for itself, and what it is there. */
export function claimOf(
  url: string,
  places: (() => readonly S3Place[]) | undefined,
): { place: S3Place; location: S3Location } | undefined {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return undefined;
  const { origin, pathname, search } = new URL(url);
  const [, bucket = "", path = ""] = /^\/([^/]+)\/?(.*)$/s.exec(pathname) ?? [];
  const place = places?.().find(
    ({ claimsHttp, settings, buckets }) =>
      claimsHttp && originOf(settings.endpoint) === origin && holdsBucket(buckets, bucket),
  );
  // One with a query is signed already, or no object.
  if (!place || search !== "") return undefined;
  return { place, location: parseS3Url(`s3://${bucket}/${decodedPath(path)}`) };
}

function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new StorageError("permanent", 'a "%" in it is not followed by two hexadecimal digits of UTF-8');
  }
}

const originOf = (url = ""): string | undefined => (URL.canParse(url) ? new URL(url).origin : undefined);

/** Whether one of the patterns names the bucket. */
export const holdsBucket = (patterns: readonly string[], bucket: string): boolean =>
  patterns.some((pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`).test(bucket);
  });
