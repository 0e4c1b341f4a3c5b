// By what a pod's reports are believed: a signature of each body, under a key that is bound to one task and one attempt.
import { timingSafeEqual } from "node:crypto";
import { hmacSha256, sha256 } from "./hmac.ts";

/**
 * Header of a POST of reports: the SHA-256 of the body and, behind a dot, its HMAC under the attempt's key, both in hex. Reports may
 * travel where executors listen: who sees one learns nothing by which another could be made, and one that is sent again
 * holds sequence numbers that the service has.
 */
export const signatureHeader = "tespod-signature";

/** What signs bodies of one attempt; `key` is the one that service and sidecar containers share. */
export function reportSigner(key: string, task: string, attempt: number): (body: string) => string {
  const own = attemptKey(key, task, attempt);
  return (body) => {
    const digest = sha256(body);
    return `${digest}.${hmacSha256(own, digest)}`;
  };
}

/** The digest that the body must have, if the signature is of that attempt; known before there is a body. */
export function signedDigest(
  signature: string,
  key: string,
  task: string,
  attempt: number,
): string | undefined {
  const [digest = "", mac = ""] = signature.split(".");
  return isEqual(mac, hmacSha256(attemptKey(key, task, attempt), digest)) ? digest : undefined;
}

export const hasDigest = (body: string, digest: string): boolean => isEqual(sha256(body), digest);

/** Not what old tokens are, which travelled in the clear; no task's id has a blank. */
const attemptKey = (key: string, task: string, attempt: number): string =>
  hmacSha256(key, `signs ${task}/${attempt}`);

/** The bearer token that pods of versions before signatures send. */
export const reportToken = (key: string, task: string, attempt: number): string =>
  hmacSha256(key, `${task}/${attempt}`);

/** Compares in constant time. */
export function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
