// A task's resources against the operator's offer: refused with the figure, left out with a warning, or granted.
import { describe, expect, test } from "bun:test";
import { readWishes, supportedBackendParameters } from "../../src/tes/backend-parameters.ts";
import { describeOffer } from "../../src/tes/offer.ts";
import { checkResources, grantedWishes } from "../../src/tes/resources.ts";
import type { Resources, Task } from "../../src/tes/task.ts";
import { makeOffer, makeTask } from "../support/make.ts";

const nothing = makeOffer();
const everything = makeOffer({
  max: { cpuCores: 8, ramGb: 32.5, diskGb: 100 },
  wallSecondsMax: 7200,
  gpusMax: 4,
  gpuTypes: ["Tesla-T4", "NVIDIA-A100"],
  priorityClasses: ["low", "high"],
  runtimeClasses: ["gvisor"],
  serviceAccounts: ["reader"],
  nodeLabels: { vm_size: "node.kubernetes.io/instance-type", "example.org/pool": "example.org/pool" },
});

const wishing = (parameters: Record<string, string>, more: Resources = {}): Resources => ({
  ...more,
  backend_parameters: parameters,
});

/** The faults of a task with these resources; none if it is accepted. */
function faultsOf(resources: Resources, more: Partial<Task> = {}): unknown {
  try {
    checkResources(makeTask({ resources, ...more }), everything);
    return [];
  } catch (error) {
    if (error instanceof Error && "faults" in error) return error.faults;
    throw error;
  }
}

describe("accepted as it is", () => {
  test.each<{ title: string; resources: Resources | undefined }>([
    { title: "no resources", resources: undefined },
    { title: "no parameters", resources: { cpu_cores: 1 } },
    {
      title: "strict without parameters (Nextflow sends false)",
      resources: { backend_parameters_strict: false },
    },
    { title: "every maximum reached", resources: { cpu_cores: 8, ram_gb: 32.5, disk_gb: 100 } },
    {
      title: "every parameter, in any case, with strict",
      resources: wishing(
        {
          Wall_Seconds: "7200",
          GPU: "4",
          gpu_type: "Tesla-T4",
          priority_class: "low",
          runtime_class: "gvisor",
          service_account: "reader",
          VM_SIZE: "m5.large",
          "Example.org/Pool": "a",
        },
        { backend_parameters_strict: true },
      ),
    },
  ])("$title", ({ resources }) => {
    const task = makeTask(resources === undefined ? {} : { resources });
    expect(checkResources(task, everything)).toEqual({ task, warnings: [] });
  });
});

describe("refused, with the path, the value and what it may be", () => {
  const parameter = (key: string) => `resources.backend_parameters.${key}`;
  test.each<{ title: string; resources: Resources; path: string; message: string }>([
    {
      title: "too many cores",
      resources: { cpu_cores: 8.001 },
      path: "resources.cpu_cores",
      message: "8.001 is more than the maximum of 8",
    },
    {
      title: "too much memory",
      resources: { ram_gb: 33 },
      path: "resources.ram_gb",
      message: "33 is more than the maximum of 32.5",
    },
    {
      title: "too much disk",
      resources: { disk_gb: 1000 },
      path: "resources.disk_gb",
      message: "1000 is more than the maximum of 100",
    },
    {
      title: "too long a time",
      resources: wishing({ wall_seconds: "7201" }),
      path: parameter("wall_seconds"),
      message: "7201 is more than the maximum of 7200",
    },
    {
      title: "no time at all",
      resources: wishing({ WALL_SECONDS: "0" }),
      path: parameter("WALL_SECONDS"),
      message: 'Must be an integer from 1 to 7200, not "0"',
    },
    {
      title: "a time in words",
      resources: wishing({ wall_seconds: "1h" }),
      path: parameter("wall_seconds"),
      message: 'Must be an integer from 1 to 7200, not "1h"',
    },
    {
      title: "too many devices",
      resources: wishing({ gpu: "5" }),
      path: parameter("gpu"),
      message: "5 is more than the maximum of 4",
    },
    {
      title: "half a device",
      resources: wishing({ gpu: "0.5" }),
      path: parameter("gpu"),
      message: 'Must be an integer from 0 to 4, not "0.5"',
    },
    {
      title: "a type that is not there",
      resources: wishing({ gpu: "1", gpu_type: "H100" }),
      path: parameter("gpu_type"),
      message: 'Must be one of Tesla-T4, NVIDIA-A100, not "H100"',
    },
    {
      title: "a type without a device",
      resources: wishing({ gpu_type: "Tesla-T4" }),
      path: parameter("gpu_type"),
      message: "Needs gpu",
    },
    {
      title: "a priority that is not offered",
      resources: wishing({ priority_class: "system-node-critical" }),
      path: parameter("priority_class"),
      message: 'Must be one of low, high, not "system-node-critical"',
    },
    {
      title: "a runtime that is not offered",
      resources: wishing({ runtime_class: "runc" }),
      path: parameter("runtime_class"),
      message: 'Must be one of gvisor, not "runc"',
    },
    {
      title: "a service account that is not offered",
      resources: wishing({ service_account: "tespod" }),
      path: parameter("service_account"),
      message: 'Must be one of reader, not "tespod"',
    },
    {
      title: "a value that no label has",
      resources: wishing({ vm_size: "m5 large" }),
      path: parameter("vm_size"),
      message: expect.stringContaining('not "m5 large"'),
    },
    {
      title: "a value of nothing",
      resources: wishing({ vm_size: "" }),
      path: parameter("vm_size"),
      message: expect.stringContaining('not ""'),
    },
    {
      title: "one parameter in two cases",
      resources: wishing({ gpu: "1", GPU: "2" }),
      path: parameter("GPU"),
      message: "Is given more than once, in upper and lower case",
    },
    {
      title: "an unknown parameter with strict",
      resources: wishing({ VmFamily: "big" }, { backend_parameters_strict: true }),
      path: parameter("VmFamily"),
      message: "Is not supported",
    },
  ])("$title", ({ resources, path, message }) => {
    expect(faultsOf(resources)).toEqual([{ path, message }]);
  });

  test("all that is wrong at once", () => {
    const resources = wishing(
      { gpu: "9", runtime_class: "x", other: "y" },
      { cpu_cores: 9, ram_gb: 99, backend_parameters_strict: true },
    );
    expect(faultsOf(resources)).toHaveLength(5);
  });

  test("devices of several executors add up, since they cannot be shared", () => {
    const executors = makeTask().executors.flatMap((executor) => [executor, executor, executor]);
    expect(faultsOf(wishing({ gpu: "1" }), { executors })).toEqual([]);
    expect(faultsOf(wishing({ gpu: "2" }), { executors })).toEqual([
      {
        path: "resources.backend_parameters.gpu",
        message: "2 for each of 3 executors is more than the maximum of 4: executors cannot share devices",
      },
    ]);
  });
});

