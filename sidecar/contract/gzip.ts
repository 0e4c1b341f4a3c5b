// Gzip: (un)packs bytes. A file of its own because node:zlib alone takes Bun 8 MiB of memory, in every pod.
import { getBuiltinModule } from "node:process";

const plain = () => getBuiltinModule("node:zlib");

export const gzip = (text: string): Uint8Array =>
  typeof Bun === "undefined" ? plain().gzipSync(text) : Bun.gzipSync(text);

/** Throws if the bytes are not in gzip's format. */
export const gunzip = (bytes: Uint8Array<ArrayBuffer>): Uint8Array =>
  typeof Bun === "undefined" ? plain().gunzipSync(bytes) : Bun.gunzipSync(bytes);
