// S3 URL: which bucket a URL names, and which key in it. Taken literally: no part of it is percent-decoded. Pure.

declare const keyOfObject: unique symbol;
/** A key that an object can have: never empty, and never changed on its way. */
export type S3Key = string & { readonly [keyOfObject]: true };

export interface S3Object {
  readonly bucket: string;
  readonly key: S3Key;
}

/** An object, or with an empty key the bucket itself. */
export interface S3Location {
  readonly bucket: string;
  readonly key: string;
}

/** Amazon's bound, and that of every server that keeps to it. */
export const s3KeyBytesMax = 1024;
/** The longest that any server takes (Ceph); Amazon and MinIO take 63. */
const bucketLengthMax = 255;

/**
 * Bucket names are judged by what no server takes. Amazon wants 3 to 63 lower-case letters, digits, dots and hyphens; Ceph and
 * older buckets of Amazon's have capitals and underscores too.
 */
export function readS3Url(url: string): S3Location | { fault: string } {
  const [, bucket = "", key = ""] = /^s3:\/\/([^/]*)(?:\/(.*))?$/is.exec(url) ?? [];
  if (bucket === "") return { fault: "it names no bucket" };
  // What stands before the "@" may be a password.
  if (bucket.includes("@"))
    return { fault: "an s3 URL has no user and password; credentials come from the storage Secret" };
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket) || bucket.length > bucketLengthMax)
    return { fault: `"${bucket.slice(0, bucketLengthMax)}" is no name of a bucket` };
  // The runtime's fetch would resolve them on the way to the server.
  if (key.split("/").some((part) => part === "." || part === ".."))
    return { fault: `a key with "." or ".." between slashes is not supported` };
  return { bucket, key };
}

/** The object that the location names; undefined if it is a bucket. */
export const objectAt = ({ bucket, key }: S3Location): S3Object | undefined =>
  key === "" ? undefined : { bucket, key: key as S3Key };
