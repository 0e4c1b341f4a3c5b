// applyReports: each event once, in order, and what it changes.
import { describe, expect, test } from "bun:test";
import type { Report, ReportEvent } from "../../sidecar/contract/report.ts";
import { applyReports } from "../../src/tes/reports.ts";
import { executorEnded, makeRecord, makeReport, now } from "../support/make.ts";

const time = now.toISOString();
const note = (message: string): ReportEvent => ({ type: "note", message });
const file = (path: string) => ({ path, url: `s3://b${path}`, type: "FILE" as const });
const inputs = ["/in/dir", "/in/a", "/in/b", "/opt/a", "/root/b"].map(file);
const base = makeRecord({ state: "INITIALIZING", run: { created: true }, task: { inputs } });
const acknowledged = { "stage-in": 0, supervisor: 1 };

describe("one event", () => {
  test.each<{
    title: string;
    event: ReportEvent;
    run: object;
    state?: string;
    systemLogs?: string[];
    tails?: object[];
    outputs?: string[];
  }>([
    { title: "a note is a line of system_logs", event: note("n"), run: {}, systemLogs: [`${time} n`] },
    {
      title: "staged is a line of system_logs",
      event: { type: "staged", files: 2, bytes: 30, milliseconds: 1500 },
      run: { stagedTime: time },
      systemLogs: [`${time} Staged 2 files, 30 bytes in 1.5 s`],
    },
    {
      title: "inputs that proved to be folders are kept",
      event: { type: "staged", files: 0, bytes: 0, milliseconds: 1, folders: ["/in/dir"] },
      run: { stagedTime: time, folders: ["/in/dir"] },
    },
    {
      title: "what is mounted in place is told apart from what is staged",
      event: { type: "staged", files: 1, bytes: 5, milliseconds: 100, inPlace: { files: 2, bytes: 9 } },
      run: { stagedTime: time },
      systemLogs: [`${time} Staged 1 file, 5 bytes in 0.1 s; 2 files mounted in place, 9 bytes`],
    },
    {
      title: "and is all there is to say if nothing was staged",
      event: { type: "staged", files: 0, bytes: 0, milliseconds: 1, inPlace: { files: 1, bytes: 9 } },
      run: { stagedTime: time },
      systemLogs: [`${time} 1 file mounted in place, 9 bytes`],
    },
    {
      title: "where inputs really are is kept, and which are to be copied",
      event: { type: "redirected", inputs: [{ input: 0, path: "/mnt/a" }, { input: 2 }] },
      run: { redirected: { 0: "/mnt/a", 2: "" } },
    },
    {
      title: "inputs that the first executor's gate may not bring in are kept for the next pod",
      event: { type: "unplaced", paths: ["/opt/a", "/root/b", "/opt/a", "/not/an/input"] },
      run: { mounted: ["/opt/a", "/root/b"] },
    },
    {
      title: "progress is a line of system_logs",
      event: { type: "progress", phase: "uploading", files: 3, bytes: 12_345_678, seconds: 40 },
      run: {},
      systemLogs: [`${time} Uploading: 3 files, 0.012 GB after 40 s`],
    },
    {
      title: "progress whose end is known is told beside it",
      event: {
        type: "progress",
        phase: "staging",
        files: 3,
        bytes: 1.2e9,
        seconds: 40,
        total: { files: 10, bytes: 8e9 },
      },
      run: {},
      systemLogs: [`${time} Staging: 3 of 10 files, 1.2 of 8.0 GB after 40 s`],
    },
    {
      title: "nothing staged is not worth a line",
      event: { type: "staged", files: 0, bytes: 0, milliseconds: 1 },
      run: { stagedTime: time },
    },
    {
      title: "an executor's start is RUNNING, and the task's start time",
      event: { type: "executor-started", executor: 0 },
      state: "RUNNING",
      run: { released: 1, startTime: time },
    },
    {
      title: "an executor's end is its log, its output kept apart",
      event: executorEnded(0, 3),
      run: { executors: [{ executor: 0, startTime: time, endTime: time, exitCode: 3 }] },
      tails: [{ executor: 0, stdout: "out 0", stderr: "err 0" }],
    },
    {
      title: "what its container used is kept with it",
      event: { ...executorEnded(0), memoryPeakBytes: 4096, cpuSeconds: 0.25 } as ReportEvent,
      run: {
        executors: [
          {
            executor: 0,
            startTime: time,
            endTime: time,
            exitCode: 0,
            memoryPeakBytes: 4096,
            cpuSeconds: 0.25,
          },
        ],
      },
      tails: [{ executor: 0, stdout: "out 0", stderr: "err 0" }],
    },
    {
      title: "uploads are the outputs log, kept apart",
      event: {
        type: "uploaded",
        outputs: [
          { path: "/a", url: "u", sizeBytes: 7 },
          { path: "/b", url: "v", sizeBytes: 5 },
        ],
      },
      run: {},
      outputs: ['{"url":"u","path":"/a","size_bytes":"7"},{"url":"v","path":"/b","size_bytes":"5"}'],
      systemLogs: [`${time} Uploaded 2 files, 12 bytes`],
    },
    {
      title: "an upload in parts is kept until its end is told, and told to nobody",
      event: { type: "upload-begun", url: "s3://b/k", upload: "u1" },
      run: { uploads: [{ url: "s3://b/k", upload: "u1" }] },
    },
    {
      title: "the end of one that is not known is nothing",
      event: { type: "upload-ended", url: "s3://b/k", upload: "u1" },
      run: { uploads: [] },
    },
    {
      title: "the end is the outcome, and changes no state by itself",
      event: { type: "finished", outcome: "complete" },
      run: { outcome: { outcome: "complete" } },
    },
    {
      title: "the end of a pod that was told to stop: why it ended is for others to say",
      event: { type: "finished", outcome: "interrupted", message: "Stopped by SIGTERM" },
      run: { outcome: { outcome: "interrupted", message: "Stopped by SIGTERM" } },
      systemLogs: [`${time} Interrupted: Stopped by SIGTERM`],
    },
    {
      title: "one file is one",
      event: { type: "staged", files: 1, bytes: 5, milliseconds: 100 },
      run: { stagedTime: time },
      systemLogs: [`${time} Staged 1 file, 5 bytes in 0.1 s`],
    },
    {
      title: "the end with a reason",
      event: { type: "finished", outcome: "system-error", message: "no bucket" },
      run: { outcome: { outcome: "system-error", message: "no bucket" } },
      systemLogs: [`${time} no bucket`],
    },
  ])("$title", ({ event, run, state = "INITIALIZING", systemLogs = [], tails = [], outputs }) => {
    const { record, additions } = applyReports(base, [makeReport(1, event)]);
    const { held: _, ...told } = record.run; // holding.test.ts is about that
    expect({ ...record, run: told } as object).toEqual({
      ...base,
      state,
      run: { ...base.run, acknowledged, ...run },
    });
    expect(additions as object).toEqual({ systemLogs, tails, ...(outputs ? { outputs } : {}) });
  });
});

