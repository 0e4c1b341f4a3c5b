// observe: the facts in a pod's status, from statuses as a kubelet and a scheduler write them.
import { describe, expect, test } from "bun:test";
import type { V1ContainerState, V1ContainerStatus, V1Pod, V1PodStatus } from "@kubernetes/client-node";
import { labels } from "../../src/pod/names.ts";
import { observe, type PodFacts } from "../../src/pod/observe.ts";

const created = new Date("2026-01-02T03:04:05Z");

const pod = (
  status?: V1PodStatus,
  differences: { deletionTimestamp?: Date; nodeName?: string } = {},
): V1Pod => ({
  metadata: {
    name: "tes-abc-1",
    uid: "u1",
    labels: { [labels.task]: "abc", [labels.attempt]: "1" },
    creationTimestamp: created,
    ...(differences.deletionTimestamp ? { deletionTimestamp: differences.deletionTimestamp } : {}),
  },
  spec: { containers: [], ...(differences.nodeName ? { nodeName: differences.nodeName } : {}) },
  ...(status ? { status } : {}),
});

const container = (name: string, state: V1ContainerState): V1ContainerStatus => ({
  name,
  state,
  image: "busybox",
  imageID: "",
  ready: false,
  restartCount: 0,
});

const scheduled = { type: "PodScheduled", status: "True" };
const starting = container("exec-0", { waiting: { reason: "ContainerCreating" } });
const pulling = (name: string, reason = "ErrImagePull", message = "not found") =>
  container(name, { waiting: { reason, message } });
const terminated = (name: string, exitCode: number, reason: string, message?: string) =>
  container(name, { terminated: { exitCode, reason, ...(message === undefined ? {} : { message }) } });

const bare: PodFacts = {
  name: "tes-abc-1",
  uid: "u1",
  task: "abc",
  creationTime: created,
  deleting: false,
  scheduled: false,
};

interface Row {
  readonly title: string;
  readonly pod: V1Pod;
  readonly facts: Partial<PodFacts>;
}

const onNode = (status: V1PodStatus): V1Pod =>
  pod({ conditions: [scheduled], ...status }, { nodeName: "n1" });
const there = { scheduled: true, nodeName: "n1" };

