// What a task may hold at most, text by text and list by list; and that few faults are told, and looked for, however many there are.
import { describe, expect, test } from "bun:test";
import { type Fault, TesError } from "../../src/tes/errors.ts";
import { limits } from "../../src/tes/limits.ts";
import { parseTask } from "../support/parse-task.ts";

const executor = { image: "i", command: ["c"] };
const task = { executors: [executor] };
const letters = (count: number): string => "x".repeat(count);
const file = (index: number) => ({ path: `/d/${index}`, url: `s3://b/${index}` });
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));
const mapOf = (count: number) => Object.fromEntries(times(count, (index) => [`k${index}`, "v"]));

function refusalOf(body: unknown): { readonly message: string; readonly faults: readonly Fault[] } {
  try {
    parseTask(body);
  } catch (error) {
    if (error instanceof TesError) return error;
    throw error;
  }
  throw new Error("It was taken");
}

const bytes = (max: number): string => `Must be at most ${max} bytes`;

describe("the longest text is taken, a letter more is refused", () => {
  test.each<{ path: string; max: number; body: (text: string) => object; message?: string }>([
    { path: "name", max: 1024, body: (name) => ({ ...task, name }) },
    { path: "description", max: 65_536, body: (description) => ({ ...task, description }) },
    { path: "executors[0].image", max: 1024, body: (image) => ({ executors: [{ ...executor, image }] }) },
    { path: "inputs[0].name", max: 1024, body: (name) => ({ ...task, inputs: [{ ...file(0), name }] }) },
    {
      path: "outputs[0].description",
      max: 65_536,
      body: (description) => ({ ...task, outputs: [{ ...file(0), description }] }),
    },
    { path: "tags.k", max: 16_384, body: (k) => ({ ...task, tags: { k } }) },
    {
      path: "resources.backend_parameters.k",
      max: 4096,
      body: (k) => ({ ...task, resources: { backend_parameters: { k } } }),
    },
    {
      path: "inputs[0].url",
      max: 32_768,
      body: (url) => ({ ...task, inputs: [{ path: "/d/f", content: "c", url }] }),
      message: "Must be at most 32768 characters",
    },
    {
      path: "outputs[0].path_prefix",
      max: 32_768,
      body: (path_prefix) => ({ ...task, outputs: [{ ...file(0), path_prefix }] }),
      message: "Must be at most 32768 characters",
    },
  ])("$path", ({ path, max, body, message = bytes(max) }) => {
    expect(() => parseTask(body(letters(max)))).not.toThrow();
    expect(refusalOf(body(letters(max + 1))).faults).toEqual([{ path, message }]);
  });

  test("bytes count, not characters", () => {
    expect(() => parseTask({ ...task, name: "é".repeat(512) })).not.toThrow();
    expect(refusalOf({ ...task, name: "é".repeat(513) }).faults).toEqual([
      { path: "name", message: bytes(1024) },
    ]);
  });

  test("the key of a tag, which the fault shows the beginning of", () => {
    expect(() => parseTask({ ...task, tags: { [letters(1024)]: "v" } })).not.toThrow();
    const [fault] = refusalOf({ ...task, tags: { [letters(1025)]: "v" } }).faults;
    expect(fault).toEqual({ path: `tags.${letters(1019)}…`, message: bytes(1024) });
  });
});

describe("the longest list is taken, an element more is refused", () => {
  test.each<{ path: string; max: number; body: (count: number) => object }>([
    { path: "inputs", max: 10_000, body: (count) => ({ ...task, inputs: times(count, file) }) },
    { path: "outputs", max: 10_000, body: (count) => ({ ...task, outputs: times(count, file) }) },
    {
      path: "executors[0].command",
      max: 16_384,
      body: (count) => ({ executors: [{ ...executor, command: times(count, String) }] }),
    },
    {
      path: "executors[0].env",
      max: 1024,
      body: (count) => ({ executors: [{ ...executor, env: mapOf(count) }] }),
    },
    { path: "executors", max: 64, body: (count) => ({ executors: times(count, () => executor) }) },
    { path: "tags", max: 256, body: (count) => ({ ...task, tags: mapOf(count) }) },
    {
      path: "volumes",
      max: 256,
      body: (count) => ({ ...task, volumes: times(count, (index) => `/v/${index}`) }),
    },
  ])("$path", ({ path, max, body }) => {
    expect(() => parseTask(body(max))).not.toThrow();
    for (const count of [max + 1, 2 * max]) {
      expect(refusalOf(body(count)).faults).toEqual([
        { path, message: expect.stringMatching(new RegExp(`${max}|${max.toLocaleString("en")}`)) },
      ]);
    }
  });
});

