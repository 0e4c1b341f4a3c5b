// Tag signature: 64 bits of a task's tags, which tell of most tasks that they lack a tag, with no look at their tags.
import { createHash } from "node:crypto";

/**
 * The bits of these tags, and of their keys, as a bigint of SQL. A task whose signature has all bits of a tag's may have the tag;
 * one that lacks a bit does not have it. Stored: the same tags give the same bits for ever.
 */
export function tagSignature(tags: readonly { key: string; value?: string }[]): string {
  let signature = 0n;
  for (const { key, value } of tags) {
    signature |= bitOf(key);
    if (value !== undefined) signature |= bitOf(`${key}\0${value}`);
  }
  return BigInt.asIntN(64, signature).toString();
}

const bitOf = (text: string): bigint =>
  1n << BigInt((createHash("sha256").update(text).digest()[0] ?? 0) % 64);
