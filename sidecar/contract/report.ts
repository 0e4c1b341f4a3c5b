// Report: one event a pod tells the service, as a line of JSON in its journal (its stdout) and in a POST.
import * as v from "valibot";
import { unfinishedUpload } from "./uploads.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.string(), v.isoTimestamp());

/** Who speaks. Sequence numbers count from 1 for each of the two. */
const source = v.picklist(["stage-in", "supervisor"]);
export type ReportSource = v.InferOutput<typeof source>;

const uploadedFile = v.strictObject({ path: v.string(), url: v.string(), sizeBytes: count });
export type UploadedFile = v.InferOutput<typeof uploadedFile>;

/**
 * How the pod's work ended. "interrupted": it was told to stop (SIGTERM) before its end; the cause is for the service to find.
 * "replan": this pod cannot do it as it was planned; one that is planned by what "redirected" told can.
 */
const outcome = v.picklist(["complete", "executor-error", "system-error", "interrupted", "replan"]);
export type Outcome = v.InferOutput<typeof outcome>;

const event = v.variant("type", [
  /** A line for the task's system_logs: one clear fact. */
  v.strictObject({ type: v.literal("note"), message: v.string() }),
  /** How far a long staging or upload has come; `total` if it is known. */
  v.strictObject({
    type: v.literal("progress"),
    phase: v.picklist(["staging", "uploading"]),
    files: count,
    bytes: count,
    seconds: count,
    total: v.optional(v.strictObject({ files: count, bytes: count })),
  }),
  /** All inputs are in place. `folders`: paths of those that were declared FILE and are folders in storage. */
  v.strictObject({
    type: v.literal("staged"),
    files: count,
    bytes: count,
    milliseconds: count,
    folders: v.optional(v.array(v.string())),
    /** What executors see in the shared claim itself; it does not count above. */
    inPlace: v.optional(v.strictObject({ files: count, bytes: count })),
  }),
  /** Inputs that cannot be mounted where they were planned to be: where they are, links followed; without it they are to be copied. */
  v.strictObject({
    type: v.literal("redirected"),
    inputs: v.array(v.strictObject({ input: count, path: v.optional(v.string()) })),
  }),
  /** From now on the first executor will wait so long for the service, counted from "ready". */
  v.strictObject({ type: v.literal("waiting"), seconds: count }),
  /**
   * The first executor can start. It is started once the service has acknowledged this event, or has kept silent for as long
   * as the pod was told to wait.
   */
  v.strictObject({ type: v.literal("ready") }),
  /** Inputs that the first executor's gate may not bring in: in the next pod each is mounted by itself. */
  v.strictObject({ type: v.literal("unplaced"), paths: v.array(v.string()) }),
  /** The executor's command was released: the task is RUNNING. */
  v.strictObject({ type: v.literal("executor-started"), executor: count }),
  /** The executor is over. Output that exceeds the plan's bounds has its middle cut. */
  v.strictObject({
    type: v.literal("executor-ended"),
    executor: count,
    startTime: time,
    endTime: time,
    exitCode: v.pipe(v.number(), v.integer()),
    stdout: v.string(),
    stderr: v.string(),
    memoryPeakBytes: v.optional(count),
    cpuSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
  }),
  /** An upload in parts was begun: until it has ended, its parts are left if the pod is killed. */
  v.strictObject({ type: v.literal("upload-begun"), ...unfinishedUpload.entries }),
  /** It was completed or aborted. */
  v.strictObject({ type: v.literal("upload-ended"), ...unfinishedUpload.entries }),
  /** Some files were uploaded. A long list comes as several such events. */
  v.strictObject({ type: v.literal("uploaded"), outputs: v.array(uploadedFile) }),
  /** The last event of its source. A "finished" of stage-in is only sent if it failed. */
  v.strictObject({ type: v.literal("finished"), outcome, message: v.optional(v.string()) }),
]);
export type ReportEvent = v.InferOutput<typeof event>;

export const reportSchema = v.strictObject({
  version: v.literal(1),
  source,
  sequence: v.pipe(count, v.minValue(1)),
  time,
  event,
});
export type Report = v.InferOutput<typeof reportSchema>;

/** One journal line back to a Report, or undefined if the line is not one (a crash's stack trace, a half-written line). */
export function parseReport(line: string): Report | undefined {
  try {
    const result = v.safeParse(reportSchema, JSON.parse(line), { abortEarly: true });
    return result.success ? result.output : undefined;
  } catch {
    return undefined; // not JSON: the journal shares stdout with whatever the runtime prints when it dies
  }
}

/** What the service answers to a POST of reports: the last sequence it holds of this source, and whether to stop. */
export const reportAnswerSchema = v.object({ acknowledged: count, cancel: v.boolean() });

/**
 * The body of an answer by which the service itself refuses reports for good: the attempt is over, and its pod stops; or the
 * token is wrong. An answer without it may come from a proxy, and the reports are sent again.
 */
export const reportRefusalSchema = v.object({ refused: v.picklist(["attempt", "token"]) });
export type ReportRefusal = v.InferOutput<typeof reportRefusalSchema>;

/** What the supervisor leaves as its termination message (a Kubernetes limit: 4 KiB a container, 12 KiB a pod). */
export const terminationSchema = v.object({
  outcome,
  lastSequence: count,
  /** How many executors were started; absent from pods of earlier versions. */
  released: v.optional(count),
});
export type Termination = v.InferOutput<typeof terminationSchema>;
