// Sizes: how large inputs are that no listing tells of, asked for before any is downloaded.
import PQueue from "p-queue";
import { unlessAborted } from "../within.ts";
import type { StorageOf } from "./drivers.ts";

const ASKED_AT_ONCE = 16;
/** Of more files it is learned as they come. */
const ASKED_MAX = 256;
/** Whoever is slower says it with the file itself. */
const ASK_MILLISECONDS_MAX = 5000;

/** The sizes that storage tells, in the order of the URLs. Never throws: what is wrong with a file, its download will say. */
export async function sizesOf(
  urls: readonly string[],
  storageOf: StorageOf,
): Promise<(number | undefined)[]> {
  const queue = new PQueue({ concurrency: ASKED_AT_ONCE });
  const patience = AbortSignal.timeout(ASK_MILLISECONDS_MAX);
  const ask = async (url: string): Promise<number | undefined> => {
    try {
      patience.throwIfAborted();
      const { sizeOf } = await storageOf(url);
      return sizeOf && (await unlessAborted(patience, sizeOf(url)));
    } catch {
      return undefined;
    }
  };
  return await Promise.all(
    urls.map((url, index) => (index < ASKED_MAX ? queue.add(() => ask(url)) : undefined)),
  );
}
