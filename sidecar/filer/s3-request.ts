// S3 request: one signed request to an endpoint by the runtime's fetch.
import type { S3Location, S3Object } from "../contract/s3-url.ts";
import { asStored } from "./body.ts";
import { encodeS3Path, encodeS3Query, type S3Keys, signRequest } from "./s3-signature.ts";
import { type S3Settings, StorageError } from "./storage.ts";

/** Of an object, or of a bucket. A bucket is only ever read: with a PUT it would be made, with a DELETE removed. */
export type S3Ask = {
  query?: Record<string, string>;
  headers?: Record<string, string>;
} & (
  | {
      method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
      object: S3Object;
      body?: Blob | Uint8Array<ArrayBuffer> | string;
    }
  | { method: "GET" | "HEAD"; bucket: string }
);

export type S3Request = S3Ask & {
  /** Ends the request, its body included. */
  signal: AbortSignal;
};

const locationOf = (request: S3Ask): S3Location =>
  "object" in request ? request.object : { bucket: request.bucket, key: "" };

export interface S3Access extends S3Settings {
  /** Undefined: anonymous. */
  keys(signal: AbortSignal): Promise<S3Keys | undefined>;
}

const DEFAULT_REGION = "us-east-1";

/** The answer, whatever its status. A server that names another region for the bucket is asked there, from then on. */
export type SendToS3 = (request: S3Request) => Promise<Response>;

export function s3Sender(settings: S3Access): SendToS3 {
  const regions = new Map<string, string>();
  const tls = settings.ca === undefined ? {} : { tls: { ca: settings.ca } };

  async function sendTo(region: string, request: S3Request): Promise<Response> {
    const { method, query = {}, headers = {} } = request;
    const body = "object" in request ? request.body : undefined;
    const url = addressOf(locationOf(request), query, { ...settings, region });
    const keys = await settings.keys(request.signal);
    const scope = { region, service: "s3" };
    const signed = keys ? signRequest({ method, url, headers, body }, keys, scope, new Date()) : headers;
    return await fetch(url, {
      method,
      headers: signed,
      redirect: "manual",
      signal: request.signal,
      ...(body === undefined ? {} : { body }),
      ...asStored,
      ...tls,
    });
  }

  return async (request) => {
    const { bucket } = locationOf(request);
    const region = regions.get(bucket) ?? settings.region ?? DEFAULT_REGION;
    const response = await sendTo(region, request);
    const other = response.headers.get("x-amz-bucket-region");
    if (response.status < 300 || other === null || other === region || !/^[a-z0-9-]+$/.test(other))
      return response;
    await response.body?.cancel();
    regions.set(bucket, other);
    return await sendTo(other, request);
  };
}

/** An own endpoint is addressed in path style: its buckets rarely have names of their own in the DNS. */
function addressOf({ bucket, key }: S3Location, query: Record<string, string>, settings: S3Settings): URL {
  const { endpoint, region } = settings;
  const url = parseEndpoint(
    endpoint ?? `https://s3.${region}.amazonaws.com${region?.startsWith("cn-") ? ".cn" : ""}`,
  );
  // The runtime's fetch takes a path that begins with two slashes for one with one, so such a key cannot follow a host.
  const inPath = settings.pathStyle ?? (endpoint !== undefined || bucket.includes("."));
  const inHost = !inPath && !key.startsWith("/");
  const host = inHost ? `${bucket}.${url.host}` : url.host;
  const path = encodeS3Path(inHost ? `/${key}` : `/${bucket}/${key}`);
  const search = encodeS3Query(query);
  return new URL(`${url.protocol}//${host}${path}${search === "" ? "" : `?${search}`}`);
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/") {
    throw new StorageError("permanent", "Cannot use the S3 endpoint: it is not a plain http or https URL");
  }
  return url;
}
