// Reports from a pod, applied to the record: idempotent, in order, whatever way they came.
import type { Report, ReportEvent } from "../../sidecar/contract/report.ts";
import type { UnfinishedUpload } from "../../sidecar/contract/uploads.ts";
import {
  type Additions,
  type ExecutorEnd,
  type Run,
  systemLog,
  type TaskRecord,
  withState,
} from "./record.ts";

interface Applied {
  readonly record: TaskRecord;
  readonly additions: Additions;
}

/**
 * Applies the reports that are next in sequence; what is held already, or comes after a gap, is left out, so that the
 * sender's `acknowledged` stays true and it sends the rest again.
 */
export function applyReports(record: TaskRecord, reports: readonly Report[]): Applied {
  let current = record;
  const systemLogs: string[] = [];
  const tails: Additions["tails"][number][] = [];
  for (const report of reports) {
    if (report.sequence !== current.run.acknowledged[report.source] + 1) continue;
    const { event } = report;
    const acknowledged = { ...current.run.acknowledged, [report.source]: report.sequence };
    // Only a pod can tell, so there is one, whether or not its creation was saved.
    const run = { ...applyEvent(current.run, event, report.time), acknowledged, created: true };
    current = { ...current, run };
    if (event.type === "executor-started") current = withState(current, "RUNNING", new Date(report.time));
    if (event.type === "executor-ended") {
      tails.push({ executor: event.executor, stdout: event.stdout, stderr: event.stderr });
    }
    const fact = describe(event);
    if (fact !== undefined) systemLogs.push(systemLog(fact, report.time));
  }
  return { record: current, additions: { systemLogs, tails } };
}

function applyEvent(run: Run, event: ReportEvent, time: string): Run {
  switch (event.type) {
    case "note":
    case "progress":
      return run;
    case "waiting":
      return run.hold === undefined ? run : { ...run, hold: { ...run.hold, seconds: event.seconds } };
    case "ready":
      return { ...run, ready: true };
    case "redirected":
      return { ...run, redirected: { ...run.redirected, ...redirections(event) } };
    case "unplaced":
      return { ...run, mounted: [...new Set([...(run.mounted ?? []), ...event.paths])] };
    case "staged":
      return {
        ...run,
        stagedTime: time,
        ...(event.folders === undefined ? {} : { folders: event.folders }),
      };
    case "executor-started":
      return {
        ...run,
        released: Math.max(run.released, event.executor + 1),
        startTime: run.startTime ?? time,
      };
    case "executor-ended": {
      return { ...run, executors: [...run.executors, executorEnd(event)] };
    }
    case "upload-begun":
      return { ...run, uploads: withUpload(run.uploads, event) };
    case "upload-ended":
      return { ...run, uploads: (run.uploads ?? []).filter(({ upload }) => upload !== event.upload) };
    case "uploaded":
      return { ...run, outputs: [...run.outputs, ...event.outputs] };
    case "finished": {
      const { outcome, message } = event;
      return { ...run, outcome: message === undefined ? { outcome } : { outcome, message } };
    }
  }
}

/** More than a supervisor has under way at once. */
const uploadsMax = 64;

function withUpload(
  uploads: readonly UnfinishedUpload[] = [],
  { url, upload }: UnfinishedUpload,
): readonly UnfinishedUpload[] {
  const others = uploads.filter((known) => known.upload !== upload);
  return others.length < uploadsMax ? [...others, { url, upload }] : uploads;
}

const redirections = ({ inputs }: Extract<ReportEvent, { type: "redirected" }>) =>
  Object.fromEntries(inputs.map(({ input, path = "" }) => [String(input), path]));

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