describe("sequence", () => {
  const numbered = (...sequences: number[]): Report[] =>
    sequences.map((sequence) => makeReport(sequence, note(`n${sequence}`)));
  const lines = (reports: Report[], record = base) => applyReports(record, reports).additions.systemLogs;

  test.each([
    { title: "in order", sequences: [1, 2, 3], kept: ["n1", "n2", "n3"] },
    { title: "twice", sequences: [1, 1, 2, 1, 2], kept: ["n1", "n2"] },
    { title: "after a gap", sequences: [1, 3, 4], kept: ["n1"] },
    { title: "the gap is filled", sequences: [2, 1, 2, 3], kept: ["n1", "n2", "n3"] },
    { title: "none", sequences: [], kept: [] },
  ])("$title", ({ sequences, kept }) => {
    expect(lines(numbered(...sequences))).toEqual(kept.map((line) => `${time} ${line}`));
  });

  test("what is held from before is not applied again", () => {
    const { record } = applyReports(base, numbered(1, 2));
    expect(lines(numbered(1, 2, 3), record)).toEqual([`${time} n3`]);
    expect(applyReports(record, numbered(1, 2)).record).toBe(record);
  });

  test("each source counts for itself", () => {
    const { record } = applyReports(base, [
      makeReport(1, note("a"), "stage-in"),
      makeReport(1, note("b"), "supervisor"),
      makeReport(2, note("c"), "stage-in"),
    ]);
    expect(record.run.acknowledged).toEqual({ "stage-in": 2, supervisor: 1 });
  });
});

