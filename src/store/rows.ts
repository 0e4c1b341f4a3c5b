// Rows of the database and the records they hold, both ways, for every kind of store.
import { limits } from "../tes/limits.ts";
import { type Additions, newRun, type Run, type TaskRecord } from "../tes/record.ts";
import { isTerminal, type State, states } from "../tes/state.ts";
import type { Task } from "../tes/task.ts";
import type { Page } from "./list.ts";
import type { TaskLine, TaskPage } from "./store.ts";
import { UnreadableTask } from "./store-error.ts";

export interface LineRow {
  readonly position: number;
  readonly id: string;
  readonly state: string;
}

export interface RecordRow extends LineRow {
  readonly version: number;
  /** 0 or 1. */
  readonly live: number;
  readonly creation_time: string;
  readonly task: string;
  /** Null if it is larger than any that this program writes. */
  readonly run: string | null;
}

export interface ContentRow {
  readonly input: number;
  readonly content: string;
}

export const toLine = ({ position, id, state }: LineRow): TaskLine => ({
  position,
  id,
  state: state as State,
});

/** The documents were written by this program, so they are trusted to have the types they were written from. */
export function toRecord(row: RecordRow): TaskRecord {
  try {
    return recordOf(row, parsed<Task>(row.task), parsed<Run>(row.run));
  } catch (cause) {
    throw new UnreadableTask(row.id, cause);
  }
}

/** For lists, which others are on as well. */
export function toListedRecord(row: RecordRow): TaskRecord {
  try {
    return toRecord(row);
  } catch {
    return recordOf(row, { executors: [] }, newRun(1)); // who asks for the task itself is told why
  }
}

const recordOf = (row: RecordRow, task: Task, run: Run): TaskRecord => ({
  id: row.id,
  version: row.version,
  state: row.state as State,
  creationTime: row.creation_time,
  live: row.live === 1,
  task,
  run,
});

/** Queries leave out what is too large (`columnsOf`). */
function parsed<T>(document: string | null): T {
  if (document === null) throw new Error(`it is larger than ${limits.runBytesMax} bytes`);
  return JSON.parse(document) as T;
}

export function mapPage<Row, T>({ items, next }: Page<Row>, map: (row: Row) => T): TaskPage<T> {
  return next === undefined ? { items: items.map(map) } : { items: items.map(map), next };
}

/** The contents of a task's inputs, which are stored apart. */
export const contentsOf = ({ inputs = [] }: Task): readonly ContentRow[] =>
  inputs.flatMap(({ content }, input) => (content === undefined ? [] : [{ input, content }]));

/** The tags of a task, a row for each. */
export const tagsOf = ({ tags = {} }: Task): { key: string; value: string }[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));

export function withContents(record: TaskRecord, contents: readonly ContentRow[]): TaskRecord {
  const { task } = record;
  if (contents.length === 0 || task.inputs === undefined) return record;
  const byInput = new Map(contents.map(({ input, content }) => [input, content]));
  const inputs = task.inputs.map((input, index) => {
    const content = byInput.get(index);
    return content === undefined ? input : { ...input, content };
  });
  return { ...record, task: { ...task, inputs } };
}

export interface OutputRow {
  readonly id: string;
  readonly files: string;
}

/** Rows in the order of each task's numbers. */
export function outputsById(rows: readonly OutputRow[]): ReadonlyMap<string, readonly string[]> {
  const byId = new Map<string, string[]>();
  for (const { id, files } of rows) {
    const known = byId.get(id);
    if (known === undefined) byId.set(id, [files]);
    else known.push(files);
  }
  return byId;
}

/** The run of a task that is given up: nothing is known of it. */
export const unknownRun = JSON.stringify(newRun(1));

/** Of one task's rows, as additions have them. */
export const outputsIn = (rows: readonly Pick<OutputRow, "files">[]): Pick<Additions, "outputs"> =>
  rows.length === 0 ? {} : { outputs: rows.map(({ files }) => files) };

export const terminalSql = states
  .filter(isTerminal)
  .map((state) => `'${state}'`)
  .join(", ");