const rows: readonly Row[] = [
  { title: "just created", pod: pod(), facts: {} },
  {
    title: "images of executors, as far as they are known",
    pod: onNode({
      containerStatuses: [
        { ...container("supervisor", { running: {} }), imageID: "sha256:0" },
        { ...container("exec-1", { running: {} }), imageID: "busybox@sha256:1" },
        container("exec-0", { waiting: { reason: "ContainerCreating" } }),
      ],
    }),
    facts: { ...there, images: { 1: "busybox@sha256:1" }, creatingFrom: 0 },
  },
  {
    title: "unschedulable",
    pod: pod({
      phase: "Pending",
      conditions: [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/1 nodes are available",
        },
      ],
    }),
    facts: { unschedulable: "0/1 nodes are available" },
  },
  {
    title: "held by a scheduling gate",
    pod: pod({
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
    }),
    facts: { unschedulable: "SchedulingGated" },
  },
  {
    title: "given to a node that has started nothing",
    pod: pod({
      conditions: [{ ...scheduled, lastTransitionTime: created }],
      containerStatuses: [container("supervisor", { waiting: { reason: "ContainerCreating" } }), starting],
    }),
    facts: { scheduled: true, scheduledTime: created, startingSince: created, creatingFrom: 0 },
  },
  {
    title: "the same, our container started",
    pod: pod({
      conditions: [{ ...scheduled, lastTransitionTime: created }],
      containerStatuses: [container("supervisor", { running: {} }), starting],
    }),
    facts: { scheduled: true, scheduledTime: created, creatingFrom: 0 },
  },
  {
    title: "on its node, containers being created",
    pod: onNode({ phase: "Pending", containerStatuses: [starting] }),
    facts: { ...there, creatingFrom: 0 },
  },
  {
    title: "waiting for the init container",
    pod: onNode({
      initContainerStatuses: [container("stage-in", { running: { startedAt: created } })],
      containerStatuses: [container("exec-0", { waiting: { reason: "PodInitializing" } })],
    }),
    facts: { ...there, creatingFrom: 0 },
  },
  {
    title: "staged, the first of its executors there, a later one's image missing",
    pod: onNode({
      initContainerStatuses: [
        container("stage-in", { terminated: { exitCode: 0, reason: "Completed", finishedAt: created } }),
      ],
      // By name, as the kubelet sorts them.
      containerStatuses: [
        container("exec-0", { running: { startedAt: created } }),
        pulling("exec-1"),
        container("exec-10", { waiting: { reason: "PodInitializing" } }),
        container("exec-2", { waiting: { reason: "PodInitializing" } }),
      ],
    }),
    facts: {
      ...there,
      stageIn: { exitCode: 0, reason: "Completed", endTime: created },
      trouble: { container: "exec-1", executor: 1, reason: "ErrImagePull", message: "not found" },
      creatingFrom: 2,
    },
  },
  {
    title: "image not found",
    pod: onNode({ containerStatuses: [pulling("exec-0")] }),
    facts: {
      ...there,
      trouble: { container: "exec-0", executor: 0, reason: "ErrImagePull", message: "not found" },
    },
  },
  {
    title: "no image of ours",
    pod: onNode({
      initContainerStatuses: [pulling("stage-in", "ImagePullBackOff", "Back-off")],
      containerStatuses: [starting],
    }),
    facts: {
      ...there,
      trouble: { container: "stage-in", reason: "ImagePullBackOff", message: "Back-off" },
      creatingFrom: 0,
    },
  },
  {
    title: "two troubles: that of the earlier turn, though the kubelet sorts by name",
    pod: onNode({ containerStatuses: [pulling("exec-10"), pulling("exec-2")] }),
    facts: {
      ...there,
      trouble: { container: "exec-2", executor: 2, reason: "ErrImagePull", message: "not found" },
    },
  },
  {
    title: "two troubles: our own first",
    pod: onNode({ containerStatuses: [pulling("exec-0"), pulling("supervisor")] }),
    facts: { ...there, trouble: { container: "supervisor", reason: "ErrImagePull", message: "not found" } },
  },
  {
    title: "wrong architecture: the runtime cannot start the process",
    pod: onNode({ containerStatuses: [terminated("exec-0", 128, "StartError", "exec format error")] }),
    facts: {
      ...there,
      trouble: { container: "exec-0", executor: 0, reason: "StartError", message: "exec format error" },
    },
  },
  {
    title: "an executor that ended with an error is no trouble",
    pod: onNode({ containerStatuses: [terminated("exec-0", 137, "OOMKilled")] }),
    facts: there,
  },
  {
    title: "stage-in failed with its word",
    pod: onNode({
      initContainerStatuses: [
        terminated("stage-in", 1, "Error", '{"outcome":"system-error","lastSequence":2}'),
      ],
    }),
    facts: {
      ...there,
      stageIn: { exitCode: 1, reason: "Error", final: { outcome: "system-error", lastSequence: 2 } },
    },
  },
  {
    title: "supervisor runs, and since when",
    pod: onNode({
      containerStatuses: [{ ...terminated("supervisor", 0, ""), state: { running: { startedAt: created } } }],
    }),
    facts: { ...there, supervisorSince: created },
  },
  {
    title: "supervisor ended with its word",
    pod: onNode({
      containerStatuses: [
        terminated(
          "supervisor",
          0,
          "Completed",
          '{"outcome":"complete","lastSequence":7,"released":2,"later":1}',
        ),
      ],
    }),
    facts: {
      ...there,
      supervisor: {
        exitCode: 0,
        reason: "Completed",
        final: { outcome: "complete", lastSequence: 7, released: 2 },
      },
    },
  },
  {
    title: "supervisor killed: the runtime's words are not ours",
    pod: onNode({ containerStatuses: [terminated("supervisor", 137, "OOMKilled", "killed")] }),
    facts: { ...there, supervisor: { exitCode: 137, reason: "OOMKilled" } },
  },
  {
    title: "supervisor ended, and what it left is not of this version",
    pod: onNode({
      containerStatuses: [terminated("supervisor", 0, "Completed", '{"outcome":"well","lastSequence":7}')],
    }),
    facts: { ...there, supervisor: { exitCode: 0, reason: "Completed" } },
  },
  {
    title: "evicted for the node's sake",
    pod: onNode({
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: memory.",
      conditions: [scheduled, { type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet" }],
    }),
    facts: {
      ...there,
      disruption: "TerminationByKubelet",
      failed: { reason: "Evicted", message: "The node was low on resource: memory." },
    },
  },
  {
    title: "a disruption is told with the words of who makes it",
    pod: onNode({
      conditions: [
        scheduled,
        {
          type: "DisruptionTarget",
          status: "True",
          reason: "EvictionByEvictionAPI",
          message: "Eviction API: evicting",
        },
      ],
    }),
    facts: { ...there, disruption: "EvictionByEvictionAPI (Eviction API: evicting)" },
  },
  {
    title: "a disruption that was called off is none",
    pod: onNode({
      conditions: [scheduled, { type: "DisruptionTarget", status: "False", reason: "PreemptionByScheduler" }],
    }),
    facts: there,
  },
  {
    title: "wall limit",
    pod: onNode({
      phase: "Failed",
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer",
    }),
    facts: { ...there, failed: { reason: "DeadlineExceeded", message: "Pod was active on the node longer" } },
  },
  {
    title: "an executor's failure as phase: Failed without a reason",
    pod: onNode({ phase: "Failed", containerStatuses: [terminated("exec-0", 3, "Error")] }),
    facts: { ...there, failed: { reason: "", message: "" } },
  },
  {
    title: "being deleted",
    pod: pod({}, { deletionTimestamp: created }),
    facts: { deleting: true, deletionTime: created },
  },
  {
    title: "a sidecar that somebody's mesh put in is none of ours",
    pod: onNode({ containerStatuses: [terminated("istio-proxy", 1, "Error")] }),
    facts: there,
  },
];

describe("facts", () => {
  test.each([...rows])("$title", ({ pod: seen, facts }) => {
    expect(observe(seen)).toEqual({ ...bare, ...facts });
  });

  test("an empty object gives facts, too", () => {
    expect(observe({})).toEqual({
      name: "",
      uid: "",
      task: "",
      creationTime: new Date(0),
      deleting: false,
      scheduled: false,
    });
  });
});
