// parseTask: what real clients send is taken, and every fault of what is wrong is named with its path.
import { describe, expect, test } from "bun:test";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { type Fault, TesError } from "../../src/tes/errors.ts";
import { limits } from "../../src/tes/limits.ts";
import { parseTask } from "../support/parse-task.ts";

const executors = [{ image: "busybox", command: ["true"] }];

function faultsOf(body: unknown): readonly Fault[] {
  try {
    parseTask(body);
    return [];
  } catch (error) {
    if (error instanceof TesError) return error.faults;
    throw error;
  }
}

describe("is lenient", () => {
  test.each([
    {
      title: "null for every optional and read-only key (Galaxy, Pulsar)",
      body: {
        id: null,
        state: null,
        name: null,
        description: null,
        inputs: null,
        outputs: null,
        resources: null,
        volumes: null,
        tags: null,
        logs: null,
        creation_time: null,
        executors: [
          {
            image: "i",
            command: ["c"],
            workdir: null,
            stdin: null,
            stdout: null,
            stderr: null,
            env: null,
            ignore_error: null,
          },
        ],
      },
      task: { executors: [{ image: "i", command: ["c"] }] },
    },
    {
      title: "null within what is given",
      body: { executors, inputs: [{ url: "s3://b/k", path: "/a/b", name: null, content: null, type: null }] },
      task: { executors, inputs: [{ url: "s3://b/k", path: "/a/b", type: "FILE" }] },
    },
    {
      title: "null values in maps (Cromwell's backend parameters)",
      body: { executors, resources: { backend_parameters: { a: null, b: "c" } } },
      task: { executors, resources: { backend_parameters: { b: "c" } } },
    },
    {
      title: "camelCase of the funnel command line",
      body: {
        executors: [{ image: "i", command: ["c"], ignoreError: true }],
        outputs: [{ url: "s3://b/", path: "/o/*", pathPrefix: "/o" }],
        resources: {
          cpuCores: 1,
          ramGb: 2,
          diskGb: 3,
          backendParameters: { cpuCores: "kept" },
          backendParametersStrict: false,
        },
      },
      task: {
        executors: [{ image: "i", command: ["c"], ignore_error: true }],
        outputs: [{ url: "s3://b/", path: "/o/*", path_prefix: "/o", type: "FILE" }],
        resources: {
          cpu_cores: 1,
          ram_gb: 2,
          disk_gb: 3,
          backend_parameters: { cpuCores: "kept" },
          backend_parameters_strict: false,
        },
      },
    },
    {
      title: "keys of the user's own maps that look like ours",
      body: {
        executors: [{ image: "i", command: ["c"], env: { ramGb: "1" } }],
        tags: { ramGb: "2", ignoreError: "3" },
      },
      task: {
        executors: [{ image: "i", command: ["c"], env: { ramGb: "1" } }],
        tags: { ramGb: "2", ignoreError: "3" },
      },
    },
    {
      title: "read-only keys are ignored",
      body: { executors, id: "mine", state: "COMPLETE", logs: [{}], creation_time: "never" },
      task: { executors },
    },
    {
      title: "unknown keys are ignored",
      body: { executors, project: "x", executors2: [] },
      task: { executors },
    },
    {
      title: "type missing is FILE",
      body: {
        executors,
        inputs: [{ url: "s3://b/u", path: "/a/b" }],
        outputs: [{ url: "s3://b/u", path: "/a/b" }],
      },
      task: {
        executors,
        inputs: [{ url: "s3://b/u", path: "/a/b", type: "FILE" }],
        outputs: [{ url: "s3://b/u", path: "/a/b", type: "FILE" }],
      },
    },
    {
      title: "a path_prefix without wildcards, whatever it is",
      body: { executors, outputs: [{ url: "s3://b/u", path: "/a/b", path_prefix: "not/absolute" }] },
      task: {
        executors,
        outputs: [{ url: "s3://b/u", path: "/a/b", path_prefix: "not/absolute", type: "FILE" }],
      },
    },
    {
      title: "empty lists are kept (Snakemake)",
      body: { executors, outputs: [], inputs: [] },
      task: { executors, outputs: [], inputs: [] },
    },
    {
      title: "content with a url",
      body: { executors, inputs: [{ url: "s3://b/k", path: "/a/b", content: "x" }] },
      task: { executors, inputs: [{ url: "s3://b/k", path: "/a/b", content: "x", type: "FILE" }] },
    },
    {
      title: "empty content without a url",
      body: { executors, inputs: [{ path: "/a/b", content: "" }] },
      task: { executors, inputs: [{ path: "/a/b", content: "", type: "FILE" }] },
    },
    {
      title: "a url without a scheme (Nextflow with a local work folder)",
      body: { executors, inputs: [{ url: "/shared/to/file", path: "/a/b" }] },
      task: { executors, inputs: [{ url: "/shared/to/file", path: "/a/b", type: "FILE" }] },
    },
    {
      title: "fractions of cores and gigabytes",
      body: { executors, resources: { cpu_cores: 0.5, ram_gb: 0.0625, disk_gb: 1 } },
      task: { executors, resources: { cpu_cores: 0.5, ram_gb: 0.0625, disk_gb: 1 } },
    },
    {
      title: 'empty texts where they stand for "not set"',
      body: {
        executors: [
          { image: "i", command: ["c"], workdir: "", stdin: "", stdout: "", stderr: "", ignore_error: "" },
        ],
        inputs: [{ url: "s3://b/k", path: "/a/b", type: "", content: "", streamable: "" }],
        outputs: [{ url: "s3://b/k", path: "/a/b", type: "", path_prefix: "" }],
        resources: { cpu_cores: "", ram_gb: "", disk_gb: "", preemptible: "", zones: [""] },
      },
      task: {
        executors: [{ image: "i", command: ["c"] }],
        inputs: [{ url: "s3://b/k", path: "/a/b", type: "FILE", content: "" }],
        outputs: [{ url: "s3://b/k", path: "/a/b", type: "FILE", path_prefix: "" }],
        resources: {},
      },
    },
    {
      title: "empty texts that are values",
      body: {
        executors: [{ image: "i", command: ["c", ""], env: { workdir: "" } }],
        name: "",
        description: "",
        tags: { stdout: "", type: "" },
        resources: { backend_parameters: { zones: "" }, zones: [] },
      },
      task: {
        executors: [{ image: "i", command: ["c", ""], env: { workdir: "" } }],
        name: "",
        description: "",
        tags: { stdout: "", type: "" },
        resources: { backend_parameters: { zones: "" }, zones: [] },
      },
    },
    {
      title: "names of variables that no shell could hold",
      body: {
        executors: [{ image: "i", command: ["c"], env: { "my.var": "1", "my-var": "2", "1 ü": "3" } }],
      },
      task: {
        executors: [{ image: "i", command: ["c"], env: { "my.var": "1", "my-var": "2", "1 ü": "3" } }],
      },
    },
    {
      title: "argv and env are kept byte for byte",
      body: {
        executors: [{ image: "i", command: ["", " a\n", "$(X)", "ü😀"], env: { A: "$(B)", _b1: "" } }],
      },
      task: {
        executors: [{ image: "i", command: ["", " a\n", "$(X)", "ü😀"], env: { A: "$(B)", _b1: "" } }],
      },
    },
    {
      title: "tags that no label could hold",
      body: { executors, tags: { "a/b c": "x".repeat(100), "": "" } },
      task: { executors, tags: { "a/b c": "x".repeat(100), "": "" } },
    },
    {
      title: "workdir / and folders of the image",
      body: { executors: [{ image: "i", command: ["c"], workdir: "/" }] },
      task: { executors: [{ image: "i", command: ["c"], workdir: "/" }] },
    },
    {
      title: "folders that Snakemake, Nextflow and cwl-tes mount",
      body: { executors, volumes: ["/tmp", "/work/", "/var/lib/cwl/stg1"] },
      task: { executors, volumes: ["/tmp", "/work/", "/var/lib/cwl/stg1"] },
    },
  ])("$title", ({ body, task }) => {
    expect(parseTask(body, [normalizePath("/shared")]) as unknown).toEqual(task);
  });

  test("content of 128 KiB and up to the limit is taken", () => {
    const content = "ü".repeat(limits.contentBytesMax / 2);
    expect(parseTask({ executors, inputs: [{ path: "/a/b", content }] }).inputs?.[0]?.content).toBe(content);
  });

  test("a key named __proto__ harms nothing", () => {
    const task = parseTask(
      JSON.parse('{"executors":[{"image":"i","command":["c"]}],"__proto__":{"name":"x"}}'),
    );
    expect(task.name).toBeUndefined();
  });
});

