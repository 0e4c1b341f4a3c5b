// Inputs: brings what a task declares as its inputs into the work volume.
import type { TaskPath } from "../contract/path.ts";
import type { PlanInput } from "../contract/plan.ts";
import { publicUrl } from "../contract/scheme.ts";
import { unlessAborted } from "../within.ts";
import { stageContent } from "./content.ts";
import { inWords } from "./contradiction.ts";
import { deadline } from "./deadline.ts";
import { openDrivers, type StorageOf } from "./drivers.ts";
import type { FilerContext } from "./filer.ts";
import { collectAfter } from "./garbage.ts";
import { type Lanes, openLanes } from "./lanes.ts";
import { emptyMarker, isItself, lostBytes, nothingBelow } from "./markers.ts";
import type { StagedInput } from "./meeting.ts";
import { mustPlace, type Place, taskFolder, workMountsOf } from "./mounts.ts";
import { boundedNotes } from "./notes.ts";
import { type Progress, watchProgress } from "./progress.ts";
import { readAhead } from "./read-ahead.ts";
import { retry } from "./retry.ts";
import { type Room, roomFor } from "./room.ts";
import { sizesOf } from "./sizes.ts";
import { makeFolder, writeWhole } from "./staged-file.ts";
import {
  type Listed,
  type Receiver,
  type RetryPauses,
  type Storage,
  StorageError,
  storageError,
} from "./storage.ts";
import { contentOf, type Download, downloadOf } from "./transfer.ts";
import type { Unfinished } from "./unfinished.ts";

const DOWNLOADS_AT_ONCE = 8;
/** Listings are read so far ahead, so that what does not fit is known early. */
const LISTED_AHEAD_MAX = 10_000;

export type UrlInput = StagedInput & { url: string };

const isFromUrl = (input: StagedInput): input is UrlInput => contentOf(input) === undefined;

interface Stage {
  place(path: TaskPath): Place;
  /** All of the task's. */
  inputs: readonly PlanInput[];
  unfinished: Unfinished;
  storageOf: StorageOf;
  signal: AbortSignal;
  pauses: RetryPauses | undefined;
  /** Ends all other downloads: one missing input fails the task. */
  stop: AbortController;
  lanes: Lanes;
  room: Room;
  done: Downloaded;
  progress: Progress;
  transferSecondsMax: number | undefined;
  note(message: string): void;
}

interface Downloaded {
  files: number;
  bytes: number;
  /** Paths of inputs that were declared as files and are folders. */
  folders: string[];
}

/**
 * Downloads the inputs, one wave after the other and some inputs of a wave at a time, and tells how much it was. Throws the first
 * failure, by then all others are ended.
 */
export async function downloadInputs(
  waves: readonly (readonly StagedInput[])[],
  unfinished: Unfinished,
  { plan, roots, storage, signal, report, progressMilliseconds }: FilerContext,
): Promise<Downloaded> {
  const stop = new AbortController();
  const limit = AbortSignal.any([signal, stop.signal]);
  const folder = taskFolder(roots.work, plan);
  const done: Downloaded = { files: 0, bytes: 0, folders: [] };
  using progress = watchProgress({ phase: "staging", done, report, firstMilliseconds: progressMilliseconds });
  using _deadline = deadline(plan.secondsMax?.staging, (cause) =>
    stop.abort(new Error("Cannot stage the inputs", { cause })),
  );
  using notes = boundedNotes(report);
  const stage: Stage = {
    place: (path) => mustPlace(path, workMountsOf(plan), folder),
    inputs: plan.inputs,
    unfinished,
    storageOf: openDrivers(storage, limit),
    signal: limit,
    pauses: storage.retry,
    stop,
    lanes: openLanes(DOWNLOADS_AT_ONCE),
    room: roomFor(plan, roots),
    done,
    progress,
    transferSecondsMax: plan.secondsMax?.transfer,
    note: notes.note,
  };
  await lookAhead(waves.flat().filter(isFromUrl), stage);
  for (const wave of waves) {
    for (const input of wave) await addInput(input, stage).catch((error) => stop.abort(error));
    await stage.lanes.idle();
    limit.throwIfAborted();
  }
  return stage.done;
}

/** Asks for the sizes of single files, so that what does not fit is known before anything is downloaded. */
async function lookAhead(inputs: readonly UrlInput[], stage: Stage): Promise<void> {
  const files = inputs.filter(({ type }) => type === "FILE");
  const urls = files.map(({ url }) => url);
  const sizes = await unlessAborted(stage.signal, sizesOf(urls, stage.storageOf)).catch(() => []);
  for (const [index, input] of files.entries()) takeRoom(input, sizes[index] ?? 0, stage);
  const known = sizes.flatMap((size) => size ?? []);
  if (known.length < inputs.length) return;
  stage.progress.total = { files: known.length, bytes: known.reduce((sum, size) => sum + size, 0) };
}

function takeRoom(input: UrlInput, bytes: number, { room, stop }: Stage): void {
  try {
    room.take(input.url, bytes);
  } catch (error) {
    stop.abort(cannotStage(input, error));
  }
}

async function addInput(input: StagedInput, stage: Stage): Promise<void> {
  if (stage.signal.aborted) return;
  if (!isFromUrl(input)) stageContent(input, stage);
  else if (input.type === "DIRECTORY") await addFolder(input, stage);
  else await add(input, stage, () => downloadFileOrFolder(input, stage));
}

