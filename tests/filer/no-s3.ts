// No S3: settings for tests of every other storage.
import type { S3Settings } from "../../sidecar/filer/storage.ts";

/** What a storage Secret without S3 gives. */
export const noS3: S3Settings = {
  endpoint: undefined,
  region: undefined,
  accessKeyId: undefined,
  secretAccessKey: undefined,
  sessionToken: undefined,
};