const input = (fields: object) => ({ executors, inputs: [{ url: "s3://b/k", path: "/a/b", ...fields }] });
const output = (fields: object) => ({ executors, outputs: [{ url: "s3://b/k", path: "/a/b", ...fields }] });
const executor = (fields: object) => ({ executors: [{ image: "i", command: ["c"], ...fields }] });
const tooMany = (count: number, item: unknown) => Array.from({ length: count + 1 }, () => item);

const noFile = "Must be the path of a file, not of a system folder";
const noFolder =
  "Needs a mount of a system directory, which would hide the image's files; use a directory such as /data";

describe("names every fault with its path", () => {
  test.each([
    { title: "no executors", body: {}, faults: { executors: "Required" } },
    {
      title: "empty executors",
      body: { executors: [] },
      faults: { executors: "Must have at least one executor" },
    },
    {
      title: "more executors than containers",
      body: { executors: tooMany(limits.executorsMax, executors[0]) },
      faults: { executors: `Must have at most ${limits.executorsMax} executors` },
    },
    {
      title: "an executor without anything",
      body: { executors: [{}] },
      faults: { "executors[0].image": "Required", "executors[0].command": "Required" },
    },
    {
      title: "empty command",
      body: executor({ command: [] }),
      faults: { "executors[0].command": "Must have at least one element" },
    },
    {
      title: "an image with a space",
      body: executor({ image: "a b" }),
      faults: { "executors[0].image": "Must be the name of a container image" },
    },
    {
      title: "a command that is a string",
      body: executor({ command: "true" }),
      faults: { "executors[0].command": "Invalid input: expected array, received string" },
    },
    {
      title: "a number among the arguments",
      body: executor({ command: ["a", 1] }),
      faults: { "executors[0].command[1]": "Invalid input: expected string, received number" },
    },
    {
      title: "NUL in an argument",
      body: executor({ command: ["a\0b"] }),
      faults: { "executors[0].command[0]": "Must not hold a NUL character" },
    },
    {
      title: "half a surrogate pair",
      body: executor({ command: ["a\ud83d"] }),
      faults: { "executors[0].command[0]": "Must not hold half a surrogate pair" },
    },
    {
      title: "more tags than there may be",
      body: {
        executors: [{ image: "i", command: ["c"] }],
        tags: Object.fromEntries(
          Array.from({ length: limits.tagsMax + 1 }, (_, number) => [`k${number}`, ""]),
        ),
      },
      faults: { tags: `Must be at most ${limits.tagsMax} tags` },
    },
    {
      title: "an argument larger than the kernel takes",
      body: executor({ command: ["a".repeat(limits.argumentBytesMax + 1)] }),
      faults: {
        "executors[0].command[0]": `Must be at most ${limits.argumentBytesMax} bytes, the kernel's limit for one argument`,
      },
    },
    {
      title: "names of variables that no process can have",
      body: executor({ env: { "a=b": "x", "": "x", "a\0": "x", "\ud800": "x" } }),
      faults: {
        "executors[0].env.a=b": 'Must not be empty or hold "="',
        "executors[0].env.": 'Must not be empty or hold "="',
        "executors[0].env.a\0": "Must not hold a NUL character or half a surrogate pair",
        "executors[0].env.\ud800": "Must not hold a NUL character or half a surrogate pair",
      },
    },
    {
      title: "relative paths",
      body: executor({ workdir: "a", stdin: "b", stdout: "c", stderr: "d" }),
      faults: {
        "executors[0].workdir": "Must be an absolute path",
        "executors[0].stdin": "Must be an absolute path",
        "executors[0].stdout": "Must be an absolute path",
        "executors[0].stderr": "Must be an absolute path",
      },
    },
    {
      title: "stdout at a folder",
      body: executor({ stdout: "/" }),
      faults: { "executors[0].stdout": noFile },
    },
    {
      title: "input without path",
      body: { executors, inputs: [{ url: "s3://b/k" }] },
      faults: { "inputs[0].path": "Required" },
    },
    {
      title: "input without url and content",
      body: { executors, inputs: [{ path: "/a/b" }] },
      faults: { "inputs[0].url": "Required unless content is set" },
    },
    {
      title: "input with an empty url",
      body: input({ url: "" }),
      faults: { "inputs[0].url": "Required unless content is set" },
    },
    {
      title: "input with a relative path",
      body: input({ path: "a" }),
      faults: { "inputs[0].path": "Must be an absolute path" },
    },
    {
      title: "input with ..",
      body: input({ path: "/a/../etc/x" }),
      faults: { "inputs[0].path": 'Must not contain ".."' },
    },
    {
      title: "input into /proc",
      body: input({ path: "/proc/x" }),
      faults: { "inputs[0].path": "Must not lie in /proc" },
    },
    {
      title: "input into /sys",
      body: input({ path: "//sys/./x" }),
      faults: { "inputs[0].path": "Must not lie in /sys" },
    },
    {
      title: "input into /dev",
      body: input({ path: "/dev/shm/x" }),
      faults: { "inputs[0].path": "Must not lie in /dev" },
    },
    {
      title: "input into our folder",
      body: input({ path: "/.tes/x" }),
      faults: { "inputs[0].path": "Must not lie in /.tes" },
    },
    { title: "a file at /", body: input({ path: "/" }), faults: { "inputs[0].path": noFile } },
    { title: "a file at /etc", body: input({ path: "/etc/" }), faults: { "inputs[0].path": noFile } },
    {
      title: "a folder at /etc/x",
      body: input({ path: "/etc/x", type: "DIRECTORY" }),
      faults: { "inputs[0].path": noFolder },
    },
    {
      title: "a folder at a relative path, said once",
      body: input({ path: "x", type: "DIRECTORY" }),
      faults: { "inputs[0].path": "Must be an absolute path" },
    },
    {
      title: "an unknown type",
      body: input({ type: "LINK" }),
      faults: { "inputs[0].type": 'Invalid option: expected one of "FILE"|"DIRECTORY"' },
    },
    {
      title: "content above the limit",
      body: input({ content: "ü".repeat(limits.contentBytesMax / 2 + 1) }),
      faults: {
        "inputs[0].content": `Must be at most ${limits.contentBytesMax} bytes; put larger content into storage and give its url`,
      },
    },
    {
      title: "content above the limit of all together",
      body: {
        executors,
        inputs: tooMany(limits.contentBytesTotalMax / limits.contentBytesMax, {
          path: "/a/b",
          content: "x".repeat(limits.contentBytesMax),
        }),
      },
      faults: { inputs: `All content together must be at most ${limits.contentBytesTotalMax} bytes` },
    },
    {
      title: "output without url",
      body: { executors, outputs: [{ path: "/a/b" }] },
      faults: { "outputs[0].url": "Required" },
    },
    {
      title: "URLs that lead nowhere, each of them",
      body: {
        executors,
        inputs: [
          { url: "gs://b/k", path: "/a/0" },
          { url: "s3://b/k", path: "/a/1" },
          { url: "gs://ignored", content: "x", path: "/a/2" },
          { url: "/shared/f", path: "/a/3" },
        ],
        outputs: [
          { url: "s3://brand-new-bucket", path: "/a/4" },
          { url: "s3://b", path: "/a/5", type: "DIRECTORY" },
          { url: "https://h/d#x", path: "/a/d/*", path_prefix: "/a" },
        ],
      },
      faults: {
        "inputs[0].url": expect.stringContaining("the scheme gs is not supported"),
        "inputs[3].url": expect.stringContaining("this installation shares no files"),
        "outputs[0].url": expect.stringContaining("it names a bucket and no object in it"),
        "outputs[2].url": expect.stringContaining('what follows "#" is not sent'),
      },
    },
    {
      title: "a URL and what is wrong beside it",
      body: { executors: [{}], inputs: [{ url: "gs://b/k", path: "relative" }] },
      faults: {
        "executors[0].image": "Required",
        "executors[0].command": "Required",
        "inputs[0].path": "Must be an absolute path",
        "inputs[0].url": expect.stringContaining("the scheme gs is not supported"),
      },
    },
    {
      title: "output with an empty url",
      body: output({ url: "" }),
      faults: { "outputs[0].url": "Must not be empty" },
    },
    {
      title: "a wildcard without path_prefix",
      body: output({ path: "/a/*" }),
      faults: { "outputs[0].path_prefix": "Required when path contains wildcards" },
    },
    {
      title: "a path_prefix that is none",
      body: output({ path: "/a/*", path_prefix: "/b" }),
      faults: { "outputs[0].path_prefix": "Must be a prefix of path" },
    },
    {
      title: "a path_prefix that goes on after the first wildcard",
      body: output({ path: "/o/*/x", path_prefix: "/o/*" }),
      faults: {
        "outputs[0].path_prefix":
          "Must end before the first wildcard of path: what comes up begins with it, letter by letter",
      },
    },
    {
      title: "a wildcard's folder that is a system folder once its escapes are read",
      body: output({ path: "/\\u\\sr/*", path_prefix: "/" }),
      faults: {
        "outputs[0].path": noFolder,
      },
    },
    {
      title: "an empty path_prefix",
      body: output({ path: "/a/*", path_prefix: "" }),
      faults: { "outputs[0].path_prefix": "Must be an absolute path" },
    },
    {
      title: "a wildcard right below /",
      body: output({ path: "/*.txt", path_prefix: "/" }),
      faults: { "outputs[0].path": noFolder },
    },
    {
      title: "a wildcard in /usr",
      body: output({ path: "/usr/lib/*", path_prefix: "/usr" }),
      faults: { "outputs[0].path": noFolder },
    },
    {
      title: "an output folder /root",
      body: output({ path: "/root", type: "DIRECTORY" }),
      faults: { "outputs[0].path": noFolder },
    },
    { title: "an output file /var", body: output({ path: "/var" }), faults: { "outputs[0].path": noFile } },
    { title: "a volume at /", body: { executors, volumes: ["/a", "/"] }, faults: { "volumes[1]": noFolder } },
    {
      title: "a relative volume",
      body: { executors, volumes: ["a"] },
      faults: { "volumes[0]": "Must be an absolute path" },
    },
    {
      title: "negative cores",
      body: { executors, resources: { cpu_cores: -1 } },
      faults: { "resources.cpu_cores": "Too small: expected number to be >=0" },
    },
    {
      title: "memory as a string",
      body: { executors, resources: { ram_gb: "1" } },
      faults: { "resources.ram_gb": "Invalid input: expected number, received string" },
    },
    {
      title: "a tag that is a number",
      body: { executors, tags: { a: 1 } },
      faults: { "tags.a": "Invalid input: expected string, received number" },
    },
    {
      title: "several faults at once",
      body: {
        executors: [{ image: "i", command: [] }],
        inputs: [{ path: "a", url: "s3://b/u" }],
        outputs: [{ url: "s3://b/u" }],
      },
      faults: {
        "executors[0].command": "Must have at least one element",
        "inputs[0].path": "Must be an absolute path",
        "outputs[0].path": "Required",
      },
    },
  ])("$title", ({ body, faults }) => {
    const found = faultsOf(body);
    expect(Object.fromEntries(found.map(({ path, message }) => [path, message]))).toEqual(faults);
    // Each is said once.
    expect(found).toHaveLength(Object.keys(faults).length);
  });

  test.each([
    { title: "null", body: null },
    { title: "a list", body: [] },
    { title: "a string", body: "task" },
    { title: "a number", body: 1 },
  ])("$title is no task", ({ body }) => {
    expect(faultsOf(body)).toEqual([{ path: "", message: expect.stringContaining("expected object") }]);
  });

  test("what is nested without an end is refused before it is walked", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`);
    expect(() => parseTask({ executors, tags: deep })).toThrow("Body is nested deeper than 16 levels");
  });
});
