// S3 endpoints: which server holds a bucket, and as whom it is asked.
import type { S3Location } from "../contract/s3-url.ts";
import { schemeOf } from "../contract/scheme.ts";
import type { Patience } from "./patience.ts";
import { createS3Client, type S3Client } from "./s3-client.ts";
import type { S3Keys } from "./s3-signature.ts";
import { claimOf, holdsBucket, parseS3Url } from "./s3-url.ts";
import { type S3Settings, StorageError, type StorageSettings } from "./storage.ts";
import { webIdentityKeys } from "./web-identity.ts";

export interface S3Endpoint {
  client: S3Client;
  /** Whether the ETag of an object that came in one piece is its MD5. */
  etagIsMd5: boolean;
  /** What every new object is stored with. */
  uploadHeaders: Record<string, string>;
  partBytes: number | undefined;
}

/** The bucket that a URL names, what in it, and where it is. Throws a permanent StorageError if it names none. */
export function s3Locator(
  settings: Pick<StorageSettings, "s3" | "s3Places">,
  context: { signal: AbortSignal; patience: Patience },
): (url: string) => { location: S3Location; endpoint: S3Endpoint } {
  const opened = new Map<S3Settings, S3Endpoint>();
  const open = (own: S3Settings): S3Endpoint => {
    const endpoint = opened.get(own) ?? openEndpoint(own, context);
    opened.set(own, endpoint);
    return endpoint;
  };
  return (url) => {
    if (schemeOf(url) === "s3") {
      const location = parseS3Url(url);
      const place = settings.s3Places?.().find(({ buckets }) => holdsBucket(buckets, location.bucket));
      return { location, endpoint: open(place?.settings ?? settings.s3) };
    }
    const claimed = claimOf(url, settings.s3Places);
    if (!claimed) throw new StorageError("permanent", "it names no bucket");
    return { location: claimed.location, endpoint: open(claimed.place.settings) };
  };
}

function openEndpoint(
  settings: S3Settings,
  context: { signal: AbortSignal; patience: Patience },
): S3Endpoint {
  const { algorithm, keyId } = settings.encryption ?? {};
  return {
    client: createS3Client({ ...settings, keys: keysOf(settings) }, context),
    etagIsMd5: settings.etagIsMd5 ?? true,
    uploadHeaders: {
      ...(algorithm === undefined ? {} : { "x-amz-server-side-encryption": algorithm }),
      ...(keyId === undefined ? {} : { "x-amz-server-side-encryption-aws-kms-key-id": keyId }),
    },
    partBytes: settings.partBytes,
  };
}

function keysOf(settings: S3Settings): (signal: AbortSignal) => Promise<S3Keys | undefined> {
  const { accessKeyId, secretAccessKey, sessionToken, webIdentity } = settings;
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    const keys = { accessKeyId, secretAccessKey, sessionToken };
    return () => Promise.resolve(keys);
  }
  return webIdentity ? webIdentityKeys(webIdentity, settings) : () => Promise.resolve(undefined);
}
