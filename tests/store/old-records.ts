// Records as versions before wrote them, with uploaded files in them; and that a store which was brought to the newest has them all.
import { expect } from "bun:test";
import type { UploadedFile } from "../../sidecar/contract/report.ts";
import type { TaskStore } from "../../src/store/store.ts";
import { UnreadableTask } from "../../src/store/store-error.ts";
import { limits } from "../../src/tes/limits.ts";
import { makeRecord } from "../support/make.ts";

const wild = 'ü😀\u2028"\\\\u0000';
const files = (count: number, letters = 0): UploadedFile[] =>
  Array.from({ length: count }, (_, index) => ({
    path: `/out/${wild}${index}`,
    url: `s3://b/${wild}${"x".repeat(letters)}${index}`,
    sizeBytes: index === 0 ? 8_000_000_000_000 : index,
  }));

/** By the id: few stay in the record, many become rows, more than a task may list now are cut. */
const outputs: Readonly<Record<string, UploadedFile[]>> = {
  none: [],
  few: files(3),
  many: files(2000),
  excess: files(12_000, 1000),
};

/** What PostgreSQL takes for no JSON of its own, and this program can read. */
const odd = makeRecord({
  run: { outputs: files(2000), outcome: { outcome: "complete", message: "\0 \ud800" } },
});

/** No JSON at all, as if the disk had lost a part of it. */
const damaged = {
  id: "damaged",
  creationTime: "t",
  task: "{}",
  run: `{"outputs":[${"x".repeat(100_000)}`,
};

export const oldRecords = Object.entries(outputs)
  .map(([id, list]) => {
    const { task, run, creationTime } = makeRecord({
      id,
      run: { outputs: list, podName: "p", startTime: "t" },
    });
    return { id, creationTime, task: JSON.stringify(task), run: JSON.stringify(run) };
  })
  .concat(
    {
      id: "odd",
      creationTime: odd.creationTime,
      task: JSON.stringify(odd.task),
      run: JSON.stringify(odd.run),
    },
    damaged,
  );

const answered = ({ url, path, sizeBytes }: UploadedFile) => ({ url, path, size_bytes: String(sizeBytes) });

const parsed = (rows: readonly string[] = []): object[] => JSON.parse(`[${rows.join(",")}]`) as object[];

/** What the store has of the task: files in the record, files in rows, and the rest of the record. */
async function read(store: TaskStore, id: string) {
  const full = await store.getFull(id);
  if (full === undefined) throw new Error(`Task "${id}" is gone`);
  const { outputs: kept, held, ...run } = full.record.run;
  return { kept: kept.map(answered), rows: full.additions.outputs ?? [], held, run };
}

async function expectList(store: TaskStore, id: string, list: readonly UploadedFile[]): Promise<void> {
  const { kept, rows, held = { files: 0, filesLeft: 0, fileBytes: 0 }, run } = await read(store, id);
  const found = parsed(rows);
  expect([...kept, ...found]).toEqual(list.slice(0, kept.length + found.length).map(answered));
  expect(run).toMatchObject({ attempt: 1, podName: "p", startTime: "t" });
  expect([held.files, kept.length + held.files + held.filesLeft]).toEqual([found.length, list.length]);
  expect([id, kept.length, found.length > 0]).toEqual([id, id === "few" ? 3 : 0, list.length > 3]);
  const bytes = Buffer.byteLength(rows.join(","));
  expect(held.fileBytes).toBeGreaterThanOrEqual(bytes);
  expect(held.fileBytes).toBeLessThanOrEqual(limits.fileBytesHeldMax);
  if (id === "excess") expect(bytes).toBeGreaterThan(limits.fileBytesHeldMax * 0.99);
}

export async function expectOldRecords(store: TaskStore): Promise<void> {
  for (const [id, list] of Object.entries(outputs)) await expectList(store, id, list);
  const { kept, rows, run } = await read(store, "odd");
  expect([...kept, ...parsed(rows)]).toHaveLength(2000);
  expect(run.outcome?.message).toBe("\0 \ud800");
  await expect(store.get("damaged")).rejects.toBeInstanceOf(UnreadableTask);
}
