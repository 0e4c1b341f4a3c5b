// Room: whether what is to be staged fits into the work volume, known before its bytes move.
import { statfsSync, statSync } from "node:fs";
import { isFileUrl } from "../contract/file-url.ts";
import type { TaskPlan } from "../contract/plan.ts";
import type { Roots } from "../roots.ts";
import { StorageError } from "./storage.ts";

export interface Room {
  /** Sets so many bytes aside for what is at the URL. Throws a permanent StorageError if they are not there. */
  take(url: string, bytes: number): void;
}

/** What is free now, less what the task has set aside; never more than the volume may hold. */
export function roomFor({ workBytesMax }: Pick<TaskPlan, "workBytesMax">, roots: Roots): Room {
  const { blocks, bavail, bsize } = statfsSync(roots.work);
  // Some file systems of the network tell nothing.
  const onDisk = blocks > 0 ? bavail * bsize : Number.POSITIVE_INFINITY;
  const free = Math.min(onDisk, workBytesMax ?? Number.POSITIVE_INFINITY);
  let needed = 0;
  let mayShare: boolean | undefined;
  return {
    take(url, bytes) {
      if (isFileUrl(url)) {
        mayShare ??= sameFileSystem(roots.files, roots.work);
        if (mayShare) return;
      }
      needed += bytes;
      if (needed <= free) return;
      throw new StorageError(
        "permanent",
        `the inputs need ${needed} bytes or more, and the work volume has ${free} bytes free`,
      );
    },
  };
}

/** Then a copy may take no room at all. */
function sameFileSystem(one: string, other: string): boolean {
  try {
    return statSync(one).dev === statSync(other).dev;
  } catch {
    return false; // nothing is mounted there: whoever wants a file of it is told so
  }
}
