// In place: the inputs that executors are to see in the shared claim itself, looked at before the kubelet mounts them. It would
// make a folder of what is missing, follow links as the node does, and knows nothing of what tasks may use.
import { lstat, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { normalizePath, relativeTo, type TaskPath } from "../contract/path.ts";
import type { PlanInPlace, PlanInput } from "../contract/plan.ts";
import type { ReportEvent } from "../contract/report.ts";
import { publicUrl } from "../contract/scheme.ts";
import { Replan } from "../replan.ts";
import { deadline } from "./deadline.ts";
import { inWords } from "./file.ts";
import { type FilePaths, filePaths, pathOfFileUrl } from "./file-path.ts";
import type { FilerContext } from "./filer.ts";
import { type Found, treeInPlace, Unfit } from "./in-place-tree.ts";
import { cannotStage, type UrlInput } from "./inputs.ts";
import { placeOf, taskFolder } from "./mounts.ts";
import { retry } from "./retry.ts";
import { leaveSeen, type Seen, seenAt } from "./seen-in-place.ts";
import { makeEmptyFile, makeFolder } from "./staged-file.ts";
import { StorageError, storageError } from "./storage.ts";

/** Told in one message; the others are the same again. */
const NAMED_MAX = 3;

export interface InPlace {
  files: number;
  bytes: number;
  /** Paths of inputs that were declared as files and are folders. */
  folders: string[];
}

interface Look {
  paths: FilePaths;
  /** The claim's root, in the paths of tasks and on this side. */
  root: TaskPath;
  local: string;
  signal: AbortSignal;
}

type Redirection = Extract<ReportEvent, { type: "redirected" }>["inputs"][number];

/**
 * Looks at all inputs to be mounted in place, and makes what they are mounted on where that is in the work volume. Throws the first
 * that fails as its copy would; Replan, and reports what is to be done, if some cannot be mounted as planned.
 */
export async function lookInPlace(context: FilerContext): Promise<InPlace> {
  const { plan, storage } = context;
  if (!storage.files) throw new TypeError("There is no claim for files");
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  using _deadline = deadline(plan.secondsMax?.staging, (cause) =>
    stop.abort(new Error("Cannot stage the inputs", { cause })),
  );
  const { root } = storage.files;
  const local = await realpath(storage.files.local);
  return await lookAtAll({ paths: filePaths({ ...storage.files, local }), root, local, signal }, context);
}

async function lookAtAll(look: Look, context: FilerContext): Promise<InPlace> {
  const { plan, roots, storage } = context;
  const all: InPlace = { files: 0, bytes: 0, folders: [] };
  const seen: Seen[] = [];
  const misplaced: Misplaced[] = [];
  for (const planned of plan.inPlace ?? []) {
    const input = urlInput(plan.inputs[planned.input], planned.input);
    const found = await retry(() => lookAt(planned, input, look), { ...storage.retry, signal: look.signal })
      // Unfit comes as the cause of what is not to be tried again.
      .catch((error: StorageError) => error);
    look.signal.throwIfAborted();
    if (found instanceof StorageError) {
      if (!(found.cause instanceof Unfit)) throw cannotStage(input, found);
      misplaced.push({ planned, input, unfit: found.cause });
      continue;
    }
    all.files += found.files;
    all.bytes += found.bytes;
    if (found.isFolder && input.type === "FILE") all.folders.push(input.path);
    makeMountPoint(planned, found, context);
    seen.push(await seenAt(look.local, planned.subPath));
  }
  if (misplaced.length > 0) throw replan(misplaced, context);
  leaveSeen(seen, roots);
  return all;
}

interface Misplaced {
  planned: PlanInPlace;
  input: UrlInput;
  unfit: Unfit;
}

/** Where a link led once it may lead again, but not for ever: what moves between two looks is copied. */
function replan(misplaced: readonly Misplaced[], { report }: FilerContext): Replan {
  const whereTo = ({ planned, unfit }: Misplaced) => (planned.settled ? undefined : unfit.path);
  const inputs = misplaced.map((each): Redirection => {
    const path = whereTo(each);
    return { input: each.planned.input, ...(path === undefined ? {} : { path }) };
  });
  report({ type: "redirected", inputs });
  const reasons = misplaced.slice(0, NAMED_MAX).map((each) => {
    const path = whereTo(each);
    const instead = path === undefined ? "it is copied" : `"${path}" is mounted`;
    return `"${publicUrl(each.input.url)}": ${each.unfit.message}, so ${instead}`;
  });
  const more = misplaced.length > NAMED_MAX ? `; and ${misplaced.length - NAMED_MAX} more` : "";
  return new Replan(`Not mounted in place as named: ${reasons.join("; ")}${more}`);
}

function urlInput(input: PlanInput | undefined, index: number): UrlInput {
  if (input?.url === undefined) throw new RangeError("The plan mounts an input that it does not have");
  return { ...input, index, url: input.url };
}

async function lookAt(
  { path, subPath }: PlanInPlace,
  { url, type }: UrlInput,
  look: Look,
): Promise<Found & { isFolder: boolean }> {
  try {
    const real = await look.paths.follow(pathOfFileUrl(url));
    const status = await lstat(real.local);
    const isFolder = status.isDirectory();
    if (!isFolder && !status.isFile())
      throw new StorageError("permanent", `"${real.path}" is neither a file nor a folder`);
    if (!isFolder && type === "DIRECTORY") throw new StorageError("not-found", "there is nothing below it");
    const found = await treeInPlace(
      { path, local: look.local, subPath: relativeTo(real.path, look.root) ?? "" },
      status,
      look.signal,
    );
    const planned = normalizePath(`${look.root}/${subPath}`);
    if (real.path !== planned) throw new Unfit("a link leads to it", real.path);
    return { ...found, isFolder };
  } catch (error) {
    // As a permanent one, so that it is not tried again.
    if (error instanceof Unfit) throw new StorageError("permanent", error.message, { cause: error });
    throw storageError(inWords(error));
  }
}

/** What is missing the runtime would make, for root. */
function makeMountPoint(
  { path }: PlanInPlace,
  { isFolder }: { isFolder: boolean },
  { plan, roots }: FilerContext,
): void {
  const place = placeOf(path, plan.mounts, taskFolder(roots.work, plan));
  if (!place) return;
  makeFolder(isFolder ? place.local : dirname(place.local));
  if (!isFolder) makeEmptyFile(place.local);
}
