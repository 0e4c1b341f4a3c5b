// Outputs: brings what a task declares as its outputs from the work volume into storage.
import { realpath } from "node:fs/promises";
import { searchOf } from "../contract/output-path.ts";
import type { TaskPath } from "../contract/path.ts";
import type { PlanOutput } from "../contract/plan.ts";
import type { UploadedFile } from "../contract/report.ts";
import { publicUrl } from "../contract/scheme.ts";
import { deadline } from "./deadline.ts";
import { openDrivers, type StorageOf } from "./drivers.ts";
import type { FilerContext } from "./filer.ts";
import { collectAfter } from "./garbage.ts";
import { NotInside, openInside } from "./inside.ts";
import { type Lanes, openLanes } from "./lanes.ts";
import { mountsOf, taskFolder } from "./mounts.ts";
import { boundedNotes } from "./notes.ts";
import { watchProgress } from "./progress.ts";
import { retry } from "./retry.ts";
import type { RetryPauses, Storage, UploadWatch } from "./storage.ts";
import { uploadUrl } from "./transfer.ts";
import { filesAt, isLink, isMissing, matchingPaths, type TaskFile, type Tree } from "./tree.ts";

const UPLOADS_AT_ONCE = 8;
/** With so many failures the rest is not tried any more. */
const FAULTS_MAX = 10;
/** Files named in one report. */
const REPORTED_FILES_MAX = 200;
interface Delivery {
  tree: Tree;
  storageOf: StorageOf;
  signal: AbortSignal;
  /** Ends all other uploads, when time is up. */
  stop: AbortController;
  transferSecondsMax: number | undefined;
  pauses: RetryPauses | undefined;
  lanes: Lanes;
  /** Uploads under way, by where they go. */
  underWay: Map<string, Promise<void>>;
  faults: Error[];
  /** Of the declared outputs those of which nothing is uploaded, and why, in words. */
  absent: string[];
  note(message: string): void;
  uploaded(file: UploadedFile): void;
}

/**
 * Uploads every declared output that is there. What is not there is noted, and an error only if the plan is strict. If some cannot
 * be uploaded, the others are all the same; then the first failure is thrown.
 */
export async function uploadOutputs({
  plan,
  roots,
  storage,
  signal,
  report,
  progressMilliseconds,
}: FilerContext): Promise<void> {
  const stop = new AbortController();
  const limit = AbortSignal.any([signal, stop.signal]);
  const done = { files: 0, bytes: 0 };
  using _progress = watchProgress({
    phase: "uploading",
    done,
    report,
    firstMilliseconds: progressMilliseconds,
  });
  using _deadline = deadline(plan.secondsMax?.upload, (cause) =>
    stop.abort(new Error("Cannot upload the outputs", { cause })),
  );
  using notes = boundedNotes(report);
  const { note } = notes;
  const faults: Error[] = [];
  let batch: UploadedFile[] = [];
  const flush = (): void => {
    if (batch.length > 0) report({ type: "uploaded", outputs: batch });
    batch = [];
  };
  const delivery: Delivery = {
    tree: {
      mounts: mountsOf(plan, plan.inPlace ? await realpath(roots.files) : roots.files),
      folder: await realpath(taskFolder(roots.work, plan)),
      skipped: (path, reason) => note(notUploaded(path, reason)),
      failed: (path, cause) => faults.push(new Error(`Cannot upload "${path}"`, { cause })),
    },
    storageOf: openDrivers({ ...storage, uploads: reportUploads(report) }, limit),
    signal: limit,
    stop,
    transferSecondsMax: plan.secondsMax?.transfer,
    pauses: storage.retry,
    lanes: openLanes(UPLOADS_AT_ONCE),
    underWay: new Map(),
    faults,
    absent: [],
    note,
    uploaded: (file) => {
      done.files += 1;
      collectAfter(done.files);
      done.bytes += file.sizeBytes;
      batch.push(file);
      if (batch.length >= REPORTED_FILES_MAX) flush();
    },
  };
  for (const output of plan.outputs) await addOutput(output, delivery).catch((error) => stop.abort(error));
  await delivery.lanes.idle();
  flush();
  limit.throwIfAborted();
  const [first] = faults;
  if (first) throw first;
  if (plan.strictOutputs && delivery.absent.length > 0) throw new Error(absentWords(delivery.absent));
}

const notUploaded = (path: TaskPath, reason: string): string => `"${path}" is not uploaded: ${reason}`;

/** Told in one message. */
const ABSENT_NAMED_MAX = 3;

