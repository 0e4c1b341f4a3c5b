// The views of a task: record → response body, with no key the schema lacks, no nulls, nothing nobody sent.

import { withFoundTypes } from "./file-types.ts";
import type { Additions, ExecutorEnd, Run, Tail, TaskRecord } from "./record.ts";
import type { Task } from "./task.ts";

export const views = ["MINIMAL", "BASIC", "FULL"] as const;
export type View = (typeof views)[number];

/** MINIMAL: `id` and `state`, and nothing else. */
export const minimalView = ({ id, state }: Pick<TaskRecord, "id" | "state">): object => ({ id, state });

/** BASIC: all but `content`, `stdout`, `stderr` and `system_logs`. The record need not hold contents. */
export const basicView = (record: TaskRecord): object =>
  document(record, withoutContent(record.task), undefined);

/** FULL: everything. The record must hold the contents. */
export const fullView = (record: TaskRecord, additions: Additions): object =>
  document(record, record.task, additions);

function document(record: TaskRecord, task: Task, additions: Additions | undefined): object {
  const log = taskLog(record, additions);
  return {
    id: record.id,
    state: record.state,
    ...withFoundTypes(task, record.run),
    ...(log === undefined ? {} : { logs: [log] }),
    creation_time: record.creationTime,
  };
}

/** One entry for the task's whole life: no TaskLog before there is anything to tell. */
function taskLog({ run }: TaskRecord, additions: Additions | undefined): object | undefined {
  const systemLogs = additions?.systemLogs ?? [];
  const begun = run.startTime !== undefined || run.nodeName !== undefined || run.endTime !== undefined;
  if (!begun && systemLogs.length === 0) return undefined;
  return {
    logs: run.executors.map((end) => executorLog(end, additions?.tails)),
    outputs: run.outputs.map(({ url, path, sizeBytes }) => ({ url, path, size_bytes: String(sizeBytes) })),
    ...metadata(run),
    ...(run.startTime === undefined ? {} : { start_time: run.startTime }),
    ...(run.endTime === undefined ? {} : { end_time: run.endTime }),
    ...(systemLogs.length === 0 ? {} : { system_logs: systemLogs }),
  };
}

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

function executorLog(end: ExecutorEnd, tails: readonly Tail[] | undefined): object {
  const tail = tails?.find(({ executor }) => executor === end.executor);
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
