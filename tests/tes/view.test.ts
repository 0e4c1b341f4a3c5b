// The views: which keys stand in which, and that there is neither null nor a key that nobody sent.
import { describe, expect, test } from "bun:test";
import type { Additions } from "../../src/tes/record.ts";
import { basicView, fullView, minimalView } from "../../src/tes/view.ts";
import { inSeconds, makeRecord, now } from "../support/make.ts";

const [start, end] = [now.toISOString(), inSeconds(5).toISOString()];

/** A task that has everything there is. */
const record = makeRecord({
  state: "EXECUTOR_ERROR",
  live: false,
  version: 9,
  task: {
    name: "hello (1)",
    inputs: [
      { url: "s3://b/k", path: "/in/a", type: "FILE" },
      { path: "/in/b", type: "FILE", content: "secret of FULL" },
    ],
    outputs: [{ url: "s3://b/o", path: "/out/a", type: "FILE" }],
    resources: { cpu_cores: 1 },
    volumes: ["/v"],
    tags: { a: "b" },
  },
  run: {
    created: true,
    podUid: "u",
    nodeName: "n1",
    podName: "tes-abc-1",
    images: { 0: "busybox@sha256:1" },
    released: 2,
    executors: [
      { executor: 0, startTime: start, endTime: end, exitCode: 0, memoryPeakBytes: 1e9, cpuSeconds: 0.5 },
      { executor: 1, startTime: start, endTime: end, exitCode: 3 },
    ],
    outputs: [{ path: "/out/a", url: "s3://b/o", sizeBytes: 5_000_000_000 }],
    outcome: { outcome: "executor-error" },
    startTime: start,
    endTime: end,
  },
});
const read = (text: string): unknown => JSON.parse(text);
const additions: Additions = {
  systemLogs: [`${start} Scheduled on node n1`],
  tails: [{ executor: 0, stdout: "out", stderr: "" }],
};

const { inputs, ...restOfTask } = record.task;

const basic = {
  id: "abc",
  state: "EXECUTOR_ERROR",
  ...restOfTask,
  inputs: [
    { url: "s3://b/k", path: "/in/a", type: "FILE" },
    { path: "/in/b", type: "FILE" },
  ],
  logs: [
    {
      logs: [
        { start_time: start, end_time: end, exit_code: 0 },
        { start_time: start, end_time: end, exit_code: 3 },
      ],
      outputs: [{ url: "s3://b/o", path: "/out/a", size_bytes: "5000000000" }],
      metadata: {
        node: "n1",
        pod: "tes-abc-1",
        executor_0_image: "busybox@sha256:1",
        executor_0_memory_peak_bytes: "1000000000",
        executor_0_cpu_seconds: "0.5",
      },
      start_time: start,
      end_time: end,
    },
  ],
  creation_time: start,
};
const [basicLog] = basic.logs;

const full = {
  ...basic,
  inputs,
  logs: [
    {
      ...basicLog,
      logs: [
        { start_time: start, end_time: end, stdout: "out", stderr: "", exit_code: 0 },
        { start_time: start, end_time: end, exit_code: 3 },
      ],
      system_logs: [`${start} Scheduled on node n1`],
    },
  ],
};

const created = makeRecord();
const queued = { id: "abc", state: "QUEUED", executors: created.task.executors, creation_time: start };

describe("bodies", () => {
  test.each([
    { title: "MINIMAL", body: read(minimalView(record)), expected: { id: "abc", state: "EXECUTOR_ERROR" } },
    { title: "BASIC", body: read(basicView(record, undefined)), expected: basic },
    { title: "FULL", body: read(fullView(record, additions)), expected: full },
    {
      title: "BASIC of a new task: no logs yet",
      body: read(basicView(created, undefined)),
      expected: queued,
    },
    {
      title: "FULL of a new task: no logs yet",
      body: read(fullView(created, { systemLogs: [], tails: [] })),
      expected: queued,
    },
    {
      title: "FULL of a task that waits: its reason, and both lists that the schema requires",
      body: read(fullView(created, { systemLogs: ["why"], tails: [] })),
      expected: { ...queued, logs: [{ logs: [], outputs: [], system_logs: ["why"] }] },
    },
    {
      title: "BASIC of the same: nothing of its reason",
      body: read(basicView(created, undefined)),
      expected: queued,
    },
    {
      title: "BASIC of a task whose output, declared a file, proved to be a folder",
      body: read(
        basicView(
          makeRecord({
            state: "COMPLETE",
            task: { outputs: [{ url: "s3://b/o", path: "/out/d", type: "FILE" }] },
            run: {
              outputs: [{ path: "/out/d/f", url: "s3://b/o/f", sizeBytes: 1 }],
              startTime: start,
              endTime: end,
            },
          }),
          undefined,
        ),
      ),
      expected: {
        ...queued,
        state: "COMPLETE",
        outputs: [{ url: "s3://b/o", path: "/out/d", type: "DIRECTORY" }],
        logs: [
          {
            logs: [],
            outputs: [{ path: "/out/d/f", url: "s3://b/o/f", size_bytes: "1" }],
            start_time: start,
            end_time: end,
          },
        ],
      },
    },
    {
      title: "an executor that runs has no log before it has an exit code",
      body: read(
        basicView(makeRecord({ state: "RUNNING", run: { released: 1, startTime: start } }), undefined),
      ),
      expected: { ...queued, state: "RUNNING", logs: [{ logs: [], outputs: [], start_time: start }] },
    },
  ])("$title", ({ body, expected }) => {
    // As JSON: an undefined is no key there, and a null would stay.
    const answered = JSON.stringify(body);
    expect(JSON.parse(answered)).toEqual(expected);
    expect(answered).not.toContain("null");
  });
});

test("BASIC holds no content even if the record does, and leaves the record as it is", () => {
  const before = structuredClone(record);
  expect(basicView(record, undefined)).not.toContain("secret of FULL");
  expect(record).toEqual(before);
});