function absentWords(absent: readonly string[]): string {
  const more = absent.length - ABSENT_NAMED_MAX;
  const named = absent.slice(0, ABSENT_NAMED_MAX).join("; ");
  return more > 0 ? `${named}; and ${more} more outputs are not uploaded` : named;
}

/** So that what a killed supervisor leaves can be taken back. */
const reportUploads = (report: FilerContext["report"]): UploadWatch => ({
  begun: (upload) => report({ type: "upload-begun", ...upload }),
  ended: (upload) => report({ type: "upload-ended", ...upload }),
});

async function addOutput(output: PlanOutput, delivery: Delivery): Promise<void> {
  const reasons: string[] = [];
  const skipped: Tree["skipped"] = (path, reason) => {
    delivery.tree.skipped(path, reason);
    reasons.push(notUploaded(path, reason));
  };
  const { folder, patterns } = searchOf(output.path);
  const tree = { ...delivery.tree, skipped };
  try {
    const found = patterns.length === 0 ? [folder] : await matchingPaths(folder, patterns, tree);
    let files = 0;
    for (const path of found) files += await addFiles(output, path, { ...delivery, tree });
    if (files > 0) return;
    const [reason] = reasons;
    const words = patterns.length === 0 ? "does not exist" : "matches no file";
    if (reason === undefined) delivery.note(`Output "${output.path}" ${words}`);
    delivery.absent.push(`Output ${reason ?? `"${output.path}" ${words}`}`);
  } catch (error) {
    delivery.signal.throwIfAborted();
    delivery.faults.push(cannotUpload(output.path, output.url, error));
  }
}

/** Returns the number of files and empty folders that are to be uploaded. */
async function addFiles(output: PlanOutput, found: TaskPath, delivery: Delivery): Promise<number> {
  const { tree, faults, lanes, signal } = delivery;
  let files = 0;
  try {
    for await (const file of filesAt(found, tree)) {
      files += 1;
      if (faults.length >= FAULTS_MAX) break;
      signal.throwIfAborted();
      const url = uploadUrl(output, found, file.path, file.isFolder);
      const upload = (): Promise<void> => afterOthers(url, delivery, () => uploadFile(file, url, delivery));
      await lanes.enter(() =>
        upload().catch((error: unknown) => {
          faults.push(cannotUpload(file.path, url, error));
        }),
      );
    }
  } catch (error) {
    if (error instanceof NotInside) tree.skipped(found, error.reason);
    else if (!isMissing(error) || files > 0) throw error;
    else if (await isLink(found, tree)) tree.skipped(found, "it is a link to nothing");
  }
  return files;
}

const cannotUpload = (path: string, url: string, error: unknown): Error =>
  new Error(`Cannot upload "${path}" to "${publicUrl(url)}"`, { cause: error });

/** Outputs may overlap (cwl-tes): two uploads to one place at a time would take each other's unfinished file. */
async function afterOthers(url: string, { underWay }: Delivery, upload: () => Promise<void>): Promise<void> {
  const before = underWay.get(url);
  const mine = before === undefined ? upload() : before.catch(() => undefined).then(upload);
  underWay.set(url, mine);
  try {
    await mine;
  } finally {
    if (underWay.get(url) === mine) underWay.delete(url);
  }
}

async function uploadFile(file: TaskFile, url: string, delivery: Delivery): Promise<void> {
  if (delivery.faults.length >= FAULTS_MAX) return;
  const storage = await delivery.storageOf(url);
  if (file.isFolder) return await keepFolder(file, url, { storage, ...delivery });
  // Held open, so that what is sent is the very file that was looked at.
  await using open = await openInside(file.real);
  const { size } = await open.stat();
  const { signal, pauses, stop } = delivery;
  using _deadline = deadline(delivery.transferSecondsMax, (cause) =>
    stop.abort(cannotUpload(file.path, url, cause)),
  );
  const send = () => storage.upload(`/proc/self/fd/${open.fd}`, size, url);
  const remark = await retry(send, { ...pauses, signal });
  if (remark !== undefined) delivery.note(`"${file.path}" is uploaded; ${remark}`);
  delivery.uploaded({ path: file.path, url: publicUrl(url), sizeBytes: size });
}

async function keepFolder(
  { path }: TaskFile,
  url: string,
  { storage, signal, pauses, note }: Delivery & { storage: Storage },
): Promise<void> {
  const { makeFolder } = storage;
  if (makeFolder) await retry(() => makeFolder(url), { ...pauses, signal });
  else note(`"${path}" is not uploaded: it is an empty folder, and "${publicUrl(url)}" can hold none`);
}