/** `named` is what a failure names: the input, or one file of it. */
async function add(named: Named, stage: Stage, download: () => Promise<void>): Promise<void> {
  await stage.lanes.enter(async () => {
    try {
      if (!stage.signal.aborted) await download();
    } catch (error) {
      stage.stop.abort(stage.signal.aborted ? error : cannotStage(named, error));
    }
  });
}

interface Named {
  readonly url: string;
  readonly path: string;
}

export const cannotStage = ({ url, path }: Named, error: unknown): Error =>
  new Error(`Cannot stage "${publicUrl(url)}" as "${path}"`, { cause: error });

/** Clients declare a folder as FILE when they do not know better; what is in storage decides. */
async function downloadFileOrFolder(input: UrlInput, stage: Stage): Promise<void> {
  const storage = await stage.storageOf(input.url);
  // An object of that name would be a marker of the folder.
  const isFolder = storage.shape === "keys" && input.url.endsWith("/");
  try {
    if (isFolder) throw new StorageError("not-found", "there is nothing below it");
    await downloadFile({ path: input.path, url: input.url }, input, stage);
  } catch (error) {
    if (storageError(error).kind !== "not-found" || storage.shape === "files") throw error;
    const found = await downloadListed(input, stage, storage);
    if (found === "nothing") throw error;
    if (found === "folder") stage.done.folders.push(input.path);
  }
}

/** One after the other: this download has its lane already. */
async function downloadListed(
  input: UrlInput,
  stage: Stage,
  storage: Storage,
): Promise<"nothing" | "file" | "folder"> {
  let marker: Listed | undefined;
  let files = 0;
  for await (const listed of storage.list(input.url)) {
    takeRoom(input, listed.sizeBytes, stage);
    stage.signal.throwIfAborted();
    if (isItself(listed)) {
      marker = listed;
      continue;
    }
    files += 1;
    noteLost(input, listed, stage);
    await downloadFile(downloadOf(input, listed), input, stage);
  }
  if (files === 0 && marker === undefined) return "nothing";
  // It stands for nothing, and its key is the very one that is asked for.
  if (files === 0 && marker !== undefined && marker.sizeBytes > 0 && input.url.endsWith("/")) {
    await downloadFile({ path: input.path, url: input.url }, input, stage);
    return "file";
  }
  if (marker !== undefined) noteLost(input, marker, stage);
  addEmptyFolder(input.path, input, stage);
  return "folder";
}

async function addFolder(input: UrlInput, stage: Stage): Promise<void> {
  try {
    const storage = await stage.storageOf(input.url);
    let files = 0;
    addEmptyFolder(input.path, input, stage);
    const see = ({ sizeBytes }: Listed): void => takeRoom(input, sizeBytes, stage);
    for await (const listed of readAhead(storage.list(input.url), LISTED_AHEAD_MAX, see)) {
      stage.signal.throwIfAborted();
      files += 1;
      noteLost(input, listed, stage);
      if (isItself(listed)) continue;
      const download = downloadOf(input, listed);
      const named = { url: download.url ?? input.url, path: download.path };
      await add(named, stage, () => downloadFile(download, input, stage));
    }
    if (files === 0) throw await nothingBelow(input.url, storage);
  } catch (error) {
    stage.signal.throwIfAborted();
    throw cannotStage(input, error);
  }
}

function noteLost({ url }: UrlInput, listed: Listed, { note }: Stage): void {
  const words = lostBytes(url, listed);
  if (words !== undefined) note(words);
}

async function downloadFile({ path, url }: Download, input: UrlInput, stage: Stage): Promise<void> {
  if (url === undefined) return addEmptyFolder(path, input, stage);
  const storage = await stage.storageOf(url);
  try {
    const bytes = await writeWhole(stage.place(path), stage.unfinished, async (file) => {
      const size = await transfer(url, { path, ...file, storage }, stage);
      if (size === 0 && url === input.url && storage.shape === "keys")
        await mustBeFile(input, storage, stage);
      return size;
    });
    stage.done.bytes += bytes;
    stage.done.files += 1;
    collectAfter(stage.done.files);
  } catch (error) {
    throw inWords(error, path, input.index, stage.inputs);
  }
}

async function mustBeFile({ url }: UrlInput, storage: Storage, { note }: Stage): Promise<void> {
  const words = await emptyMarker(url, storage);
  if (words === undefined) return;
  note(words);
  throw new StorageError("not-found", "it is a folder");
}

function addEmptyFolder(path: TaskPath, input: UrlInput, { place, inputs }: Stage): void {
  try {
    makeFolder(place(path).local);
  } catch (error) {
    throw inWords(error, path, input.index, inputs);
  }
}

async function transfer(
  url: string,
  { path, file, fd, storage }: { path: TaskPath; file: string; fd: number; storage: Storage },
  stage: Stage,
): Promise<number> {
  const receiver: Receiver = { file, fd, isEmpty: true };
  using _deadline = deadline(stage.transferSecondsMax, (cause) =>
    stage.stop.abort(cannotStage({ url, path }, cause)),
  );
  const stays = stage.progress.grows(file);
  const download = async (): Promise<number> => {
    try {
      return await storage.download(url, receiver);
    } finally {
      receiver.isEmpty = false;
    }
  };
  return await retry(download, {
    ...stage.pauses,
    signal: stage.signal,
  }).finally(stays);
}
