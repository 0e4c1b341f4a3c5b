// TaskStore: where tasks live; what a create, a save and a list promise.
import type { TaskFilter } from "../tes/filter.ts";
import type { Additions, TaskRecord } from "../tes/record.ts";
import type { State } from "../tes/state.ts";

/** One line of a MINIMAL list. `position` orders tasks: greater is newer. */
export interface TaskLine {
  readonly position: number;
  readonly id: string;
  readonly state: State;
}

export interface TaskPage<T> {
  readonly items: readonly T[];
  /** Present if there may be more: the position to go on before. Only then may a page hold fewer than were asked for. */
  readonly next?: number;
}

export interface PageRequest {
  readonly filter: TaskFilter;
  readonly pageSize: number;
  readonly before?: number;
}

export interface LivePage {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A create that may be sent again: what its key stands for. */
export interface Claim {
  readonly key: string;
  /** Of the request; the same key with another digest is a conflict. */
  readonly digest: string;
  readonly time: Date;
  /** Claims of before then count no more, and may be removed. */
  readonly forgetBefore: Date;
}

/**
 * Every promise resolves only when what it says is on disk. Safe for concurrent calls. No method retries. A call that rejects
 * stored nothing and never will, unless its StoreError is "outcome-unknown": then a save may have been stored (read the record
 * again, its version tells), and so may a create.
 */
export interface TaskStore {
  /** Stores a new task. Rejects if the id is taken. */
  create(record: TaskRecord, additions: Additions): Promise<void>;
  /**
   * As create, once for all calls with the key of the claim: task and claim are stored together or not at all. Answers the id
   * that the key stands for, which is another's if that came first, or "conflict" if the other's digest differs. Of calls at
   * the same time, one stores.
   */
  createOnce(record: TaskRecord, additions: Additions, claim: Claim): Promise<{ id: string } | "conflict">;
  /** The record without the contents of its inputs, or undefined. Rejects with UnreadableTask, as getFull does. */
  get(id: string): Promise<TaskRecord | undefined>;
  /** The record with contents, and all that was added to it. */
  getFull(id: string): Promise<{ record: TaskRecord; additions: Additions } | undefined>;
  /** What was uploaded of these tasks, as in the additions, in the order in which it was added; a task without any is left out. */
  outputsOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /**
   * Ends a task whose record cannot be read, as SYSTEM_ERROR if it was not over: it is pending no more, its record is as of a task
   * that never ran, and the line is added to its system_logs.
   */
  giveUp(id: string, line: string): Promise<void>;
  /** One task's line, reading no document. */
  getLine(id: string): Promise<TaskLine | undefined>;
  /**
   * Replaces the record whose version is `record.version` by `record` with the next version, and adds the additions.
   * False, and nothing stored, if another save came first. The task document itself never changes.
   */
  save(record: TaskRecord, additions: Additions): Promise<boolean>;
  /** A page, newest first; tasks stored between two calls neither repeat nor hide others. */
  listLines(request: PageRequest): Promise<TaskPage<TaskLine>>;
  /** As listLines, with the records, without contents. A task that cannot be read has no executors here. */
  list(request: PageRequest): Promise<TaskPage<TaskRecord>>;
  /** The ids of pending tasks, oldest first: all, or at most `limit` of those that were stored after the task `after`. */
  liveIds(page?: LivePage): Promise<readonly string[]>;
  /** How many tasks something is still owed to, by state; a state without any is left out. */
  liveStates(): Promise<Readonly<Partial<Record<State, number>>>>;
  /** A value kept for the service itself: the stored one, or `value` after storing it. Same answer for all callers. */
  setting(key: string, value: () => string): Promise<string>;
  /** Resolves if a task could be stored now, and rejects as its create would. Writes only if there is reason to doubt it. */
  check(): Promise<void>;
  /** Waits for what is under way and releases the files. */
  close(): Promise<void>;
}
