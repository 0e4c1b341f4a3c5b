// S3 parts: into what pieces a file is cut.

const MIB = 1024 * 1024;
/** Larger files go in parts, which are repeated one by one if need be. */
export const PART_BYTES = 16 * MIB;
/** S3 takes no more. */
const PARTS_MAX = 10_000;

/** The size of all parts but the last: `least`, or as large as need be. The largest object, 5 TiB, takes 525 MiB. */
export const partBytesFor = (sizeBytes: number, least: number): number =>
  Math.max(least, Math.ceil(sizeBytes / PARTS_MAX / MIB) * MIB);
