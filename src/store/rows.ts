// Rows of the database and the records they hold, both ways, for every kind of store.
import type { Run, TaskRecord } from "../tes/record.ts";
import type { State } from "../tes/state.ts";
import type { Task } from "../tes/task.ts";
import type { Page } from "./list.ts";
import type { TaskLine, TaskPage } from "./store.ts";

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
  readonly run: string;
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
export const toRecord = (row: RecordRow): TaskRecord => ({
  id: row.id,
  version: row.version,
  state: row.state as State,
  creationTime: row.creation_time,
  live: row.live === 1,
  task: JSON.parse(row.task) as Task,
  run: JSON.parse(row.run) as Run,
});

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
