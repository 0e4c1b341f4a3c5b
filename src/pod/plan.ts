// Record → TaskPlan: what the pod is asked to do.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { isFileUrl } from "../../sidecar/contract/file-url.ts";
import { outputPath, plannedPrefix, searchOf } from "../../sidecar/contract/output-path.ts";
import { normalizePath, type TaskPath } from "../../sidecar/contract/path.ts";
import {
  encodePlan,
  type PlanExecutor,
  type PlanInput,
  type PlanMount,
  type PlanOutput,
  type TaskPlan,
} from "../../sidecar/contract/plan.ts";
import { TesError } from "../tes/errors.ts";
import type { TaskRecord } from "../tes/record.ts";
import type { Executor, Input, Task } from "../tes/task.ts";
import { planInPlace } from "./in-place.ts";
import { planLayout } from "./mounts.ts";
import { planSecretBytesMax, podName } from "./names.ts";
import { mebibytesIn } from "./resources.ts";
import type { PodSettings } from "./settings.ts";
import { checkPodBytes } from "./size.ts";

/**
 * The plan of the record's current attempt. The record must hold the contents of its inputs. Throws TesError "invalid" if its
 * files lie in more directories than a pod can mount.
 */
export const buildPlan = (record: TaskRecord, settings: PodSettings): TaskPlan =>
  planWith(record, settings).plan;

/**
 * Rejects with TesError if no pod could carry the task; answers what its user should know of how it is carried. A plan that is small
 * is known to fit without being packed; a large one is packed while others have their turn.
 */
export async function checkPlan(record: TaskRecord, settings: PodSettings): Promise<string[]> {
  const { plan, merged } = planWith(record, settings);
  const text = JSON.stringify(plan);
  if (encodedBytesMost(text.length) > planSecretBytesMax)
    checkLength(Math.ceil((await pack(text)).byteLength / 3) * 4);
  checkPodBytes(record.task, plan);
  if (merged.length === 0) return [];
  const named = merged.map((path) => `"${path}"`).join(", ");
  return [
    `The task's files lie in too many directories to mount each, so these are mounted as a whole, and hide what images have there: ${named}`,
  ];
}

function planWith(
  { id, task, run }: TaskRecord,
  settings: PodSettings,
): { plan: TaskPlan; merged: readonly string[] } {
  const inPlace = planInPlace(task, settings, run.redirected);
  const { mounts, carried, folders, merged } = planLayout(task, inPlace, run.mounted);
  const plan: TaskPlan = {
    version: 1,
    task: id,
    attempt: run.attempt,
    staging: inPlace.length > 0 ? "init" : staging(task, { mounts, carried }, settings),
    workFolder: settings.work.kind === "claim" ? podName(id, run.attempt) : "",
    inputs: (task.inputs ?? []).map(planInput),
    ...(inPlace.length > 0 ? { inPlace } : {}),
    outputs: (task.outputs ?? []).map(planOutput),
    executors: task.executors.map(planExecutor),
    mounts,
    ...(carried.length === 0 ? {} : { carried }),
    ...(folders.length === 0 ? {} : { folders }),
    logHeadBytes: settings.logHeadBytes,
    logTailBytes: settings.logTailBytes,
    ...(settings.strictOutputs ? { strictOutputs: true } : {}),
    ...(settings.transferSecondsMax ? { secondsMax: settings.transferSecondsMax } : {}),
    ...workBytesMax(task, settings),
    ...planFiles(task, settings),
  };
  return { plan, merged };
}

/**
 * Without inputs there is nothing to stage, so nothing for an init container: one that only lays out folders would cost up
 * to a second, as the kubelet sees the end of a container only once a second. An input that is mounted as a single file
 * must be whole before its executor's container is created, so it is always staged by the init container. One that a gate brings in
 * is staged beside the gates: the first of them says at once, before much is downloaded, if it may not. So is whatever has
 * inputs in place, which the kubelet would make as folders in the users' claim if they were missing: it goes on to the next
 * container if the supervisor's cannot be started, but never past an init container.
 */
function staging(
  { inputs = [] }: Task,
  { mounts, carried }: { mounts: readonly PlanMount[]; carried: readonly TaskPath[] },
  settings: PodSettings,
): TaskPlan["staging"] {
  if (inputs.length === 0) return "supervisor";
  const paths = new Set(inputs.map(({ path }) => normalizePath(path)));
  if (mounts.some(({ file, path }) => file && paths.has(path))) return "init";
  return carried.some((path) => paths.has(path)) ? "supervisor" : settings.staging;
}

/** Gzip adds 18 bytes, and 5 to each block that it cannot make smaller; base64 makes 4 of 3; a UTF-16 unit is 3 bytes at most. */
const encodedBytesMost = (characters: number): number => ((characters * 3 * 1.01 + 64) * 4) / 3;

/** The encoded plan. Throws TesError "too-large" if not even a Secret could carry it. */
export function encodeWithinBounds(plan: TaskPlan): string {
  const encoded = encodePlan(plan);
  checkLength(encoded.length);
  return encoded;
}

function checkLength(bytes: number): void {
  if (bytes <= planSecretBytesMax) return;
  throw new TesError(
    "too-large",
    `Task is too large for a pod: ${bytes} bytes compressed, at most ${planSecretBytesMax}; put content into storage and give its url`,
  );
}

const pack = promisify(gzip);

/** The kubelet would evict a pod that holds more, and say little of why. */
const workBytesMax = (
  { inputs = [], resources }: Task,
  { work }: PodSettings,
): Pick<TaskPlan, "workBytesMax"> =>
  work.kind === "emptyDir" && resources?.disk_gb && inputs.length > 0
    ? { workBytesMax: mebibytesIn(resources.disk_gb) * 1024 * 1024 }
    : {};

/** The claim is only waited for, and mounted, where a task names a file of it. */
function planFiles({ inputs = [], outputs = [] }: Task, { files }: PodSettings): Pick<TaskPlan, "files"> {
  if (!files || ![...inputs, ...outputs].some(({ url }) => url !== undefined && isFileUrl(url))) return {};
  return { files: { root: files.root, bases: [...files.bases] } };
}

/** "If content is not empty, url must be ignored"; empty content without a url (or with an empty one) is an empty file. */
function planInput({ type, url, content, ...input }: Input): PlanInput {
  const path = normalizePath(input.path);
  if (content !== undefined && (content !== "" || !url)) return { path, type, content };
  return url === undefined ? { path, type } : { path, type, url };
}

function planOutput({ type, url, ...output }: NonNullable<Task["outputs"]>[number]): PlanOutput {
  const path = outputPath(output.path);
  const hasPrefix = output.path_prefix !== undefined && searchOf(path).patterns.length > 0;
  return hasPrefix
    ? { path, type, url, pathPrefix: plannedPrefix(path, output.path_prefix ?? "") }
    : { path, type, url };
}

function planExecutor({
  command,
  env,
  workdir,
  stdin,
  stdout,
  stderr,
  ignore_error,
}: Executor): PlanExecutor {
  return {
    command,
    env: env ?? {},
    ignoreError: ignore_error ?? false,
    ...planned("workdir", workdir),
    ...planned("stdin", stdin),
    ...planned("stdout", stdout),
    ...planned("stderr", stderr),
  };
}

/** An executor's path, if it has one. */
const planned = <Name extends "workdir" | "stdin" | "stdout" | "stderr">(
  name: Name,
  path: string | undefined,
): { [Key in Name]?: TaskPath } =>
  (path === undefined ? {} : { [name]: normalizePath(path) }) as { [Key in Name]?: TaskPath };
