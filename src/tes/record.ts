// TaskRecord: a task as the service knows it: what was asked, its state, and what its pod has told so far.
import type { Outcome, ReportSource, UploadedFile } from "../../sidecar/contract/report.ts";
import type { UnfinishedUpload } from "../../sidecar/contract/uploads.ts";
import { isTerminal, mayFollow, type State } from "./state.ts";
import type { Task } from "./task.ts";

/** One executor that is over. stdout and stderr are kept apart (`Tail`), as most readers do not want them. */
export interface ExecutorEnd {
  readonly executor: number;
  readonly startTime: string;
  readonly endTime: string;
  readonly exitCode: number;
  /** Of its container, where the kernel tells it. */
  readonly memoryPeakBytes?: number;
  readonly cpuSeconds?: number;
}

/** The bounded stdout and stderr of one executor. */
export interface Tail {
  readonly executor: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** By the index of an input: where it really lies in the shared claim; "" if it is to be copied. */
export type Redirected = Readonly<Record<string, string>>;

/** What is known of the task's current attempt: the pod `tes-<task>-<attempt>`. */
export interface Run {
  readonly attempt: number;
  /** Whether the pod was created, so that its absence means something. */
  readonly created: boolean;
  readonly podUid?: string;
  readonly nodeName?: string;
  readonly podName?: string;
  /** What the executors' images were when they ran, by the executor's index: digests. */
  readonly images?: Readonly<Record<string, string>>;
  /** The last sequence number held of each source. */
  readonly acknowledged: Readonly<Record<ReportSource, number>>;
  /** When all inputs were in place. */
  readonly stagedTime?: string;
  /** Whether the journal was read after the pod's end: what is still missing then is lost. */
  readonly journalRead: boolean;
  /** Whether that journal was there, so that nothing is missing. */
  readonly journalHeld?: true;
  /**
   * By our own clock: `from` then on the pod's first executor may have begun to wait for our word, and it waits for so many
   * seconds. Absent for a pod that does not wait: of an earlier version, or without a service to report to.
   */
  readonly hold?: { readonly from: string; readonly seconds: number };
  /** The pod was told, or its journal says, that its first executor may start: from then on it may have at any moment. */
  readonly ready?: true;
  /** Executors that were started; from 1 on, the attempt is never repeated. */
  readonly released: number;
  readonly executors: readonly ExecutorEnd[];
  /** Files that were uploaded before such were rows of their own (`Additions`). Nothing is added to them. */
  readonly outputs: readonly UploadedFile[];
  /** Paths of outputs that were declared FILE and proved to be folders. */
  readonly outputFolders?: readonly string[];
  /** What is held apart of the task, over all of its pods; and what is not, as that would be more than may be. */
  readonly held?: Held;
  /** Paths of inputs that were declared FILE and proved to be folders. */
  readonly folders?: readonly string[];
  /** Inputs that could not be mounted in place as they were named: this or an earlier attempt found it. */
  readonly redirected?: Redirected;
  /** Inputs in system folders that the first executor's gate may not bring in, so that each is mounted by itself. */
  readonly mounted?: readonly string[];
  readonly outcome?: { readonly outcome: Outcome; readonly message?: string };
  /** Why the pod does not start, and since when; of that, the causes told last, and how often they changed. */
  readonly waiting?: {
    readonly reason: string;
    readonly since: string;
    readonly causes?: string;
    readonly changes?: number;
  };
  /** Why the system takes the pod away, once it is known. */
  readonly disruption?: string;
  readonly startTime?: string;
  readonly endTime?: string;
  /** A pod of an earlier attempt, or of this one, ended without a word: its folder in a shared claim may still be there. */
  readonly folderLeft?: true;
  /** Uploads in parts that a pod began, and of whose end it has not told. */
  readonly uploads?: readonly UnfinishedUpload[];
  /** The pod of the attempt is now one that removes what was left of the task: since when, and whether it was told to fail. */
  readonly cleanUp?: { readonly since: string; readonly failed?: true };
}

export interface Held {
  /** Uploaded files in rows, and the bytes of their JSON. */
  readonly files: number;
  readonly fileBytes: number;
  readonly filesLeft: number;
  /** Lines of system_logs that pods told. */
  readonly lines: number;
  readonly lineBytes: number;
  readonly linesLeft: number;
  /** stdout and stderr. */
  readonly tailBytes: number;
}

export interface TaskRecord {
  readonly id: string;
  /** Counts the saves; a save of an old version is refused (compare and set). */
  readonly version: number;
  readonly state: State;
  readonly creationTime: string;
  /** Whether something is still owed: a pod, a report, a deletion. */
  readonly live: boolean;
  readonly task: Task;
  readonly run: Run;
}

/** What is only ever added to a task, and kept apart from the record because lists never read it. */
export interface Additions {
  readonly systemLogs: readonly string[];
  readonly tails: readonly Tail[];
  /** Uploaded files, some in each: objects of the answer as JSON, joined by commas. Absent is none. */
  readonly outputs?: readonly string[];
}

export const noAdditions: Additions = { systemLogs: [], tails: [] };

export const newRun = (attempt: number): Run => ({
  attempt,
  created: false,
  acknowledged: { "stage-in": 0, supervisor: 0 },
  journalRead: false,
  released: 0,
  executors: [],
  outputs: [],
});

export const newRecord = (task: Task, id: string, now: Date): TaskRecord => ({
  id,
  version: 1,
  state: "QUEUED",
  creationTime: now.toISOString(),
  live: true,
  task,
  run: newRun(1),
});

/** The record in the next state; the same record if that state may not follow. Terminal states set the end time. */
export function withState(record: TaskRecord, state: State, now: Date): TaskRecord {
  if (!mayFollow(record.state, state)) return record;
  const ended = isTerminal(state) && record.run.startTime !== undefined;
  return { ...record, state, run: ended ? { ...record.run, endTime: now.toISOString() } : record.run };
}

/** A system_logs line: when, and one fact. */
export const systemLog = (message: string, time: string): string => `${time} ${message}`;
