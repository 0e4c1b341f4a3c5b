// Filer: stages a task's inputs and uploads its outputs.
import type { PlanInput, TaskPlan } from "../contract/plan.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";
import type { UrlInput } from "./inputs.ts";
import { mustPlace, taskFolder } from "./mounts.ts";
import { writeContent } from "./staged-file.ts";
import type { StorageSettings } from "./storage.ts";
import { contentOf } from "./transfer.ts";

export interface FilerContext {
  plan: TaskPlan;
  roots: Roots;
  storage: StorageSettings;
  signal: AbortSignal;
  report: Report;
  /** Until the first line of progress; progress.ts has the usual. */
  progressMilliseconds?: number;
}

/** What staging brought, for the "staged" event. */
export interface Staged {
  files: number;
  bytes: number;
  milliseconds: number;
  folders?: string[];
  /** What executors see in the shared claim itself. */
  inPlace?: { files: number; bytes: number };
}

/**
 * Brings all inputs into the work volume, but for those that are mounted in place; later ones replace earlier ones of the same
 * path. Wants umask 0. Throws the first failure, naming URL and path.
 */
export async function stageInputs(context: FilerContext): Promise<Staged> {
  const start = performance.now();
  const { plan, roots } = context;
  const folder = taskFolder(roots.work, plan);
  const staged: Omit<Staged, "milliseconds"> = { files: 0, bytes: 0 };
  const inPlace = new Set(plan.inPlace?.map(({ input }) => input));
  const folders: string[] = [];
  if (inPlace.size > 0) {
    const { lookInPlace } = await import("./in-place.ts");
    const { folders: found, ...mounted } = await lookInPlace(context);
    folders.push(...found);
    staged.inPlace = mounted;
  }
  const copied = plan.inputs.filter((_, index) => !inPlace.has(index));
  for (const input of copied) {
    const content = contentOf(input);
    if (content === undefined) continue;
    staged.bytes += writeContent(mustPlace(input.path, plan.mounts, folder), content);
    staged.files += 1;
  }
  const rest = copied.filter(isFromUrl);
  if (rest.length > 0) {
    // Loaded only now: a task without downloads starts some milliseconds earlier.
    const { downloadInputs } = await import("./inputs.ts");
    const downloaded = await downloadInputs(rest, context);
    staged.files += downloaded.files;
    staged.bytes += downloaded.bytes;
    folders.push(...downloaded.folders);
  }
  if (folders.length > 0) staged.folders = folders;
  return { ...staged, milliseconds: Math.round(performance.now() - start) };
}

const isFromUrl = (input: PlanInput): input is UrlInput => contentOf(input) === undefined;

/** As outputs.ts, which is loaded only when there is something to upload. */
export async function uploadOutputs(context: FilerContext): Promise<void> {
  if (context.plan.outputs.length === 0) return;
  const outputs = await import("./outputs.ts");
  await outputs.uploadOutputs(context);
}
