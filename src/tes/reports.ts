// Reports from a pod, applied to the record: idempotent, in order, whatever way they came.
import { normalizePath } from "../../sidecar/contract/path.ts";
import type { Report, ReportEvent, UploadedFile } from "../../sidecar/contract/report.ts";
import type { UnfinishedUpload } from "../../sidecar/contract/uploads.ts";
import { foldersOf } from "./file-types.ts";
import { clipped, createHolding, type Holding } from "./holding.ts";
import { limits } from "./limits.ts";
import { type Additions, type ExecutorEnd, type Run, type TaskRecord, withState } from "./record.ts";
import type { Task } from "./task.ts";

interface Applied {
  readonly record: TaskRecord;
  readonly additions: Additions;
}

/**
 * Applies the reports that are next in sequence; what is held already, or comes after a gap, is left out, so that the
 * sender's `acknowledged` stays true and it sends the rest again. What it costs depends on the reports, not on earlier ones.
 */
export function applyReports(record: TaskRecord, reports: readonly Report[]): Applied {
  let current = record;
  const holding = createHolding(record.run.held);
  for (const report of reports) {
    if (report.sequence !== current.run.acknowledged[report.source] + 1) continue;
    const { event, time } = report;
    const acknowledged = { ...current.run.acknowledged, [report.source]: report.sequence };
    // Only a pod can tell, so there is one, whether or not its creation was saved.
    const run = { ...applyEvent(current, event, time), acknowledged, created: true };
    current = { ...current, run };
    if (event.type === "executor-started") current = withState(current, "RUNNING", new Date(time));
    hold(event, time, holding);
  }
  const { held, additions } = holding.result();
  const isSame = held === undefined || held === record.run.held;
  return { record: isSame ? current : { ...current, run: { ...current.run, held } }, additions };
}

/** What is kept apart from the record. */
function hold(event: ReportEvent, time: string, holding: Holding): void {
  if (event.type === "executor-ended") holding.tail(event, time);
  if (event.type === "uploaded") holding.files(event.outputs, time);
  const fact = describe(event);
  if (fact !== undefined) holding.line(fact, time, event.type === "finished");
  if (event.type === "finished") holding.end(time);
}

function applyEvent({ task, run }: TaskRecord, event: ReportEvent, time: string): Run {
  switch (event.type) {
    case "note":
    case "progress":
      return run;
    case "waiting":
      return run.hold === undefined ? run : { ...run, hold: { ...run.hold, seconds: event.seconds } };
    case "ready":
      return { ...run, ready: true };
    case "redirected":
      return { ...run, redirected: { ...run.redirected, ...redirections(event, task) } };
    case "unplaced":
      return { ...run, mounted: [...new Set([...(run.mounted ?? []), ...ownInputs(event.paths, task)])] };
    case "staged":
      return {
        ...run,
        stagedTime: time,
        ...(event.folders === undefined ? {} : { folders: ownInputs(event.folders, task) }),
      };
    case "executor-started":
      return {
        ...run,
        released: Math.max(run.released, event.executor + 1),
        startTime: run.startTime ?? time,
      };
    case "executor-ended": {
      return isExpected(event, run, task)
        ? { ...run, executors: [...run.executors, executorEnd(event)] }
        : run;
    }
    case "upload-begun":
      return { ...run, uploads: withUpload(run.uploads, event) };
    case "upload-ended":
      return { ...run, uploads: (run.uploads ?? []).filter(({ upload }) => upload !== event.upload) };
    case "uploaded":
      return withOutputFolders(run, event.outputs, task);
    case "finished": {
      const { outcome, message } = event;
      return {
        ...run,
        outcome: message === undefined ? { outcome } : { outcome, message: clipped(message) },
      };
    }
  }
}

/** More than a supervisor has under way at once. */
const uploadsMax = 64;

function withUpload(
  uploads: readonly UnfinishedUpload[] = [],
  { url, upload }: UnfinishedUpload,
): readonly UnfinishedUpload[] {
  if (url.length + upload.length > limits.urlLengthMax) return uploads;
  const others = uploads.filter((known) => known.upload !== upload);
  return others.length < uploadsMax ? [...others, { url, upload }] : uploads;
}

