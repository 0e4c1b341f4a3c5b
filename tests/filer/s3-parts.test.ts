// Parts are as many as S3 takes, up to its largest object, and no smaller than it takes.
import { expect, test } from "bun:test";
import { PART_BYTES, partBytesFor } from "../../sidecar/filer/s3-parts.ts";

const MIB = 1024 ** 2;
const TIB = 1024 ** 4;

test.each([1, 16 * MIB, 160_000 * MIB, 160_000 * MIB + 1, TIB, 5 * TIB])("%d bytes", (bytes) => {
  const part = partBytesFor(bytes, PART_BYTES);
  expect(Math.ceil(bytes / part)).toBeLessThanOrEqual(10_000);
  expect(part).toBeGreaterThanOrEqual(5 * MIB);
  expect(part).toBeLessThanOrEqual(5 * 1024 * MIB);
});
