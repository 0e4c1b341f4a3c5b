// cutLists: every list and map of a task has one element too many at most, and what needs no cut is not copied.
import { expect, test } from "bun:test";
import { cutLists } from "../../src/tes/cut-lists.ts";
import { limits } from "../../src/tes/limits.ts";
import { parsingTask } from "../../src/tes/parse-task.ts";

const list = Array.from({ length: 20_000 }, (_, index) => ({ index }));
const map = Object.fromEntries(list.map((_, index) => [`k${index}`, "v"]));

test("each is cut to one more than may be", () => {
  const executor = { image: "i", command: list, env: map };
  const cut = cutLists({
    inputs: list,
    outputs: list,
    volumes: list,
    tags: map,
    resources: { cpu_cores: 1, zones: list, backend_parameters: map },
    executors: Array.from({ length: 100 }, () => executor),
    unknown: list,
  }) as Record<string, never>;
  const { inputs, outputs, volumes, tags, resources, executors, unknown } = cut as Record<string, object>;
  const { cpu_cores, zones, backend_parameters } = resources as Record<string, object>;
  const [first] = executors as Record<string, object>[];
  const lengths = [inputs, outputs, volumes, tags, zones, backend_parameters, executors].map(
    (value) => Object.keys(value ?? {}).length - 1,
  );
  expect(lengths).toEqual([10_000, 10_000, 256, 256, 64, 64, 64]);
  expect(Object.keys(first?.["command"] ?? {})).toHaveLength(limits.argumentsMax + 1);
  expect(Object.keys(first?.["env"] ?? {})).toHaveLength(limits.environmentMax + 1);
  expect([cpu_cores, first?.["image"], unknown]).toEqual([1, "i", list] as unknown as object[]);
});

test.each([
  null,
  "text",
  [1],
  { executors: 7, tags: "x", resources: null },
  { executors: [{ command: [] }] },
])("%p stays as it is", (body) => {
  expect(cutLists(body)).toBe(body);
});

test("a list of thousands is read no further once there are faults enough", () => {
  const steps = parsingTask({ executors: [{ image: "i", command: ["c"] }], inputs: list, outputs: list });
  let count = 0;
  expect(() => {
    while (!steps.next().done) count += 1;
  }).toThrow("there are more");
  expect(count).toBeLessThan(10);
});
