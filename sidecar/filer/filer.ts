// Filer: stages a task's inputs and uploads its outputs.
import type { TaskPath } from "../contract/path.ts";
import type { TaskPlan } from "../contract/plan.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";
import { stageContent } from "./content.ts";
import { type StagedInput, wavesOf } from "./meeting.ts";
import { mustPlace, taskFolder, workMountsOf } from "./mounts.ts";
import type { StorageSettings } from "./storage.ts";
import { contentOf } from "./transfer.ts";
import { openUnfinished } from "./unfinished.ts";

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
 * Brings all inputs into the work volume, but for those that are mounted in place, as if one came after the other: a later one
 * replaces what an earlier one brought. Wants umask 0. Throws the first failure, naming URL and path.
 */
export async function stageInputs(context: FilerContext): Promise<Staged> {
  const start = performance.now();
  const { plan } = context;
  const staged: Omit<Staged, "milliseconds"> = { files: 0, bytes: 0 };
  const inPlace = new Set(plan.inPlace?.map(({ input }) => input));
  const folders: string[] = [];
  if (inPlace.size > 0) {
    const { lookInPlace } = await import("./in-place.ts");
    const { folders: found, ...mounted } = await lookInPlace(context);
    folders.push(...found);
    staged.inPlace = mounted;
  }
  const copied = plan.inputs.flatMap((input, index) => (inPlace.has(index) ? [] : [{ ...input, index }]));
  const downloaded = await stageCopies(wavesOf(copied), context);
  staged.files += downloaded.files;
  staged.bytes += downloaded.bytes;
  folders.push(...downloaded.folders);
  if (folders.length > 0) staged.folders = folders;
  return { ...staged, milliseconds: Math.round(performance.now() - start) };
}

type Copied = Pick<Staged, "files" | "bytes"> & { folders: string[] };

async function stageCopies(
  waves: readonly (readonly StagedInput[])[],
  context: FilerContext,
): Promise<Copied> {
  const { plan, roots } = context;
  const folder = taskFolder(roots.work, plan);
  const done: Copied = { files: 0, bytes: 0, folders: [] };
  if (waves.length === 0) return done;
  using unfinished = openUnfinished(folder);
  const place = (path: TaskPath) => mustPlace(path, workMountsOf(plan), folder);
  const ownText = (input: StagedInput): boolean => contentOf(input) !== undefined;
  // Those that come after no download. Most tasks have no other.
  const first = waves.findIndex((wave) => !wave.every(ownText));
  const written = (first === -1 ? waves : waves.slice(0, first + 1)).flat().filter(ownText);
  for (const input of written) stageContent(input, { place, inputs: plan.inputs, unfinished, done });
  if (first === -1) return done;
  const [wave = [], ...later] = waves.slice(first);
  // Loaded only now: a task without downloads starts some milliseconds earlier.
  const { downloadInputs } = await import("./inputs.ts");
  const rest = [wave.filter((input) => !ownText(input)), ...later];
  const { files, bytes, folders } = await downloadInputs(rest, unfinished, context);
  return { files: done.files + files, bytes: done.bytes + bytes, folders };
}

/** As outputs.ts, which is loaded only when there is something to upload. */
export async function uploadOutputs(context: FilerContext): Promise<void> {
  if (context.plan.outputs.length === 0) return;
  const outputs = await import("./outputs.ts");
  await outputs.uploadOutputs(context);
}
