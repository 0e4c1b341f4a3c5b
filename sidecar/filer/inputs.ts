// Inputs: brings what a task declares as its inputs into the work volume.
import PQueue from "p-queue";
import type { TaskPath } from "../contract/path.ts";
import type { PlanInput } from "../contract/plan.ts";
import { publicUrl } from "../contract/scheme.ts";
import { unlessAborted } from "../within.ts";
import { stageContent } from "./content.ts";
import { inWords } from "./contradiction.ts";
import { deadline } from "./deadline.ts";
import { openDrivers, type StorageOf } from "./drivers.ts";
import type { FilerContext } from "./filer.ts";
import type { StagedInput } from "./meeting.ts";
import { mustPlace, type Place, taskFolder } from "./mounts.ts";
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
const DOWNLOADS_WAITING_MAX = 64;
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
  queue: PQueue;
  room: Room;
  done: Downloaded;
  progress: Progress;
  transferSecondsMax: number | undefined;
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
  const stage: Stage = {
    place: (path) => mustPlace(path, plan.mounts, folder),
    inputs: plan.inputs,
    unfinished,
    storageOf: openDrivers(storage, limit),
    signal: limit,
    pauses: storage.retry,
    stop,
    queue: new PQueue({ concurrency: DOWNLOADS_AT_ONCE }),
    room: roomFor(plan, roots),
    done,
    progress,
    transferSecondsMax: plan.secondsMax?.transfer,
  };
  await lookAhead(waves.flat().filter(isFromUrl), stage);
  for (const wave of waves) {
    for (const input of wave) await addInput(input, stage).catch((error) => stop.abort(error));
    await stage.queue.onIdle();
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

async function add(input: UrlInput, stage: Stage, download: () => Promise<void>): Promise<void> {
  await stage.queue.onSizeLessThan(DOWNLOADS_WAITING_MAX);
  stage.queue
    .add(download)
    .catch((error: unknown) => stage.stop.abort(stage.signal.aborted ? error : cannotStage(input, error)));
}

export const cannotStage = ({ url, path }: { url: string; path: string }, error: unknown): Error =>
  new Error(`Cannot stage "${publicUrl(url)}" as "${path}"`, { cause: error });

/** Clients declare a folder as FILE when they do not know better; what is in storage decides. */
async function downloadFileOrFolder(input: UrlInput, stage: Stage): Promise<void> {
  try {
    await downloadFile({ path: input.path, url: input.url }, input, stage);
  } catch (error) {
    if (storageError(error).kind !== "not-found" || /^https?:/i.test(input.url)) throw error;
    let files = 0;
    // One after the other: this download holds its place in the queue already.
    for await (const listed of (await stage.storageOf(input.url)).list(input.url)) {
      files += 1;
      takeRoom(input, listed.sizeBytes, stage);
      stage.signal.throwIfAborted();
      if (isItself(listed)) addEmptyFolder(input.path, input, stage);
      else await downloadFile(downloadOf(input, listed), input, stage);
    }
    if (files === 0) throw error;
    stage.done.folders.push(input.path);
  }
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
      if (!isItself(listed))
        await add(input, stage, () => downloadFile(downloadOf(input, listed), input, stage));
    }
    if (files === 0) throw new StorageError("not-found", "there is nothing below it");
  } catch (error) {
    stage.signal.throwIfAborted();
    throw cannotStage(input, error);
  }
}

/** The folder that is listed, which is known to be there although nothing may be below it. */
const isItself = ({ path }: Listed): boolean => path === "";

async function downloadFile({ path, url }: Download, input: UrlInput, stage: Stage): Promise<void> {
  if (url === undefined) return addEmptyFolder(path, input, stage);
  const storage = await stage.storageOf(url);
  try {
    const bytes = await writeWhole(stage.place(path), stage.unfinished, (file) => {
      return transfer(url, { path, file, storage }, stage);
    });
    stage.done.bytes += bytes;
    stage.done.files += 1;
  } catch (error) {
    throw inWords(error, path, input.index, stage.inputs);
  }
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
  { path, file, storage }: { path: TaskPath; file: string; storage: Storage },
  stage: Stage,
): Promise<number> {
  const receiver: Receiver = { file };
  using _deadline = deadline(stage.transferSecondsMax, (cause) =>
    stage.stop.abort(cannotStage({ url, path }, cause)),
  );
  const stays = stage.progress.grows(file);
  return await retry(() => storage.download(url, receiver), {
    ...stage.pauses,
    signal: stage.signal,
  }).finally(stays);
}
