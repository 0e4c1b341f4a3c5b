// The plan: task → what the pod is asked to do, and back from its encoded form.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { decodePlan, encodePlan, type TaskPlan } from "../../sidecar/contract/plan.ts";
import { buildPlan, checkPlan } from "../../src/pod/plan.ts";
import type { PodSettings } from "../../src/pod/settings.ts";
import type { TesError } from "../../src/tes/errors.ts";
import type { Task } from "../../src/tes/task.ts";
import { makeRecord, makeSettings, makeTask } from "../support/make.ts";
import type { WrittenPlan } from "../support/written-plan.ts";

const planOf = (task: Partial<Task>, settings: Partial<PodSettings> = {}): TaskPlan =>
  buildPlan(makeRecord({ task: makeTask(task) }), makeSettings(settings));

describe("encoding", () => {
  test("a plan comes back as it was, byte for byte", () => {
    const plan = planOf({
      inputs: [
        { path: "/in/ü 😀\n", type: "FILE", content: "tab\t nul-free \u2028 'quote' \"and\" $(x) \\" },
      ],
      outputs: [{ path: "/out/*", path_prefix: "/out", url: "s3://b/k #%+", type: "FILE" }],
      executors: [
        { image: "i", command: ["", " ", "a\nb"], env: { A: "", B: "=" }, workdir: "/w", ignore_error: true },
      ],
      volumes: ["/v"],
    });
    expect(decodePlan(encodePlan(plan))).toEqual(plan);
  });

  test("a plan is refused where its encoded form is too large for a Secret, however large it is as JSON", async () => {
    const refusal = async (content: string): Promise<unknown> => {
      try {
        const task = makeTask({ inputs: [{ path: "/in/a", type: "FILE", content }] });
        await checkPlan(makeRecord({ task }), makeSettings());
      } catch (error) {
        return (error as TesError).kind;
      }
      return undefined;
    };
    // Hex is packed to little more than half of its size, base64 makes 4 of 3.
    const hex = (characters: number) => randomBytes(characters / 2).toString("hex");
    for (const size of [100_000, 1_200_000]) expect(await refusal(hex(size))).toBeUndefined();
    for (const size of [1_600_000, 4_000_000]) expect(await refusal(hex(size))).toBe("too-large");
    expect(await refusal("a".repeat(8_000_000))).toBeUndefined();
  });

  const encode = (value: unknown): string => gzipSync(JSON.stringify(value)).toString("base64");
  const sound = planOf({});

  test.each([
    { title: "another version", plan: { ...sound, version: 2 }, path: "version" },
    { title: "an unknown key", plan: { ...sound, extra: 1 }, path: "extra" },
    { title: "no executor", plan: { ...sound, executors: [] }, path: "executors" },
    {
      title: "a relative path",
      plan: { ...sound, inputs: [{ path: "a", type: "FILE" }] },
      path: "inputs.0.path",
    },
    { title: "a folder name with a slash", plan: { ...sound, workFolder: "../x" }, path: "workFolder" },
    { title: "attempt 0", plan: { ...sound, attempt: 0 }, path: "attempt" },
  ])("$title is refused with its path", ({ plan, path }) => {
    expect(() => decodePlan(encode(plan))).toThrow(`Cannot read the task plan: ${path}: `);
  });

  test("what is no plan at all is refused", () => {
    expect(() => decodePlan("bm8=")).toThrow();
    expect(() => decodePlan(encode("no"))).toThrow("Cannot read the task plan");
  });
});

describe("inputs", () => {
  test.each([
    { title: "url alone", input: { url: "s3://b/k" }, expected: { url: "s3://b/k" } },
    { title: "content wins over url", input: { url: "s3://b/k", content: "x" }, expected: { content: "x" } },
    {
      title: "empty content with url means the url",
      input: { url: "s3://b/k", content: "" },
      expected: { url: "s3://b/k" },
    },
    { title: "empty content alone is an empty file", input: { content: "" }, expected: { content: "" } },
  ])("$title", ({ input, expected }) => {
    expect<WrittenPlan["inputs"]>(
      planOf({ inputs: [{ path: "/a/b", type: "FILE", ...input }] }).inputs,
    ).toEqual([{ path: "/a/b", type: "FILE", ...expected }]);
  });
});

