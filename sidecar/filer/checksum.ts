// Checksum: what a store says of a file's bytes, and what they are.
import { open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { newHasher } from "./digest.ts";
import { StorageError } from "./storage.ts";

const ALGORITHMS = ["crc32", "sha1", "sha256", "md5", "sha512"] as const;

export type Algorithm = (typeof ALGORITHMS)[number];

/** `value` is in base64, as it travels in headers. */
export interface Checksum {
  algorithm: Algorithm;
  value: string;
}

/**
 * The checksum of the whole file that an answer carries, the one that costs least if there are several: of S3
 * (x-amz-checksum-*, not those that are made of the parts' own), RFC 9530 (Repr-Digest), RFC 3230 (Digest), RFC 1864
 * (Content-MD5), in that order. With `etagIsMd5` also an ETag that looks like one.
 */
export function checksumIn(headers: Headers, etagIsMd5: boolean): Checksum | undefined {
  const found: Checksum[] = [
    ...amazonChecksums(headers),
    ...fieldChecksums(headers.get("repr-digest"), /([\w-]+)=:([^:]*):/g),
    ...fieldChecksums(headers.get("digest"), /([\w-]+)=([^,\s]*)/g),
    ...known("md5", headers.get("content-md5")),
    ...(etagIsMd5 ? etagChecksum(headers) : []),
  ];
  return found.toSorted((one, other) => costOf(one) - costOf(other))[0];
}

const costOf = ({ algorithm }: Checksum): number => ALGORITHMS.indexOf(algorithm);

/** A value that is not as long as the algorithm's is none: a composite of S3, a format of somebody's own. */
const BYTES: Readonly<Record<Algorithm, number>> = { crc32: 4, sha1: 20, sha256: 32, md5: 16, sha512: 64 };

function known(name: string, value: string | null): Checksum[] {
  if (value === null) return [];
  const algorithm = ALGORITHMS.find((each) => each === name.toLowerCase().replace("-", ""));
  if (algorithm === undefined || !/^[A-Za-z0-9+/]+=*$/.test(value)) return [];
  const bytes = Buffer.from(value, "base64");
  return bytes.length === BYTES[algorithm] ? [{ algorithm, value: bytes.toString("base64") }] : [];
}

const amazonChecksums = (headers: Headers): Checksum[] =>
  headers.get("x-amz-checksum-type") === "COMPOSITE"
    ? []
    : ALGORITHMS.flatMap((name) => known(name, headers.get(`x-amz-checksum-${name}`)));

const fieldChecksums = (field: string | null, pattern: RegExp): Checksum[] =>
  Array.from(field?.matchAll(pattern) ?? []).flatMap(([, name = "", value = ""]) => known(name, value));

/** S3: the MD5 of an object that came in one piece, unless it is encrypted with a key of the customer's. */
function etagChecksum(headers: Headers): Checksum[] {
  const hex = /^"?([0-9a-f]{32})"?$/i.exec(headers.get("etag") ?? "")?.[1];
  const encryption = headers.get("x-amz-server-side-encryption") ?? "AES256";
  const ownKey = headers.has("x-amz-server-side-encryption-customer-algorithm");
  if (hex === undefined || encryption !== "AES256" || ownKey) return [];
  return [{ algorithm: "md5", value: Buffer.from(hex, "hex").toString("base64") }];
}

/** A checksum in the making. */
export interface Sum {
  add(bytes: Uint8Array): void;
  /** In base64. To be asked for once, at the end. */
  value(): string;
  /** How many were added. */
  bytes(): number;
}

export function newSum(algorithm: Algorithm): Sum {
  const hash = algorithm === "crc32" ? undefined : newHasher(algorithm);
  let [sum, count] = [0, 0];
  return {
    add: (bytes) => {
      if (hash) hash.update(bytes);
      else sum = crc32(bytes, sum);
      count += bytes.length;
    },
    value: () => (hash ? hash.digest("base64") : crcText(sum)),
    bytes: () => count,
  };
}

/** The checksum of bytes in memory. */
export function checksumOfBytes(algorithm: Algorithm, bytes: Uint8Array): Checksum {
  const sum = newSum(algorithm);
  sum.add(bytes);
  return { algorithm, value: sum.value() };
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * The checksum of the bytes from `start` to `end` of a file, a megabyte in memory. Ends with the signal. Throws if the file does
 * not hold all of them: the checksum of fewer would vouch for a body that is cut at the same place.
 */
export async function checksumOf(
  file: string,
  algorithm: Algorithm,
  { start, end }: { start: number; end: number },
  signal: AbortSignal,
): Promise<Checksum> {
  const sum = newSum(algorithm);
  const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, end - start)));
  await using opened = await open(file);
  for (let position = start; position < end; ) {
    signal.throwIfAborted();
    const { bytesRead } = await opened.read(chunk, 0, Math.min(chunk.length, end - position), position);
    if (bytesRead === 0) throw new StorageError("permanent", "the file became shorter while it was read");
    sum.add(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
  return { algorithm, value: sum.value() };
}

/** The CRC-32 of bytes in parts from those of the parts, in order: no byte is read again. In base64. */
export function joinCrc32(parts: readonly { value: string; bytes: number }[]): string {
  let sum = 0;
  for (const { value, bytes } of parts) {
    sum = (multiply(shiftBy(bytes), sum) ^ Buffer.from(value, "base64").readUInt32BE()) >>> 0;
  }
  return crcText(sum);
}

function crcText(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum >>> 0);
  return bytes.toString("base64");
}

// CRC-32 is a remainder of polynomials over two elements, the highest power in the lowest bit. Bytes that come behind others
// multiply these by x to the power of eight times their number.
const ONE = 0x80000000;
const POLYNOMIAL = 0xedb88320;

function multiply(one: number, other: number): number {
  let product = 0;
  let factor = other;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if (one & bit) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product >>> 0;
}

/** x to the power of eight times that number. */
function shiftBy(bytes: number): number {
  let result = ONE;
  let square = ONE >>> 8;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}
