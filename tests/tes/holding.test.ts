// What is held of a task apart from its record, and what is only counted once that is too much.
import { describe, expect, test } from "bun:test";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { limits } from "../../src/tes/limits.ts";
import type { TaskRecord } from "../../src/tes/record.ts";
import { applyReports } from "../../src/tes/reports.ts";
import { executorEnded, makeRecord, makeReport } from "../support/make.ts";

/** What 64 reports and one more of each event come to, as a store would hold it. */
function tell(events: readonly ReportEvent[], start: TaskRecord = makeRecord()) {
  let record = start;
  const systemLogs: string[] = [];
  const files: object[] = [];
  const tails: object[] = [];
  let largest = 0;
  for (const event of events) {
    const next = applyReports(record, [makeReport(record.run.acknowledged.supervisor + 1, event)]);
    record = next.record;
    largest = Math.max(largest, JSON.stringify(record).length);
    systemLogs.push(...next.additions.systemLogs.map((line) => line.slice(25)));
    tails.push(...next.additions.tails);
    for (const row of next.additions.outputs ?? []) files.push(...(JSON.parse(`[${row}]`) as object[]));
  }
  return { record, systemLogs, files, tails, largest };
}

const uploaded = (count: number, letters = 10): ReportEvent => ({
  type: "uploaded",
  outputs: Array.from({ length: count }, (_, index) => ({
    path: `/o/${index}`.padEnd(letters, "x"),
    url: "s3://b/k",
    sizeBytes: 1,
  })),
});
const finished: ReportEvent = { type: "finished", outcome: "complete" };
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe("uploaded files", () => {
  test("are listed up to their greatest number; the rest is a number, told once and at the end", () => {
    const { record, systemLogs, files, largest } = tell([...times(55, uploaded(1000)), finished]);
    expect(files).toHaveLength(limits.filesHeldMax);
    expect(record.run.held).toMatchObject({ files: 50_000, filesLeft: 5000 });
    expect(systemLogs.filter((line) => !line.startsWith("Uploaded 1000 files"))).toEqual([
      "The list of uploaded files ends with file 50000; all are uploaded",
      "5000 uploaded files are not listed",
    ]);
    expect(largest).toBeLessThan(1000);
  });

  test("and up to their bytes, with no gap: what follows the first that does not fit is left out, too", () => {
    const { record, files } = tell([...times(20, uploaded(1000, 1000)), uploaded(1), finished]);
    expect(JSON.stringify(files).length).toBeLessThanOrEqual(limits.fileBytesHeldMax + 2);
    expect(JSON.stringify(files).length).toBeGreaterThan(limits.fileBytesHeldMax - 2000);
    expect(files.length + (record.run.held?.filesLeft ?? 0)).toBe(20_001);
  });
});

describe("lines of system_logs", () => {
  test("are kept up to their number; the rest is a number, told with the last word, which is kept", () => {
    const notes = times<ReportEvent>(limits.linesHeldMax + 7, { type: "note", message: "n" });
    const { systemLogs, record } = tell([...notes, { ...finished, outcome: "system-error", message: "why" }]);
    expect(systemLogs).toHaveLength(limits.linesHeldMax + 2);
    expect(systemLogs.slice(-2)).toEqual(["why", "7 lines of system_logs were left out"]);
    expect(record.run.held).toMatchObject({ linesLeft: 7 });
  });

  test("and up to their bytes, each cut where it is without an end", () => {
    const { systemLogs } = tell(times<ReportEvent>(200, { type: "note", message: "é".repeat(100_000) }));
    expect(systemLogs[0]).toEndWith("é… (83616 characters more)");
    expect(Buffer.byteLength(systemLogs.join(""))).toBeLessThanOrEqual(limits.lineBytesHeldMax);
    expect(systemLogs.length).toBeGreaterThan(50);
  });
});

test("stdout and stderr are kept up to the bytes of all executors together; what is not kept is told", () => {
  const executors = times(64, { image: "i", command: ["c"] });
  const stdout = "x".repeat(1024 * 1024);
  const ends = executors.map((_, index): ReportEvent => executorEnded(index, 0, { stdout, stderr: "" }));
  const { tails, systemLogs, record } = tell(ends, makeRecord({ task: { executors } }));
  expect(tails).toHaveLength(16);
  expect(systemLogs).toHaveLength(48);
  expect(systemLogs[0]).toBe("stdout and stderr of executor 16 are not kept: 1048576 bytes are too many");
  expect(record.run.executors).toHaveLength(64);
});

test("what is held counts over all pods of the task", () => {
  const { record } = tell(times(49, uploaded(1000)));
  const next: TaskRecord = { ...makeRecord(), run: { ...makeRecord().run, attempt: 2, ...pickHeld(record) } };
  expect(tell([uploaded(1000), uploaded(1000)], next).record.run.held).toMatchObject({
    files: 50_000,
    filesLeft: 1000,
  });
});

const pickHeld = ({ run: { held } }: TaskRecord) => (held === undefined ? {} : { held });
