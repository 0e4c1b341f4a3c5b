// ListTasks: one page, bounded in bytes whatever its tasks hold.
import type { PageRequest, TaskLine, TaskStore } from "../store/store.ts";
import { limits } from "../tes/limits.ts";
import type { TaskRecord } from "../tes/record.ts";
import { basicView, fullView, minimalView, type View } from "../tes/view.ts";

/** One task of a page: its JSON, and what tells it apart from its earlier and later forms. */
interface Row {
  readonly id: string;
  readonly stamp: string | number;
  readonly text: string;
}

export interface Rows {
  readonly rows: readonly Row[];
  /** Absent on the last page: the position to go on before. */
  readonly next?: number;
}

/** Records that are read at once: a few while it is not known how large they are. */
const batchFirst = 16;
const batchMax = 256;
/** Full tasks that are read at once: each may be many megabytes. */
const fullBatch = 4;

/** The page, in as many tasks as fit in `limits.pageBytesMax`, at least one. */
export function readRows(store: TaskStore, view: View, request: PageRequest): Promise<Rows> {
  switch (view) {
    case "MINIMAL":
      return readLines(store, request);
    case "BASIC":
      return readBasic(store, request);
    case "FULL":
      return readFull(store, request);
  }
}

const withNext = (rows: readonly Row[], next: number | undefined): Rows =>
  next === undefined ? { rows } : { rows, next };

/** Lines are small, all of them together. */
async function readLines(store: TaskStore, request: PageRequest): Promise<Rows> {
  const { items, next } = await store.listLines(request);
  const row = (line: TaskLine): Row => ({
    id: line.id,
    stamp: line.state,
    text: minimalView(line),
  });
  return withNext(items.map(row), next);
}

const recordRow = ({ id, version }: TaskRecord, text: string): Row => ({ id, stamp: version, text });

/** Whether there is a look to be had at the rows of its uploaded files: most tasks of a list have none. */
export const hasRows = ({ run }: TaskRecord): boolean => (run.held?.files ?? 0) > 0;

/** The records with the rows of their files, of as many at once as take little memory together. */
async function* withOutputs(
  store: TaskStore,
  records: readonly TaskRecord[],
): AsyncGenerator<readonly [TaskRecord, readonly string[] | undefined]> {
  for (let first = 0; first < records.length; ) {
    const some = records.slice(first, first + fewOf(records.slice(first)));
    const ids = some.filter(hasRows).map(({ id }) => id);
    const outputs = ids.length === 0 ? undefined : await store.outputsOf(ids);
    for (const record of some) yield [record, outputs?.get(record.id)];
    first += some.length;
  }
}

/** Files of several tasks that are read at once, in bytes. */
const outputBytesAtOnce = 1024 * 1024;

/** How many of the first there are at least one and no more bytes than may be. */
function fewOf(records: readonly TaskRecord[]): number {
  let bytes = 0;
  const end = records.findIndex(({ run }) => {
    bytes += run.held?.fileBytes ?? 0;
    return bytes > outputBytesAtOnce;
  });
  return end === -1 ? records.length : Math.max(1, end);
}

async function readBasic(store: TaskStore, request: PageRequest): Promise<Rows> {
  const rows: Row[] = [];
  let bytes = 0;
  let { before } = request;
  while (rows.length < request.pageSize) {
    const pageSize = Math.min(request.pageSize - rows.length, batchSize(rows.length, bytes));
    const page = await store.list({ ...request, pageSize, ...(before === undefined ? {} : { before }) });
    for await (const [record, outputs] of withOutputs(store, page.items)) {
      const row = recordRow(record, basicView(record, outputs));
      bytes += Buffer.byteLength(row.text);
      if (bytes > limits.pageBytesMax && rows.length > 0) return withNext(rows, await position(store, rows));
      rows.push(row);
    }
    before = page.next;
    // A page that is short but not the last was long to look for: the answer shall not take longer.
    if (before === undefined || page.items.length < pageSize) break;
  }
  return withNext(rows, before);
}

/** As many as will fit if they are like those so far. */
function batchSize(count: number, bytes: number): number {
  if (count === 0) return batchFirst;
  return Math.max(1, Math.min(batchMax, Math.floor(((limits.pageBytesMax - bytes) * count) / bytes)));
}

/** The position of the last row, which records do not hold. */
async function position(store: TaskStore, rows: readonly Row[]): Promise<number> {
  const id = rows.at(-1)?.id ?? "";
  const line = await store.getLine(id);
  if (line === undefined) throw new Error(`Task "${id}" went while it was listed`);
  return line.position;
}

async function readFull(store: TaskStore, request: PageRequest): Promise<Rows> {
  const { items, next } = await store.listLines(request);
  const rows: Row[] = [];
  let bytes = 0;
  let last: number | undefined;
  for (let first = 0; first < items.length; first += fullBatch) {
    const lines = items.slice(first, first + fullBatch);
    const batch = await Promise.all(lines.map(({ id }) => store.getFull(id)));
    for (const [index, found] of batch.entries()) {
      if (found === undefined) continue;
      const row = recordRow(found.record, fullView(found.record, found.additions));
      bytes += Buffer.byteLength(row.text);
      if (bytes > limits.pageBytesMax && last !== undefined) return { rows, next: last };
      rows.push(row);
      last = lines[index]?.position;
    }
  }
  return withNext(rows, next);
}
