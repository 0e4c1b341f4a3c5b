// Hashes, keyed and not. A file of its own because node:crypto alone takes Bun 4 MiB of memory, in every pod.
import { getBuiltinModule } from "node:process";

/** HMAC-SHA256 in hex (RFC 2104). */
export function hmacSha256(key: string, text: string): string {
  if (typeof Bun !== "undefined") return new Bun.CryptoHasher("sha256", key).update(text).digest("hex");
  return getBuiltinModule("node:crypto").createHmac("sha256", key).update(text).digest("hex");
}

/** SHA-256 in hex of the text in UTF-8. */
export function sha256(text: string): string {
  if (typeof Bun !== "undefined") return new Bun.CryptoHasher("sha256").update(text).digest("hex");
  return getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("hex");
}
