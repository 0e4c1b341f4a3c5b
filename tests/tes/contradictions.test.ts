// Which paths of one task may stand beside one another, pair by pair, and which are refused with the fields of both.
import { describe, expect, test } from "bun:test";
import { type Fault, TesError } from "../../src/tes/errors.ts";
import { limits } from "../../src/tes/limits.ts";
import { clientBodies } from "../support/client-bodies.ts";
import { parseTask } from "../support/parse-task.ts";

const faultsOf = (body: object): readonly Fault[] => {
  try {
    parseTask({ executors: [{ image: "i", command: ["c"] }], ...body });
    return [];
  } catch (error) {
    if (error instanceof TesError) return error.faults;
    throw error;
  }
};

const url = "s3://b/k";
const file = (path: string) => ({ url, path });
const said = (path: string) => ({ url, path, type: "FILE" });
const folder = (path: string) => ({ url, path, type: "DIRECTORY" });
const inline = (path: string) => ({ path, content: "x" });
const slash = (path: string) => ({ url: "s3://b/dir/", path });
const glob = (path: string) => ({ url, path, path_prefix: "/w" });
const run = (fields: object) => ({ executors: [{ image: "i", command: ["c"], ...fields }] });

describe("taken", () => {
  test.each([
    ["two inputs of one path: the later wins", { inputs: [file("/w/a"), inline("/w//a/")] }],
    ["two folders of one path", { inputs: [folder("/w"), folder("/w")] }],
    ["inputs in a folder that is an input", { inputs: [folder("/w"), inline("/w/a/b"), folder("/w/c")] }],
    ["an input in what is a folder by its URL", { inputs: [slash("/w/a"), inline("/w/a/b")] }],
    ["names that begin alike", { inputs: [inline("/w/a"), inline("/w/a-b"), inline("/w/ab/c")] }],
    ["inputs in a volume (Galaxy, Pulsar)", { volumes: ["/w"], inputs: [file("/w/sub/f"), folder("/w/d")] }],
    [
      "a folder at a volume, and around one",
      { volumes: ["/w", "/x/v"], inputs: [folder("/w"), folder("/x")] },
    ],
    ["volumes in volumes, and twice", { volumes: ["/w", "/w/v", "/w/"] }],
    ["an input that is stdin", { inputs: [file("/w/in")], ...run({ stdin: "/w/in" }) }],
    ["an input that is written by stdout", { inputs: [inline("/w/x")], ...run({ stdout: "/w/x" }) }],
    ["stdout and stderr in one file", run({ stdout: "/w/log", stderr: "/w/log" })],
    [
      "the stdout of one executor as the next one's stdin",
      {
        executors: [
          { image: "i", command: ["c"], stdout: "/w/x" },
          { image: "i", command: ["c"], stdin: "/w/x" },
        ],
      },
    ],
    ["a redirect in what an input may be", { inputs: [said("/w/a")], ...run({ stdout: "/w/a/log" }) }],
    [
      "redirects in workdir and volume",
      { volumes: ["/v"], ...run({ workdir: "/w", stdout: "/w/o", stderr: "/v/e" }) },
    ],
    ["workdir in a volume, at one, around one", { volumes: ["/w", "/x/v"], ...run({ workdir: "/w/sub" }) }],
    ["workdir /", { inputs: [file("/w/a")], ...run({ workdir: "/" }) }],
    ["an input that is an output (Cromwell)", { inputs: [inline("/w/s")], outputs: [file("/w/s")] }],
    [
      "an input folder that is an output",
      { inputs: [folder("/w/d")], outputs: [folder("/w/d"), file("/w/d")] },
    ],
    [
      "an output in what an input may be",
      { inputs: [said("/w/a")], outputs: [file("/w/a/new"), folder("/w/a")] },
    ],
    ["an output without a type at a volume", { volumes: ["/w"], outputs: [file("/w")] }],
    ["an output without a type at the workdir", { outputs: [file("/w")], ...run({ workdir: "/w" }) }],
    [
      "outputs that overlap (cwl-tes)",
      { outputs: [said("/w/f"), folder("/w"), said("/w/f/g"), glob("/w/*")] },
    ],
    ["an output that is stdout", { outputs: [said("/w/log")], ...run({ stdout: "/w/log" }) }],
    ["content that is empty beside the url of a folder", { inputs: [{ ...folder("/w"), content: "" }] }],
    ["a pattern longer than a name", { outputs: [glob(`/w/[${"ab".repeat(200)}]`)] }],
    ["names of 255 bytes", { inputs: [inline(`/w/${"ü".repeat(127)}x`)], volumes: [`/${"v".repeat(255)}`] }],
    ["a path of 4095 bytes", { inputs: [inline(`/w${"/n".repeat(2046)}x`)] }],
  ])("%s", (_, body) => {
    expect(faultsOf(body)).toEqual([]);
  });

  test.each(clientBodies.map(({ client, body }) => ({ client, body })))("what $client sends", ({ body }) => {
    const sent = body({ image: "i", storage: "s3://bucket/prefix" }) as { executors: object[] };
    expect(faultsOf(sent)).toEqual([]);
  });
});

const contentFault = {
  "inputs[0].content": "Must not be set with type DIRECTORY: it is the text of a file",
};
const longName = "Cannot be used: a name in a path has at most 255 bytes";
const noFolder = (field: string) => `Must not be a folder where ${field} is a file`;
const notIn = (field: string) => `Must not lie in ${field}, which is a file`;

