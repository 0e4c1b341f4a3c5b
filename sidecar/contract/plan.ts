// TaskPlan: what the service asks a pod to do, as it travels in the pod (gzip + base64, see encodePlan).
import * as v from "valibot";
import { gunzip, gzip } from "./gzip.ts";
import { type OutputPath, outputPath, type PathPrefix, plannedPrefix } from "./output-path.ts";
import { normalizePath } from "./path.ts";

const path = v.pipe(v.string(), v.startsWith("/"));
const absolutePath = v.pipe(path, v.transform(normalizePath));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** One TES input. `content` (also the empty string without `url`) wins over `url` (TES 1.1, tesInput.content). */
const planInput = v.strictObject({
  path: absolutePath,
  type: v.picklist(["FILE", "DIRECTORY"]),
  url: v.optional(v.string()),
  content: v.optional(v.string()),
});

/** One TES output. With wildcards in `path`, `pathPrefix` is what is cut from each match before it is appended to `url`. */
const planOutput = v.pipe(
  v.strictObject({
    path: v.pipe(path, v.transform(outputPath)),
    type: v.picklist(["FILE", "DIRECTORY"]),
    url: v.string(),
    pathPrefix: v.optional(path),
  }),
  v.transform(
    ({ pathPrefix, ...output }): PlanOutput =>
      pathPrefix === undefined ? output : { ...output, pathPrefix: plannedPrefix(output.path, pathPrefix) },
  ),
);

export interface PlanOutput {
  path: OutputPath;
  type: "FILE" | "DIRECTORY";
  url: string;
  pathPrefix?: PathPrefix;
}

/** One TES executor, without its image: that stands in the pod spec. */
const planExecutor = v.strictObject({
  command: v.pipe(v.array(v.string()), v.minLength(1)),
  env: v.record(v.string(), v.string()),
  workdir: v.optional(absolutePath),
  stdin: v.optional(absolutePath),
  stdout: v.optional(absolutePath),
  stderr: v.optional(absolutePath),
  ignoreError: v.boolean(),
});

/**
 * Where a path of the executors lies in the work volume: `folder` is its name directly below the task's folder of that
 * volume. `file` marks a mount of one single file: an input in a system folder that the gate may not bring in.
 */
const planMount = v.strictObject({
  path: absolutePath,
  folder: v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/)),
  file: v.boolean(),
});

/**
 * An input that executors see in the shared claim itself, read-only at `path`, and that is not copied: `subPath` is where it lies
 * below the claim's root. `settled` if stage-in has said so itself, in a pod before this one.
 */
const planInPlace = v.strictObject({
  /** Which of the inputs it is. */
  input: count,
  path: absolutePath,
  subPath: v.pipe(v.string(), v.minLength(1)),
  settled: v.optional(v.literal(true)),
});

/** What file URLs mean: paths below `root`, where FILES is mounted, of which those in `bases` may be used. */
const planFiles = v.strictObject({
  root: absolutePath,
  bases: v.pipe(v.array(absolutePath), v.minLength(1)),
});

export const taskPlanSchema = v.strictObject({
  version: v.literal(1),
  task: v.string(),
  attempt: v.pipe(count, v.minValue(1)),
  /** Who lays out the volumes and stages the inputs: the init container, or the supervisor while the gates wait. */
  staging: v.picklist(["init", "supervisor"]),
  /** The task's folder below WORK: "" if the volume is the task's own, a name if many tasks share one claim. */
  workFolder: v.pipe(v.string(), v.regex(/^[a-z0-9-]*$/)),
  inputs: v.array(planInput),
  /** Absent: all inputs are copied. */
  inPlace: v.optional(v.array(planInPlace)),
  outputs: v.array(planOutput),
  executors: v.pipe(v.array(planExecutor), v.minLength(1)),
  mounts: v.array(planMount),
  /**
   * Files right in system folders, which a mount would hide: the gates bring them into their own root before the command, and
   * back when it is over. The i-th is `carried/i` in the task's folder of the work volume.
   */
  carried: v.optional(v.array(absolutePath)),
  /** Folders inside of mounts that are there before any executor runs, and open to every user, as the mounts are. */
  folders: v.optional(v.array(absolutePath)),
  /** How much of each stdout and stderr is kept in the task's log: the first and the last bytes. */
  logHeadBytes: count,
  logTailBytes: count,
  /** A declared output that is missing fails the task; otherwise it is noted. */
  strictOutputs: v.optional(v.boolean()),
  /** The most that the work volume may hold; absent: what is free there. */
  workBytesMax: v.optional(count),
  /** Bounds of the operator's on one transfer, on all downloads and on all uploads; absent: none. */
  secondsMax: v.optional(
    v.strictObject({ transfer: v.optional(count), staging: v.optional(count), upload: v.optional(count) }),
  ),
  /** Absent if the task names no file URL, or the operator shares no files. */
  files: v.optional(planFiles),
});

export type TaskPlan = v.InferOutput<typeof taskPlanSchema>;
export type PlanInput = v.InferOutput<typeof planInput>;
export type PlanInPlace = v.InferOutput<typeof planInPlace>;
export type PlanExecutor = v.InferOutput<typeof planExecutor>;
export type PlanMount = v.InferOutput<typeof planMount>;

/** The plan as base64 of gzip of JSON. */
export const encodePlan = (plan: TaskPlan): string =>
  Buffer.from(gzip(JSON.stringify(plan))).toString("base64");

/** The inverse of encodePlan. Throws on anything that is not exactly a plan of this version, naming the path of the fault. */
export function decodePlan(encoded: string): TaskPlan {
  const json: unknown = JSON.parse(new TextDecoder().decode(gunzip(Buffer.from(encoded, "base64"))));
  const result = v.safeParse(taskPlanSchema, json);
  if (result.success) return result.output;
  const faults = result.issues.map((issue) => `${v.getDotPath(issue) ?? "plan"}: ${issue.message}`);
  throw new TypeError(`Cannot read the task plan: ${faults.join("; ")}`);
}
