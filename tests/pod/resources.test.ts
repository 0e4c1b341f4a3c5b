// TES resources as requests and limits.
import { describe, expect, test } from "bun:test";
import { diskSize, executorResources } from "../../src/pod/resources.ts";
import type { Resources } from "../../src/tes/task.ts";
import { makeOffer, makeSettings } from "../support/make.ts";

const settings = makeSettings({ offer: makeOffer({ gpusMax: 4 }) });
const { defaults } = settings;

describe("of one executor", () => {
  const fallback = { cpu: "100m", memory: "128Mi" };
  const none = { cpu: "0", memory: "0" };
  test.each([
    {
      title: "none asked: defaults, no limit",
      executor: 0,
      asked: undefined,
      expected: { requests: fallback },
    },
    { title: "a later executor requests nothing", executor: 1, asked: {}, expected: { requests: none } },
    {
      title: "whole cores and gigabytes",
      executor: 0,
      asked: { cpu_cores: 2, ram_gb: 4 },
      expected: { requests: { cpu: "2000m", memory: "4096Mi" }, limits: { cpu: "2000m", memory: "4096Mi" } },
    },
    {
      title: "a later executor is limited like the first",
      executor: 3,
      asked: { cpu_cores: 2, ram_gb: 4 },
      expected: { requests: none, limits: { cpu: "2000m", memory: "4096Mi" } },
    },
    {
      title: "fractions are rounded up",
      executor: 0,
      asked: { cpu_cores: 0.0001, ram_gb: 0.0001 },
      expected: { requests: { cpu: "1m", memory: "1Mi" }, limits: { cpu: "1m", memory: "1Mi" } },
    },
    {
      title: "memory alone is limited alone",
      executor: 0,
      asked: { ram_gb: 0.5 },
      expected: { requests: { cpu: "100m", memory: "512Mi" }, limits: { memory: "512Mi" } },
    },
    {
      title: "zero is as good as nothing",
      executor: 0,
      asked: { cpu_cores: 0, ram_gb: 0 },
      expected: { requests: fallback },
    },
  ])("$title", ({ executor, asked, expected }) => {
    expect(executorResources(executor, asked, settings)).toEqual(expected);
  });

  test.each([
    { title: "the node's own", kind: "emptyDir", first: "1536Mi", later: "0" },
    { title: "a volume of its own", kind: "ephemeral", first: undefined, later: undefined },
  ] as const)("disk is requested of the node where the work volume is $title", ({ kind, first, later }) => {
    const requested = (executor: number, asked: Resources) =>
      executorResources(executor, asked, { ...settings, work: { kind } }).requests?.["ephemeral-storage"];
    expect(requested(0, { disk_gb: 1.5 })).toBe(first);
    expect(requested(1, { disk_gb: 1.5 })).toBe(later);
    expect(requested(0, {})).toBeUndefined();
  });

  test.each([0, 1])("devices are each executor's own: exec-%d", (executor) => {
    const asked = { backend_parameters: { GPU: "2" } };
    const { requests, limits } = executorResources(executor, asked, settings);
    expect(requests).toHaveProperty(["nvidia.com/gpu"], "2");
    expect(limits).toEqual({ "nvidia.com/gpu": "2" });
  });
});

test("the disk: what was asked, else the default", () => {
  expect(diskSize({ disk_gb: 1.5 }, defaults)).toBe("1536Mi");
  expect(diskSize({}, defaults)).toBe("10240Mi");
  expect(diskSize(undefined, defaults)).toBe("10240Mi");
});