test("paths are normalized, whatever the task wrote, and so are mounts", () => {
  const plan = planOf({
    inputs: [{ path: "//data/./in//", type: "DIRECTORY", url: "s3://b/d//x/" }],
    outputs: [
      { path: "/data/out//", type: "DIRECTORY", url: "s3://b/o//" },
      { path: "/data//out/*.txt", type: "FILE", url: "s3://b/o", path_prefix: "//data/out/." },
      { path: "/etc/\\*/f", type: "FILE", url: "s3://b/f" },
    ],
    volumes: ["/vol//"],
    executors: [{ image: "i", command: ["c"], workdir: "/w//", stdout: "/data//log", stderr: "/data/./log" }],
  });
  expect<WrittenPlan["inputs"]>(plan.inputs).toEqual([
    { path: "/data/in", type: "DIRECTORY", url: "s3://b/d//x/" },
  ]);
  expect<WrittenPlan["outputs"]>(plan.outputs).toEqual([
    { path: "/data/out", type: "DIRECTORY", url: "s3://b/o//" },
    { path: "/data/out/*.txt", type: "FILE", url: "s3://b/o", pathPrefix: "/data/out/" },
    { path: "/etc/\\*/f", type: "FILE", url: "s3://b/f" },
  ]);
  const paths: Record<string, string | undefined> = {
    workdir: "/w",
    stdout: "/data/log",
    stderr: "/data/log",
  };
  expect(plan.executors[0]).toMatchObject(paths);
  // Where the search for the escaped name looks, and not at the text.
  expect<string[] | undefined>(plan.carried).toEqual(["/etc/*/f"]);
  expect(decodePlan(encodePlan(plan))).toEqual(plan);
});

describe("outputs", () => {
  test.each([
    { title: "path_prefix goes with a wildcard", path: "/o/*", prefix: { pathPrefix: "/o" } },
    { title: "path_prefix without a wildcard is ignored", path: "/o/a", prefix: {} },
    { title: "an escaped wildcard is none", path: "/o/\\*", prefix: {} },
  ])("$title", ({ path, prefix }) => {
    const outputs = [{ path, path_prefix: "/o", url: "s3://b/k", type: "FILE" as const }];
    expect<WrittenPlan["outputs"]>(planOf({ outputs }).outputs).toEqual([
      { path, url: "s3://b/k", type: "FILE", ...prefix },
    ]);
  });
});

describe("who stages", () => {
  const url = { type: "FILE" as const, url: "s3://b/k" };
  test.each([
    { title: "no inputs: the supervisor", inputs: [], setting: "init", staging: "supervisor" },
    {
      title: "inputs: as configured (init)",
      inputs: [{ path: "/d/a", ...url }],
      setting: "init",
      staging: "init",
    },
    {
      title: "inputs: as configured (supervisor)",
      inputs: [{ path: "/d/a", ...url }],
      setting: "supervisor",
      staging: "supervisor",
    },
    {
      title: "an input that a gate brings in: the supervisor, beside the gates",
      inputs: [
        { path: "/d/a", ...url },
        { path: "//etc/./x", ...url },
      ],
      setting: "init",
      staging: "supervisor",
    },
    {
      title: "an input mounted as a single file: the init container",
      inputs: [
        { path: "/d/a", ...url },
        { path: "//etc/./hosts", ...url },
      ],
      setting: "supervisor",
      staging: "init",
    },
  ] as const)("$title", ({ inputs, setting, staging }) => {
    expect(planOf({ inputs: [...inputs] }, { staging: setting }).staging).toBe(staging);
  });
});

test("a task with inputs and a size of its disk may not stage more than that", () => {
  const task = {
    inputs: [{ path: "/in/a", type: "FILE" as const, url: "s3://b/a" }],
    resources: { disk_gb: 2 },
  };
  expect(planOf(task).workBytesMax).toBe(2 * 1024 ** 3);
  expect(planOf({ ...task, inputs: [] }).workBytesMax).toBeUndefined();
  // A claim is as large as it is.
  expect(planOf(task, { work: { kind: "ephemeral" } }).workBytesMax).toBeUndefined();
});
