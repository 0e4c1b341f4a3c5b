// The views of a task: record → response body, with no key the schema lacks, no nulls, nothing nobody sent.

import type { UploadedFile } from "../../sidecar/contract/report.ts";
import { withFoundTypes } from "./file-types.ts";
import {
  type Additions,
  type ExecutorEnd,
  noAdditions,
  type Run,
  type Tail,
  type TaskRecord,
} from "./record.ts";
import type { Task } from "./task.ts";

export const views = ["MINIMAL", "BASIC", "FULL"] as const;
export type View = (typeof views)[number];

/** MINIMAL: `id` and `state`, and nothing else. */
export const minimalView = ({ id, state }: Pick<TaskRecord, "id" | "state">): string =>
  JSON.stringify({ id, state });

/** BASIC: all but `content`, `stdout`, `stderr` and `system_logs`. The record need not hold contents. */
export const basicView = (record: TaskRecord, outputs: Additions["outputs"]): string =>
  document(
    record,
    withoutContent(record.task),
    outputs === undefined ? noAdditions : { ...noAdditions, outputs },
  );

/** FULL: everything. The record must hold the contents. */
export const fullView = (record: TaskRecord, additions: Additions): string =>
  document(record, record.task, additions);

/** Put together as text, in one go: uploaded files may be many thousands, and are kept as they are answered. */
function document(record: TaskRecord, task: Task, additions: Additions): string {
  const { id, state, run, creationTime: creation_time } = record;
  const log = taskLog(record, additions);
  return [
    opened({ id, state, ...withFoundTypes(task, run) }),
    ...(log === undefined ? [] : [',"logs":[', ...log, "]"]),
    continued({ creation_time }),
    "}",
  ].join("");
}

/** An object's JSON without its closing brace; it must have a member. */
const opened = (object: object): string => JSON.stringify(object).slice(0, -1);

/** More members of an object that was opened. */
function continued(object: object): string {
  const text = JSON.stringify(object).slice(1, -1);
  return text === "" ? "" : `,${text}`;
}

/** One entry for the task's whole life, in parts: no TaskLog before there is anything to tell. */
function taskLog({ run }: TaskRecord, { systemLogs, tails, outputs = [] }: Additions): string[] | undefined {
  const begun = run.startTime !== undefined || run.nodeName !== undefined || run.endTime !== undefined;
  if (!begun && systemLogs.length === 0) return undefined;
  const files = [...run.outputs.map(outputText), ...outputs];
  return [
    opened({ logs: run.executors.map((end) => executorLog(end, tails)) }),
    ',"outputs":[',
    ...files.flatMap((file, index) => (index === 0 ? [file] : [",", file])),
    "]",
    continued({
      ...metadata(run),
      ...(run.startTime === undefined ? {} : { start_time: run.startTime }),
      ...(run.endTime === undefined ? {} : { end_time: run.endTime }),
      ...(systemLogs.length === 0 ? {} : { system_logs: systemLogs }),
    }),
    "}",
  ];
}

/** An uploaded file as it is answered. */
export const outputText = ({ url, path, sizeBytes }: UploadedFile): string =>
  JSON.stringify({ url, path, size_bytes: String(sizeBytes) });

/** What is known of where and how it ran: flat and in text, as the schema has it. */
function metadata({ nodeName, podName, images = {}, executors }: Run): object {
  const entries = [
    ["node", nodeName],
    ["pod", podName],
    ...Object.entries(images).map(([executor, image]) => [`executor_${executor}_image`, image]),
    ...executors.flatMap(({ executor, memoryPeakBytes, cpuSeconds }) => [
      [`executor_${executor}_memory_peak_bytes`, memoryPeakBytes],
      [`executor_${executor}_cpu_seconds`, cpuSeconds],
    ]),
  ].filter(([, value]) => value !== undefined);
  if (entries.length === 0) return {};
  return { metadata: Object.fromEntries(entries.map(([name, value]) => [name, String(value)])) };
}

function executorLog(end: ExecutorEnd, tails: readonly Tail[]): object {
  const tail = tails.find(({ executor }) => executor === end.executor);
  return {
    start_time: end.startTime,
    end_time: end.endTime,
    ...(tail === undefined ? {} : { stdout: tail.stdout, stderr: tail.stderr }),
    exit_code: end.exitCode,
  };
}

/** The task without the content of its inputs. */
export function withoutContent(task: Task): Task {
  if (task.inputs === undefined) return task;
  return { ...task, inputs: task.inputs.map(({ content: _, ...input }) => input) };
}
