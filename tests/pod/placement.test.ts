// Where a pod may run, from the task's resources and the operator's settings.
import { describe, expect, test } from "bun:test";
import { placement } from "../../src/pod/placement.ts";
import type { PodSettings } from "../../src/pod/settings.ts";
import type { Resources } from "../../src/tes/task.ts";
import { makeOffer, makeSettings, makeTask } from "../support/make.ts";

const settings = makeSettings({
  offer: makeOffer({
    wallSecondsMax: 7200,
    gpusMax: 2,
    gpuTypes: ["Tesla-T4"],
    priorityClasses: ["low"],
    runtimeClasses: ["gvisor"],
    serviceAccounts: ["reader"],
    nodeLabels: { vm_size: "node.kubernetes.io/instance-type", pool: "example.org/pool" },
  }),
  preemptible: {
    nodeSelector: { "example.org/spot": "true", "example.org/pool": "spot" },
    tolerations: [{ key: "example.org/spot", operator: "Exists" }],
  },
});

const place = (resources: Resources | undefined, given: PodSettings = settings) =>
  placement(makeTask(resources === undefined ? {} : { resources }), given);

const lostNode = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map((key) => ({
  key,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 60,
}));
const anywhere = { activeDeadlineSeconds: 7200, tolerations: lostNode };
const anyOf = (...values: string[]) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "In", values }] },
      ],
    },
  },
});

describe("of a task", () => {
  test.each<{ title: string; resources: Resources | undefined; expected: object }>([
    { title: "without resources: anywhere", resources: undefined, expected: anywhere },
    { title: "that asks for figures only: anywhere", resources: { cpu_cores: 1 }, expected: anywhere },
    { title: "with an empty list of zones: anywhere", resources: { zones: [] }, expected: anywhere },
    {
      title: "with zones: in any of them, each once",
      resources: { zones: ["b", "a", "b"] },
      expected: { ...anywhere, affinity: anyOf("b", "a") },
    },
    {
      title: "that must not be preempted: anywhere that is not tainted",
      resources: { preemptible: false },
      expected: anywhere,
    },
    {
      title: "that may be preempted: where the operator keeps such tasks",
      resources: { preemptible: true },
      expected: {
        ...anywhere,
        tolerations: [...lostNode, { key: "example.org/spot", operator: "Exists" }],
        nodeSelector: { "example.org/spot": "true", "example.org/pool": "spot" },
      },
    },
    {
      title: "with devices: tolerated by their nodes",
      resources: { backend_parameters: { gpu: "1" } },
      expected: { ...anywhere, tolerations: [...lostNode, { key: "nvidia.com/gpu", operator: "Exists" }] },
    },
    {
      title: "with devices of a type: on nodes that have it",
      resources: { backend_parameters: { gpu: "2", gpu_type: "Tesla-T4" } },
      expected: {
        ...anywhere,
        tolerations: [...lostNode, { key: "nvidia.com/gpu", operator: "Exists" }],
        nodeSelector: { "nvidia.com/gpu.product": "Tesla-T4" },
      },
    },
    {
      title: "with no devices in so many words: anywhere",
      resources: { backend_parameters: { gpu: "0" } },
      expected: anywhere,
    },
    {
      title: "with labels, classes, an account and a time: all of them",
      resources: {
        backend_parameters: {
          VM_SIZE: "m5.large",
          pool: "big",
          priority_class: "low",
          runtime_class: "gvisor",
          service_account: "reader",
          wall_seconds: "60",
        },
      },
      expected: {
        ...anywhere,
        activeDeadlineSeconds: 60,
        nodeSelector: { "node.kubernetes.io/instance-type": "m5.large", "example.org/pool": "big" },
        priorityClassName: "low",
        runtimeClassName: "gvisor",
        serviceAccountName: "reader",
      },
    },
    {
      title: "with a label that the operator sets for tasks like it: the operator's",
      resources: { preemptible: true, backend_parameters: { pool: "big" } },
      expected: {
        ...anywhere,
        tolerations: [...lostNode, { key: "example.org/spot", operator: "Exists" }],
        nodeSelector: { "example.org/spot": "true", "example.org/pool": "spot" },
      },
    },
  ])("$title", ({ resources, expected }) => {
    expect(place(resources)).toEqual(expected as ReturnType<typeof placement>);
  });
});

test("preemptible changes nothing where the operator has no place for it", () => {
  expect(place({ preemptible: true }, makeSettings())).toEqual(place({}, makeSettings()));
});

test("the names of devices and of their type are the operator's", () => {
  const amd = { ...settings, gpu: { resource: "amd.com/gpu", typeLabel: "amd.com/gpu.family" } };
  expect(place({ backend_parameters: { gpu: "1", gpu_type: "Tesla-T4" } }, amd)).toMatchObject({
    tolerations: expect.arrayContaining([{ key: "amd.com/gpu", operator: "Exists" }]),
    nodeSelector: { "amd.com/gpu.family": "Tesla-T4" },
  });
});

test("what the operator has taken back since the task was accepted is refused", () => {
  const resources = { backend_parameters: { service_account: "reader" } };
  expect(() => place(resources, makeSettings())).toThrow(
    expect.objectContaining({ name: "TesError", kind: "invalid" }),
  );
});