test("unknown parameters are neither stored nor returned, and there is a warning for each", () => {
  const resources = {
    cpu_cores: 1,
    backend_parameters: { VmFamily: "big", wall_seconds: "60", other: "x", gpu: "1" },
    backend_parameters_strict: false,
  };
  const { task, warnings } = checkResources(makeTask({ resources }), nothing);
  expect(task.resources).toEqual({
    cpu_cores: 1,
    backend_parameters: { wall_seconds: "60" },
    backend_parameters_strict: false,
  });
  expect(warnings).toEqual([
    'Warning: backend parameter "VmFamily" is not supported and was ignored',
    'Warning: backend parameter "other" is not supported and was ignored',
    'Warning: backend parameter "gpu" is not supported and was ignored',
  ]);
});

test("a task of several executors with devices is warned of what it takes", () => {
  const executors = makeTask().executors.flatMap((executor) => [executor, executor]);
  const { warnings } = checkResources(makeTask({ executors, resources: wishing({ gpu: "2" }) }), everything);
  expect(warnings).toEqual([
    "Warning: each of the 2 executors holds 2 GPUs of its own for the whole task, 4 in all",
  ]);
});

describe("wishes", () => {
  test("are read whatever the case of their keys", () => {
    const parameters = {
      WALL_seconds: "60",
      Gpu: "2",
      GPU_type: "Tesla-T4",
      Priority_Class: "high",
      RUNTIME_CLASS: "gvisor",
      service_Account: "reader",
      Vm_Size: "m5.large",
      "EXAMPLE.ORG/POOL": "b",
    };
    expect(readWishes(wishing(parameters), everything)).toEqual({
      wallSeconds: 60,
      gpus: 2,
      gpuType: "Tesla-T4",
      priorityClass: "high",
      runtimeClass: "gvisor",
      serviceAccount: "reader",
      nodeLabels: { "node.kubernetes.io/instance-type": "m5.large", "example.org/pool": "b" },
    });
  });

  test.each([undefined, {}, { backend_parameters: {} }])("there are none in %p", (resources) => {
    expect(readWishes(resources, everything)).toEqual({ gpus: 0, nodeLabels: {} });
  });

  test("that the operator has taken back are not granted any more", () => {
    const task = makeTask({ resources: wishing({ service_account: "reader" }) });
    expect(grantedWishes(task, everything).serviceAccount).toBe("reader");
    expect(() => grantedWishes(task, nothing)).toThrow(
      "resources.backend_parameters.service_account is no longer granted: Is not supported",
    );
    expect(() => grantedWishes(task, makeOffer({ serviceAccounts: ["other"] }))).toThrow(
      'resources.backend_parameters.service_account is no longer granted: Must be one of other, not "reader"',
    );
  });
});

describe("what is offered", () => {
  test("is listed: the parameters that something is offered of", () => {
    expect(supportedBackendParameters(nothing)).toEqual(["wall_seconds"]);
    expect(supportedBackendParameters(everything)).toEqual([
      "wall_seconds",
      "gpu",
      "gpu_type",
      "priority_class",
      "runtime_class",
      "service_account",
      "vm_size",
      "example.org/pool",
    ]);
    expect(supportedBackendParameters(makeOffer({ gpuTypes: ["Tesla-T4"] }))).toEqual(["wall_seconds"]);
  });

  test("is told in words", () => {
    expect(describeOffer(nothing)).toBe("Its backend_parameters may be wall_seconds (at most 3600).");
    expect(describeOffer(everything)).toBe(
      "A task may ask for at most cpu_cores 8, ram_gb 32.5, disk_gb 100. Its backend_parameters may be " +
        "wall_seconds (at most 7200), gpu (at most 4 in a task), gpu_type (Tesla-T4, NVIDIA-A100), " +
        "priority_class (low, high), runtime_class (gvisor), service_account (reader), " +
        "vm_size (the nodes' label node.kubernetes.io/instance-type), example.org/pool (a label of nodes).",
    );
  });
});