/** What a pod can only tell of the task's own inputs is left out of others, so that a record cannot grow without a bound. */
const redirections = ({ inputs }: Extract<ReportEvent, { type: "redirected" }>, task: Task) =>
  Object.fromEntries(
    inputs
      .filter(
        ({ input, path = "" }) => input < (task.inputs?.length ?? 0) && path.length <= limits.urlLengthMax,
      )
      .map(({ input, path = "" }) => [String(input), path]),
  );

/** Those of the paths that are inputs of the task. */
function ownInputs(paths: readonly string[], { inputs = [] }: Task): readonly string[] {
  const told = new Set(paths.slice(0, inputs.length).map(normalizePath));
  return [...new Set(inputs.map(({ path }) => normalizePath(path)).filter((path) => told.has(path)))];
}

/** Each executor ends once. */
const isExpected = ({ executor }: { executor: number }, run: Run, task: Task): boolean =>
  executor < task.executors.length && !run.executors.some((end) => end.executor === executor);

function withOutputFolders(run: Run, files: readonly UploadedFile[], { outputs = [] }: Task): Run {
  const known = run.outputFolders ?? [];
  const found = foldersOf(outputs, files).filter((path) => !known.includes(path));
  return found.length === 0 ? run : { ...run, outputFolders: [...known, ...found] };
}

function executorEnd(event: Extract<ReportEvent, { type: "executor-ended" }>): ExecutorEnd {
  const { executor, startTime, endTime, exitCode, memoryPeakBytes, cpuSeconds } = event;
  return {
    executor,
    startTime,
    endTime,
    exitCode,
    ...(memoryPeakBytes === undefined ? {} : { memoryPeakBytes }),
    ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
  };
}

/** The event as a line of system_logs, if it is one a user would want to read. */
function describe(event: ReportEvent): string | undefined {
  switch (event.type) {
    case "note":
      return event.message;
    case "progress":
      return describeProgress(event);
    case "staged":
      return describeStaged(event);
    case "uploaded":
      return `Uploaded ${fileCount(event.outputs.length)}, ${byteCount(event.outputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}`;
    case "finished":
      return event.outcome === "interrupted"
        ? `Interrupted: ${event.message ?? "no reason given"}`
        : event.message;
    case "waiting":
    case "ready":
    case "redirected":
    case "unplaced":
    case "upload-begun":
    case "upload-ended":
    case "executor-started":
    case "executor-ended":
      return undefined;
  }
}

function describeStaged({
  files,
  bytes,
  milliseconds,
  inPlace,
}: Extract<ReportEvent, { type: "staged" }>): string | undefined {
  const mounted = inPlace
    ? `${fileCount(inPlace.files)} mounted in place, ${byteCount(inPlace.bytes)}`
    : undefined;
  if (files === 0) return mounted;
  const staged = `Staged ${fileCount(files)}, ${byteCount(bytes)} in ${milliseconds / 1000} s`;
  return mounted === undefined ? staged : `${staged}; ${mounted}`;
}

/** Of what the total is known, as "3 of 10 files, 1.2 of 8.0 GB", in GB of 10^9 bytes. */
function describeProgress({
  phase,
  files,
  bytes,
  seconds,
  total,
}: Extract<ReportEvent, { type: "progress" }>): string {
  const gigabytes = (count: number) => (count / 1e9).toFixed(count < 1e9 ? 3 : 1);
  const [allFiles, allBytes] = total ? [` of ${total.files}`, ` of ${gigabytes(total.bytes)}`] : ["", ""];
  const what = phase === "staging" ? "Staging" : "Uploading";
  return `${what}: ${files}${allFiles} files, ${gigabytes(bytes)}${allBytes} GB after ${seconds} s`;
}

const fileCount = (count: number): string => `${count} file${count === 1 ? "" : "s"}`;
const byteCount = (count: number): string => `${count} byte${count === 1 ? "" : "s"}`;