describe("refused", () => {
  test.each<[string, object, Record<string, string>]>([
    ["content of a folder", { inputs: [{ type: "DIRECTORY", content: "x", path: "/data/d" }] }, contentFault],
    [
      "empty content of a folder",
      { inputs: [{ type: "DIRECTORY", content: "", path: "/data/d" }] },
      contentFault,
    ],
    [
      "a file above another input",
      { inputs: [inline("/w/a/b"), file("/w/a"), folder("/w/a/c/d")] },
      { "inputs[0].path": notIn("inputs[1].path"), "inputs[2].path": notIn("inputs[1].path") },
    ],
    [
      "a file and a folder at one path",
      { inputs: [folder("/w/a"), file("/w/./a")] },
      { "inputs[0].path": noFolder("inputs[1].path") },
    ],
    [
      "a file at a volume",
      { volumes: ["/w"], inputs: [file("/w")] },
      { "volumes[0]": noFolder("inputs[0].path") },
    ],
    [
      "a file above a volume",
      { volumes: ["/w/v"], inputs: [said("/w")] },
      { "volumes[0]": notIn("inputs[0].path") },
    ],
    [
      "a file at a workdir",
      { inputs: [inline("/w")], ...run({ workdir: "/w/" }) },
      { "executors[0].workdir": noFolder("inputs[0].path") },
    ],
    [
      "a file above a workdir",
      { inputs: [file("/w")], ...run({ workdir: "/w/sub" }) },
      { "executors[0].workdir": notIn("inputs[0].path") },
    ],
    [
      "redirects in inline content",
      { inputs: [inline("/w/a")], ...run({ stdin: "/w/a/in", stdout: "/w/a/out" }) },
      { "executors[0].stdin": notIn("inputs[0].path"), "executors[0].stdout": notIn("inputs[0].path") },
    ],
    [
      "redirects at folders",
      {
        inputs: [folder("/w/d")],
        volumes: ["/v"],
        ...run({ stdin: "/w/d", stdout: "/v", stderr: "/x", workdir: "/x" }),
      },
      {
        "inputs[0].path": noFolder("executors[0].stdin"),
        "volumes[0]": noFolder("executors[0].stdout"),
        "executors[0].workdir": noFolder("executors[0].stderr"),
      },
    ],
    [
      "redirects above others",
      { inputs: [file("/w/out/a")], ...run({ stdout: "/w/out", stderr: "/w/out/err" }) },
      { "inputs[0].path": notIn("executors[0].stdout"), "executors[0].stderr": notIn("executors[0].stdout") },
    ],
    [
      "outputs in files",
      {
        inputs: [inline("/w/a")],
        outputs: [file("/w/a/x"), folder("/w/a"), glob("/w/log/*")],
        ...run({ stdout: "/w/log" }),
      },
      {
        "outputs[0].path": notIn("inputs[0].path"),
        "outputs[1].path": noFolder("inputs[0].path"),
        "outputs[2].path": noFolder("executors[0].stdout"),
      },
    ],
    [
      "an output that was sent as a file at folders",
      { inputs: [folder("/w/d")], volumes: ["/v"], outputs: [said("/w/d"), said("/v")] },
      { "inputs[0].path": noFolder("outputs[0].path"), "volumes[0]": noFolder("outputs[1].path") },
    ],
    [
      "an output that was sent as a file above an input, a workdir and a redirect",
      { inputs: [file("/w/a")], outputs: [said("/w")], ...run({ workdir: "/w/b", stdout: "/w/c" }) },
      {
        "inputs[0].path": notIn("outputs[0].path"),
        "executors[0].workdir": notIn("outputs[0].path"),
        "executors[0].stdout": notIn("outputs[0].path"),
      },
    ],
    [
      "names and paths longer than the kernel has room for",
      {
        inputs: [inline(`/w/${"ü".repeat(128)}`), inline(`/w${"/n".repeat(2047)}`)],
        outputs: [file(`/w/${"n".repeat(256)}`), glob(`/w/${"n".repeat(256)}/*`)],
        volumes: [`/${"v".repeat(256)}`],
        ...run({ workdir: `/${"v".repeat(256)}`, stdout: `/w/${"o".repeat(256)}` }),
      },
      {
        "inputs[0].path": longName,
        "inputs[1].path": "Cannot be used: a path has at most 4095 bytes",
        "outputs[0].path": longName,
        "outputs[1].path": longName,
        "volumes[0]": longName,
        "executors[0].workdir": longName,
        "executors[0].stdout": longName,
      },
    ],
    [
      "contradictions beside other faults",
      { inputs: [inline("/w"), inline("/w/a"), inline("relative")], ...run({ command: [] }) },
      {
        "executors[0].command": "Must have at least one element",
        "inputs[2].path": "Must be an absolute path",
        "inputs[1].path": notIn("inputs[0].path"),
      },
    ],
  ])("%s", (_, body, faults) => {
    const found = faultsOf(body);
    expect(Object.fromEntries(found.map(({ path, message }) => [path, message]))).toEqual(faults);
    expect(found).toHaveLength(Object.keys(faults).length);
  });

  test("of very many, a bounded number is told", () => {
    const inputs = [
      inline("/w"),
      ...Array.from({ length: limits.inputsMax - 1 }, (_, index) => file(`/w/${index}`)),
    ];
    expect(faultsOf({ inputs })).toHaveLength(limits.faultsMax);
  });
});
