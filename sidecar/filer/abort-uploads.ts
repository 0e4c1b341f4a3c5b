// Abort uploads: takes back what uploads in parts left in S3, whose supervisor was killed.
import PQueue from "p-queue";
import { publicUrl } from "../contract/scheme.ts";
import type { UnfinishedUpload } from "../contract/uploads.ts";
import { reasonOf } from "../reason.ts";
import { openDrivers } from "./drivers.ts";
import { retry } from "./retry.ts";
import type { StorageSettings } from "./storage.ts";

const atOnce = 8;
/** All of them together; the service waits longer for the pod. */
const millisecondsMax = 300_000;

/** Aborts each upload, and answers why some could not be, a line for each. One that is not there any more is aborted. */
export async function abortUploads(
  uploads: readonly UnfinishedUpload[],
  storage: StorageSettings,
  signal: AbortSignal,
): Promise<string[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(millisecondsMax)]);
  const storageOf = openDrivers(storage, limit);
  const queue = new PQueue({ concurrency: atOnce });
  const outcomes = await Promise.allSettled(
    uploads.map((unfinished) =>
      queue.add(async () => {
        const { abortUpload } = await storageOf(unfinished.url);
        if (!abortUpload) throw new TypeError("its storage has no uploads in parts");
        await retry(() => abortUpload(unfinished), { ...storage.retry, signal: limit });
      }),
    ),
  );
  return outcomes.flatMap((outcome, index) =>
    outcome.status === "fulfilled"
      ? []
      : [`Cannot abort an upload to "${publicUrl(uploads[index]?.url ?? "")}": ${reasonOf(outcome.reason)}`],
  );
}
