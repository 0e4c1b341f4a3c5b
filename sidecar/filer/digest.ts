// Digest: hashes by the runtime's own class where it has one. Those of node:crypto are streams, which cost a small file more than
// its hash does.
import { createHash, createHmac } from "node:crypto";

export interface Hasher {
  update(data: Uint8Array | string): unknown;
  digest(encoding: "base64" | "hex"): string;
}

const isBun = typeof Bun !== "undefined";

export const newHasher = (algorithm: "md5" | "sha1" | "sha256" | "sha512"): Hasher =>
  isBun ? new Bun.CryptoHasher(algorithm) : createHash(algorithm);

export const sha256 = (text: string): string =>
  isBun ? Bun.SHA256.hash(text, "hex") : createHash("sha256").update(text).digest("hex");

export const hmacSha256 = (key: Buffer | string, text: string): Buffer =>
  isBun
    ? new Bun.CryptoHasher("sha256", key).update(text).digest()
    : createHmac("sha256", key).update(text).digest();
