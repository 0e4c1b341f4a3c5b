// The token by which a pod's reports are believed: bound to one task and one attempt.
import { timingSafeEqual } from "node:crypto";
import { hmacSha256 } from "./hmac.ts";

/** HMAC-SHA256 of task and attempt under the key that service and sidecar containers share, in hex. */
export const reportToken = (key: string, task: string, attempt: number): string =>
  hmacSha256(key, `${task}/${attempt}`);

/** Compares in constant time. */
export function isReportToken(token: string, expected: string): boolean {
  const [a, b] = [Buffer.from(token), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
