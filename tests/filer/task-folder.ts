// Task folder: the files of one task among many below one scratch folder, and what the filer is called with to move them.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { FilerContext } from "../../sidecar/filer/filer.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { rootsBelow } from "../../sidecar/roots.ts";
import { executor, makePlan } from "../step/scratch-pod.ts";

export interface TaskFolder {
  /** What executors would see as /data. */
  folder: string;
  context: FilerContext;
}

export function makeTaskFolder(scratch: string, workFolder: string, storage: StorageSettings): TaskFolder {
  const roots = rootsBelow(scratch);
  const folder = join(roots.work, workFolder, "m0");
  mkdirSync(folder, { recursive: true });
  const mounts = [{ path: "/data", folder: "m0", file: false }];
  const plan = makePlan([executor(["true"])], { workFolder, mounts });
  const { signal } = new AbortController();
  return { folder, context: { plan, roots, storage, signal, report: () => undefined } };
}