describe("a hundred faults are told of", () => {
  test.each<{ title: string; body: object; first: Fault }>([
    {
      title: "arguments that are no text",
      body: { executors: [{ image: "i", command: times(16_000, () => 1) }] },
      first: {
        path: "executors[0].command[0]",
        message: "Invalid input: expected string, received number",
      },
    },
    {
      title: "arguments of many executors",
      body: { executors: times(64, () => ({ image: "i", command: times(3000, () => "\0") })) },
      first: { path: "executors[0].command[0]", message: "Must not hold a NUL character" },
    },
    {
      title: "inputs that are nothing",
      body: { ...task, inputs: times(100_000, () => ({})) },
      first: { path: "inputs", message: "Too big: expected array to have <=10000 items" },
    },
    {
      title: "outputs wrong in every field, after many that are right",
      body: {
        ...task,
        outputs: [...times(5000, file), ...times(5000, () => ({ name: 1, url: 1, path: 1, type: 1 }))],
      },
      first: { path: "outputs[5000].name", message: "Invalid input: expected string, received number" },
    },
    {
      title: "variables",
      body: {
        executors: [{ ...executor, env: Object.fromEntries(times(50_000, (index) => [`k${index}`, 1])) }],
      },
      first: { path: "executors[0].env.k0", message: "Invalid input: expected string, received number" },
    },
  ])("$title", ({ body, first }) => {
    const { faults, message } = refusalOf(body);
    expect(message).toBe("Task is not valid: 100 faults are told, there are more");
    expect(faults).toHaveLength(limits.faultsMax);
    expect(faults[0]).toEqual(first);
    expect(JSON.stringify(faults).length).toBeLessThan(300_000);
  });

  test("and their words are short, whatever was sent", () => {
    const tags = Object.fromEntries(times(200, (index) => [`${letters(100_000)}${index}`, 1]));
    expect(JSON.stringify(refusalOf({ ...task, tags }).faults).length).toBeLessThan(300_000);
  });
});

test("paths that are too long together are refused before they are looked at", () => {
  const deep = (count: number) =>
    times(count, (index) => ({ ...file(index), path: `/${"d/".repeat(1000)}${index}` }));
  expect(() => parseTask({ ...task, inputs: deep(1000), outputs: deep(1000) })).not.toThrow();
  expect(refusalOf({ ...task, inputs: deep(1000), outputs: deep(1100) }).faults).toEqual([
    {
      path: "inputs",
      message: "All paths of inputs and outputs together must be at most 4194304 characters",
    },
  ]);
});

test("a long list is read as a short one is: the same task, faults at their own index", () => {
  const inputs = times(250, (index) => ({ ...file(index), unknown: 1 }));
  const read = parseTask({ ...task, name: "n", inputs, tags: { k: "v" } });
  expect(read).toEqual({
    name: "n",
    inputs: times(250, (index) => ({ ...file(index), type: "FILE" })),
    ...task,
    tags: { k: "v" },
  });
  expect(Object.keys(read)).toEqual(["name", "inputs", "executors", "tags"]);
  const wrong = inputs.with(201, { ...file(0), path: "relative", unknown: 1 });
  expect(refusalOf({ ...task, inputs: wrong, volumes: ["x"] }).faults.map(({ path }) => path)).toEqual([
    "inputs[201].path",
    "volumes[0]",
  ]);
});
