// The contract: what one side writes, the other reads, and nothing else.

import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import * as v from "valibot";
import { decodePlan, encodePlan, type TaskPlan, taskPlanSchema } from "../../sidecar/contract/plan.ts";
import { parseReport, type ReportEvent } from "../../sidecar/contract/report.ts";
import { hasDigest, isEqual, reportSigner, reportToken, signedDigest } from "../../sidecar/contract/token.ts";
import { createJournal } from "../../sidecar/report/journal.ts";
import type { WrittenPlan } from "../support/written-plan.ts";

const written: WrittenPlan = {
  version: 1,
  task: "t",
  attempt: 1,
  staging: "init",
  workFolder: "",
  inputs: [{ path: "/in", type: "FILE", content: "ü\n'$(X)" }],
  outputs: [{ path: "/out/*", type: "FILE", url: "s3://b/k", pathPrefix: "/out" }],
  executors: [{ command: ["a", "", "b c"], env: { A: "1" }, workdir: "/w", ignoreError: true }],
  mounts: [{ path: "/out", folder: "m0", file: false }],
  logHeadBytes: 1,
  logTailBytes: 2,
};

const plan: TaskPlan = v.parse(taskPlanSchema, written);

test("a plan comes back as it was", () => {
  expect(decodePlan(encodePlan(plan))).toEqual(plan);
});

test("paths that the service of a version before wrote as tasks have them are normalized when they are read", () => {
  const { path, type } = { path: "//out/./", type: "DIRECTORY" as const };
  const before = {
    ...written,
    inputs: [{ path, type }],
    outputs: [
      { path, type, url: "s3://b/k" },
      { path: "/out//*", type, url: "s3://b/k", pathPrefix: "/out//" },
    ],
    mounts: [{ path, folder: "m0", file: false }],
  };
  const read = decodePlan(gzipSync(JSON.stringify(before)).toString("base64"));
  expect(read.inputs[0]?.path as string).toBe("/out");
  expect(read.outputs).toMatchObject([{ path: "/out" }, { path: "/out/*", pathPrefix: "/out/" }]);
  expect(read.mounts[0]?.path as string).toBe("/out");
});

test.each([
  ["an unknown key", { ...plan, extra: 1 }, "extra"],
  ["another version", { ...plan, version: 2 }, "version"],
  ["no executor", { ...plan, executors: [] }, "executors"],
  [
    "an empty command",
    { ...plan, executors: [{ ...plan.executors[0], command: [] }] },
    "executors.0.command",
  ],
  ["a relative path", { ...plan, inputs: [{ path: "in", type: "FILE" }] }, "inputs.0.path"],
  [
    "a folder that leads out",
    { ...plan, mounts: [{ path: "/a", folder: "../b", file: false }] },
    "mounts.0.folder",
  ],
  ["a work folder that leads out", { ...plan, workFolder: ".." }, "workFolder"],
])("a plan with %s is refused, naming the place", (_, faulty, path) => {
  const encoded = gzipSync(JSON.stringify(faulty)).toString("base64");
  expect(() => decodePlan(encoded)).toThrow(`Cannot read the task plan: ${path}`);
});

const events: ReportEvent[] = [
  { type: "note", message: "n\nm" },
  { type: "staged", files: 1, bytes: 2, milliseconds: 3 },
  { type: "staged", files: 1, bytes: 2, milliseconds: 3, folders: ["/a"] },
  { type: "executor-started", executor: 0 },
  {
    type: "executor-ended",
    executor: 0,
    startTime: "2026-01-01T00:00:00.000Z",
    endTime: "2026-01-01T00:00:01.000Z",
    exitCode: 137,
    stdout: "o",
    stderr: "",
  },
  { type: "uploaded", outputs: [{ path: "/a", url: "s3://b/k", sizeBytes: 5 }] },
  { type: "finished", outcome: "complete" },
  { type: "finished", outcome: "system-error", message: "why" },
];

test("every event is one line of the journal, which is a report", () => {
  const printed: string[] = [];
  const time = new Date("2026-01-01T00:00:00.000Z");
  const journal = createJournal(
    "stage-in",
    (line) => printed.push(line),
    () => time,
  );
  for (const event of events) journal.write(event);
  expect(journal.lastSequence()).toBe(events.length);
  expect(printed.map((line) => parseReport(line))).toEqual(
    events.map((event, index) => ({
      version: 1,
      source: "stage-in",
      sequence: index + 1,
      time: time.toISOString(),
      event,
    })),
  );
  expect(printed.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
});

test.each(["", "{}", "not JSON", '{"version":1,"source":"supervisor"', "    at main (main.js:1:1)", "null"])(
  "%p is no report",
  (line) => {
    expect(parseReport(line)).toBeUndefined();
  },
);

test("a signature is good for its own body, task and attempt only", () => {
  const sign = (key: string, task: string, attempt: number) => reportSigner(key, task, attempt)("body ü\n");
  const digestOf = (signature: string) => signedDigest(signature, "key", "task", 1);
  const own = sign("key", "task", 1);
  const digest = digestOf(own) ?? "";
  expect(hasDigest("body ü\n", digest)).toBe(true);
  expect(hasDigest("body\n", digest)).toBe(false);
  const [known = "", mac = ""] = own.split(".");
  const others = [sign("key", "task", 2), sign("key", "task2", 1), sign("other", "task", 1), "", ".", known];
  const forged = [
    `${known}.`,
    `${known}.${"0".repeat(64)}`,
    `${"0".repeat(64)}.${mac}`,
    `${known}.${reportToken("key", "task", 1)}`,
  ];
  for (const other of [...others, ...forged]) expect(digestOf(other)).toBeUndefined();
});

test("a token is good for its own task and attempt only", () => {
  const token = reportToken("key", "task", 1);
  expect(isEqual(token, reportToken("key", "task", 1))).toBe(true);
  const others = [
    reportToken("key", "task", 2),
    reportToken("key", "task2", 1),
    reportToken("other", "task", 1),
    "",
  ];
  for (const other of others) expect(isEqual(other, token)).toBe(false);
});
