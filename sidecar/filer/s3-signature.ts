// S3 signature: AWS Signature Version 4, in the headers of a request, so that no URL carries any authorisation.
import { hmacSha256, sha256 } from "./digest.ts";

export interface S3Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
}

export interface UnsignedRequest {
  method: string;
  /** Its path and query as encodeS3Path and encodeS3Query have them. */
  url: Pick<URL, "host" | "pathname" | "search">;
  /** Names in lower case. Those that begin with x-amz- are signed. */
  headers: Readonly<Record<string, string>>;
  /** Signed too if it is text. The bytes of a file are not: a checksum among the headers stands for them. */
  body?: unknown;
}

/** RFC 3986: everything but letters, digits and -._~ in percent-encoding. */
const encodeS3 = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** "/key/with/slashes", each of its names encoded once. */
export const encodeS3Path = (path: string): string => path.split("/").map(encodeS3).join("/");

/** In the order of the signature. */
export const encodeS3Query = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .map(([name, value]) => `${encodeS3(name)}=${encodeS3(value)}`)
    .sort()
    .join("&");

/** The request's headers with those that authorise it for some minutes around `now`. */
export function signRequest(
  { method, url, headers, body }: UnsignedRequest,
  keys: S3Keys,
  scope: { region: string; service: string },
  now: Date,
): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const place = [time.slice(0, 8), scope.region, scope.service, "aws4_request"];
  const signed: Record<string, string> = {
    ...headers,
    "x-amz-date": time,
    "x-amz-content-sha256": typeof body === "string" ? sha256(body) : "UNSIGNED-PAYLOAD",
    ...(keys.sessionToken === undefined ? {} : { "x-amz-security-token": keys.sessionToken }),
  };
  const sent: Record<string, string> = { ...signed, host: url.host };
  const names = Object.keys(sent)
    .filter((name) => name === "host" || name.startsWith("x-amz-"))
    .sort();
  const canonical = [method, url.pathname, url.search.slice(1)];
  for (const name of names) canonical.push(`${name}:${sent[name]?.trim().replace(/ +/g, " ")}`);
  canonical.push("", names.join(";"), signed["x-amz-content-sha256"] ?? "");
  const toSign = ["AWS4-HMAC-SHA256", time, place.join("/"), sha256(canonical.join("\n"))].join("\n");
  const signature = hmacSha256(signingKey(keys, place), toSign).toString("hex");
  const credential = `${keys.accessKeyId}/${place.join("/")}`;
  return {
    ...signed,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}

const signingKeys = new WeakMap<S3Keys, { place: string; key: Buffer | string }>();

/** It is the same all day: derived for each request, it would cost as much as all the rest of the signature. */
function signingKey(keys: S3Keys, place: readonly string[]): Buffer | string {
  const known = signingKeys.get(keys);
  if (known?.place === place.join("/")) return known.key;
  const key = place.reduce<Buffer | string>(
    (secret, part) => hmacSha256(secret, part),
    `AWS4${keys.secretAccessKey}`,
  );
  signingKeys.set(keys, { place: place.join("/"), key });
  return key;
}