test("a report proves that there is a pod", () => {
  expect(applyReports(makeRecord(), [makeReport(1, note("n"))]).record.run.created).toBe(true);
});

test("the start time is that of the first executor", () => {
  const later = {
    ...makeReport(2, { type: "executor-started", executor: 1 } as const),
    time: "2027-01-01T00:00:00.000Z",
  };
  const { record } = applyReports(base, [makeReport(1, { type: "executor-started", executor: 0 }), later]);
  expect(record.run).toMatchObject({ released: 2, startTime: time });
});

test("a task that is canceled or over stays so", () => {
  const started = [makeReport(1, { type: "executor-started", executor: 0 })];
  for (const state of ["CANCELING", "CANCELED", "SYSTEM_ERROR"] as const) {
    expect(applyReports(makeRecord({ state }), started).record.state).toBe(state);
  }
});

test("an output that was declared a file and has files below it is a folder from that report on", () => {
  const record = makeRecord({ task: { outputs: [file("/out/d"), file("/out/f"), file("/out/e/")] } });
  const uploaded = (...paths: string[]): ReportEvent => ({
    type: "uploaded",
    outputs: paths.map((path) => ({ path, url: "u", sizeBytes: 1 })),
  });
  const first = applyReports(record, [makeReport(1, uploaded("/out/f", "/out/d/a"))]).record;
  expect(first.run.outputFolders).toEqual(["/out/d"]);
  const second = applyReports(first, [makeReport(2, uploaded("/out/d/b", "/out/e/x/y"))]).record;
  expect(second.run.outputFolders).toEqual(["/out/d", "/out/e/"]);
});

describe("a pod cannot make the record grow without a bound", () => {
  test.each<{ title: string; event: ReportEvent }>([
    {
      title: "folders that are no inputs",
      event: { type: "staged", files: 0, bytes: 0, milliseconds: 1, folders: ["/in/dir", "/x", "/y"] },
    },
    {
      title: "redirections of inputs that are not there",
      event: { type: "redirected", inputs: [{ input: 5, path: "/x" }, { input: 1e9 }] },
    },
    {
      title: "an input that is at no path",
      event: { type: "redirected", inputs: [{ input: 0, path: "x".repeat(40_000) }] },
    },
    {
      title: "an upload of an endless name",
      event: { type: "upload-begun", url: "s3://b/k", upload: "x".repeat(40_000) },
    },
    { title: "ends of executors that are not there", event: executorEnded(7) },
    {
      title: "a last word without an end",
      event: { type: "finished", outcome: "complete", message: "x".repeat(1e6) },
    },
  ])("$title", ({ event }) => {
    const { run } = applyReports(base, [makeReport(1, event)]).record;
    expect(run.folders ?? ["/in/dir"]).toEqual(["/in/dir"]);
    expect([run.redirected ?? {}, run.uploads ?? [], run.executors]).toEqual([{}, [], []]);
    expect(JSON.stringify(run).length).toBeLessThan(20_000);
  });

  test("the end of one executor, again and again", () => {
    const reports = Array.from({ length: 50 }, (_, index) => makeReport(index + 1, executorEnded(0)));
    expect(applyReports(base, reports).record.run.executors).toHaveLength(1);
  });
});
