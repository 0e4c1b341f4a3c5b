// Upload targets: the buckets, hosts and folders that outputs go to, each asked for once.
import PQueue from "p-queue";
import { publicUrl } from "../contract/scheme.ts";
import { sleep } from "../within.ts";
import { openDrivers } from "./drivers.ts";
import type { FilerContext } from "./filer.ts";
import { StorageError, storageError, type UploadTarget } from "./storage.ts";

const ASKED_AT_ONCE = 16;
/** Of more targets the uploads will tell. */
const TARGETS_MAX = 64;
/** A name server may lag behind others. */
const UNKNOWN_HOST_PAUSE_MILLISECONDS = 50;

interface Asked {
  readonly index: number;
  readonly url: string;
  readonly target: UploadTarget;
}

/** The first output found that cannot be uploaded for certain, as an error that names its field; undefined if none was found. */
export async function missingTarget({ plan, storage, signal }: FilerContext): Promise<Error | undefined> {
  const queue = new PQueue({ concurrency: ASKED_AT_ONCE });
  const faults: Error[] = [];
  const asked = new Set<string>();
  const storageOf = openDrivers(storage, signal);
  const look = async ({ index, url, target }: Asked): Promise<void> => {
    if (signal.aborted || faults.length > 0) return;
    const error = await clearAnswer(target);
    if (error && !signal.aborted) faults.push(cannotUploadTo(index, url, error));
  };
  for (const [index, { url }] of plan.outputs.entries()) {
    if (faults.length > 0 || asked.size >= TARGETS_MAX) break;
    try {
      const target = (await storageOf(url)).target?.(url);
      if (!target || asked.has(target.name)) continue;
      asked.add(target.name);
      queue.add(() => look({ index, url, target })).catch(() => undefined); // look throws nothing
    } catch (error) {
      // No storage was asked yet: the URL itself, or the operator's settings, are at fault.
      faults.push(cannotUploadTo(index, url, error));
    }
  }
  await queue.onIdle();
  return signal.aborted ? undefined : faults[0];
}

const cannotUploadTo = (index: number, url: string, cause: unknown): Error =>
  new Error(`outputs[${index}].url: Cannot upload to "${publicUrl(url)}"`, { cause });

/** Why the target is not there; undefined if it is, or if that is not certain. */
async function clearAnswer(target: UploadTarget): Promise<StorageError | undefined> {
  try {
    await target.check();
    return undefined;
  } catch (error) {
    if (!isUnknownHost(error)) return certain(error);
  }
  await sleep(UNKNOWN_HOST_PAUSE_MILLISECONDS);
  try {
    await target.check();
    return undefined;
  } catch (error) {
    return isUnknownHost(error) ? new StorageError("not-found", "its host is not known") : certain(error);
  }
}

const isUnknownHost = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOTFOUND";

const certain = (error: unknown): StorageError | undefined => {
  const failure = storageError(error);
  return failure.kind === "transient" ? undefined : failure;
};
