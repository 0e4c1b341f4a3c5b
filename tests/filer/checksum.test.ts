// Checksums: which of those that an answer carries is taken, and what a file adds up to.
import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Algorithm, checksumIn, checksumOf, joinCrc32 } from "../../sidecar/filer/checksum.ts";

const folder = mkdtempSync(join(tmpdir(), "tespod-checksum-"));
afterAll(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();
const text = "the bytes of a file";
const hash = (name: string) => createHash(name).update(text).digest("base64");
const hex = createHash("md5").update(text).digest("hex");
const base64 = (bytes: number[]) => Buffer.from(bytes).toString("base64");
const crcOf = (bytes: Uint8Array | string): string => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString("base64");
};

describe("of an answer's headers", () => {
  test.each([
    {
      title: "S3's CRC-32",
      headers: { "x-amz-checksum-crc32": crcOf(text) },
      name: "crc32",
      value: crcOf(text),
    },
    {
      title: "S3's SHA-256",
      headers: { "x-amz-checksum-sha256": hash("sha256") },
      name: "sha256",
      value: hash("sha256"),
    },
    {
      title: "Repr-Digest",
      headers: { "repr-digest": `sha-256=:${hash("sha256")}:` },
      name: "sha256",
      value: hash("sha256"),
    },
    {
      title: "Digest",
      headers: { digest: `unknown=x,SHA-512=${hash("sha512")}` },
      name: "sha512",
      value: hash("sha512"),
    },
    { title: "Digest with MD5", headers: { digest: `md5=${hash("md5")}` }, name: "md5", value: hash("md5") },
    { title: "Content-MD5", headers: { "content-md5": hash("md5") }, name: "md5", value: hash("md5") },
    { title: "an ETag of S3", headers: { etag: `"${hex}"` }, name: "md5", value: hash("md5") },
    {
      title: "an ETag of S3, encrypted with a key of the server's",
      headers: { etag: `"${hex}"`, "x-amz-server-side-encryption": "AES256" },
      name: "md5",
      value: hash("md5"),
    },
    {
      title: "the cheapest of several",
      headers: {
        etag: `"${hex}"`,
        "x-amz-checksum-sha256": hash("sha256"),
        "x-amz-checksum-crc32": crcOf(text),
      },
      name: "crc32",
      value: crcOf(text),
    },
  ])("$title is taken", ({ headers, name, value }) => {
    expect(checksumIn(new Headers(headers), true)).toEqual({ algorithm: name as Algorithm, value });
  });

  test.each([
    { title: "an ETag of parts", headers: { etag: `"${hex}-3"` } },
    { title: "a weak ETag", headers: { etag: `W/"${hex}"` } },
    {
      title: "an ETag under a key of KMS",
      headers: { etag: `"${hex}"`, "x-amz-server-side-encryption": "aws:kms" },
    },
    {
      title: "an ETag under a customer's key",
      headers: { etag: `"${hex}"`, "x-amz-server-side-encryption-customer-algorithm": "AES256" },
    },
    { title: "a checksum of the parts' checksums", headers: { "x-amz-checksum-crc32": `${crcOf(text)}-3` } },
    {
      title: "one that is said to be of the parts'",
      headers: { "x-amz-checksum-crc32": crcOf(text), "x-amz-checksum-type": "COMPOSITE" },
    },
    { title: "an algorithm that nobody here knows", headers: { digest: "adler32=03da0195" } },
    { title: "a value of another length", headers: { "content-md5": base64([1, 2, 3]) } },
    { title: "nothing", headers: {} },
  ])("$title is not", ({ headers }) => {
    expect(checksumIn(new Headers(headers as Record<string, string>), true)).toBeUndefined();
  });

  test("an ETag of a server that is not S3 is none", () => {
    expect(checksumIn(new Headers({ etag: `"${hex}"` }), false)).toBeUndefined();
  });
});

test.each(["crc32", "md5", "sha1", "sha256", "sha512"] as const)(
  "%s of a part of a file",
  async (algorithm) => {
    const bytes = Buffer.alloc(3_000_000, "0123456789");
    const file = join(folder, algorithm);
    writeFileSync(file, bytes);
    const part = bytes.subarray(5, 2_500_003);
    const value = algorithm === "crc32" ? crcOf(part) : createHash(algorithm).update(part).digest("base64");
    expect(await checksumOf(file, algorithm, { start: 5, end: 2_500_003 }, signal)).toEqual({
      algorithm,
      value,
    });
  },
);

test("the checksum of more than a file holds is an error, and not that of what there is", async () => {
  const file = join(folder, "short");
  writeFileSync(file, "0123456789");
  const sum = checksumOf(file, "crc32", { start: 5, end: 11 }, signal);
  await expect(sum).rejects.toThrow("the file became shorter");
});

test.each([
  { title: "none", sizes: [] },
  { title: "one", sizes: [10] },
  { title: "an empty one among others", sizes: [7, 0, 12] },
  { title: "many of all sizes", sizes: [1, 2, 3, 100, 65_536, 99_999, 1_048_577] },
])("the CRC-32 of parts joined is that of the whole: $title", ({ sizes }) => {
  const parts = sizes.map((size, index) => Buffer.alloc(size, `part ${index}`));
  const joined = joinCrc32(parts.map((part) => ({ value: crcOf(part), bytes: part.length })));
  expect(joined).toBe(crcOf(Buffer.concat(parts)));
});
