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
  const always = { redirect: "manual", ...asStored, ...tls } as const;
  const addressOf = addressesAt(settings);

  async function sendTo(region: string, request: S3Request): Promise<Response> {
    const { method, query = {}, headers = {} } = request;
    const body = "object" in request ? request.body : undefined;
    const url = addressOf(locationOf(request), query, region);
    const keys = await settings.keys(request.signal);
    const scope = { region, service: "s3" };
    const signed = keys ? signRequest({ method, url, headers, body }, keys, scope, new Date()) : headers;
    const more = body === undefined ? {} : { body };
    return await fetch(url.href, { ...always, ...more, method, headers: signed, signal: request.signal });
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

interface Address {
  readonly host: string;
  readonly pathname: string;
  readonly search: string;
  readonly href: string;
}

/**
 * An own endpoint is addressed in path style: its buckets rarely have names of their own in the DNS. The parts of an address are
 * put together, and not read from it again: a URL for each request costs a small file as much as its hash.
 */
function addressesAt(
  settings: S3Settings,
): (location: S3Location, query: Record<string, string>, region: string) => Address {
  const { endpoint, pathStyle } = settings;
  const endpoints = new Map<string, URL>();
  const endpointIn = (region: string): URL => {
    const amazon = `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
    const known = endpoints.get(region) ?? parseEndpoint(endpoint ?? amazon);
    endpoints.set(region, known);
    return known;
  };
  return ({ bucket, key }, query, region) => {
    const { protocol, host: own } = endpointIn(region);
    // The runtime's fetch takes a path that begins with two slashes for one with one, so such a key cannot follow a host.
    const inPath = pathStyle ?? (endpoint !== undefined || bucket.includes("."));
    const inHost = !inPath && !key.startsWith("/");
    const host = inHost ? `${bucket}.${own}`.toLowerCase() : own;
    const pathname = encodeS3Path(inHost ? `/${key}` : `/${bucket}/${key}`);
    const text = encodeS3Query(query);
    const search = text === "" ? "" : `?${text}`;
    return { host, pathname, search, href: `${protocol}//${host}${pathname}${search}` };
  };
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/") {
    throw new StorageError("permanent", "Cannot use the S3 endpoint: it is not a plain http or https URL");
  }
  return url;
}
