// What a task asks of the cluster, seen on the cluster: where it runs, with what, and what is refused.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { V1Pod } from "@kubernetes/client-node";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  nothingIsLeftOf,
  own,
  summary,
  systemLogs,
  testMilliseconds,
  untilSays,
  untilState,
} from "./failures.ts";
import { apply, label, nodeName, priorityClass, remove, setDevices } from "./node.ts";

const low = priorityClass("tespod-fail-low", -10);
/** The runtime that there is, by a name of ours. */
const runtime = {
  apiVersion: "node.k8s.io/v1",
  kind: "RuntimeClass",
  metadata: { name: "tespod-fail-runc" },
  handler: "runc",
};
const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "runner" } };
const zone = "topology.kubernetes.io/zone";

describe.skipIf(cluster === undefined)("what a task asks for", () => {
  let deployed: Deployed;
  let node: string;
  /** Of the node; a zone of ours if it has none. */
  let zoneName: string;
  let hadZone: boolean;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    [deployed, node] = await Promise.all([failing(), nodeName(), apply(low, runtime), setDevices(1)]);
    await deployed.kubectl(["apply", "-f", "-"], { input: JSON.stringify(account) });
    const given = await cluster.kubectl([
      "get",
      "node",
      node,
      "-o",
      `jsonpath={.metadata.labels.${zone.replaceAll(".", "\\.")}}`,
    ]);
    hadZone = given !== "";
    zoneName = given || "tespod-fail-zone";
    await label({ [zone]: zoneName, [own.pool]: "a", [own.spot]: null, [own.deviceType]: "T1" });
  }, testMilliseconds);

  afterAll(async () => {
    const labels = { [own.pool]: null, [own.spot]: null, [own.deviceType]: null };
    await Promise.all([
      label(hadZone ? labels : { ...labels, [zone]: null }),
      setDevices(null),
      remove(low, runtime),
    ]);
  }, testMilliseconds);

  const podOf = async (id: string) =>
    JSON.parse(await deployed.kubectl(["get", "pod", `tes-${id}-1`, "-o", "json"])) as V1Pod;

  test.concurrent(
    "zones, a label, a device of a type, classes and an account that there are: COMPLETE, on that node and with those",
    async () => {
      const id = await deployed.tes.create({
        resources: {
          zones: ["tespod-fail-nowhere", zoneName],
          backend_parameters: {
            pool: "a",
            gpu: "1",
            gpu_type: "T1",
            priority_class: "tespod-fail-low",
            runtime_class: "tespod-fail-runc",
            service_account: "runner",
          },
        },
        executors: [shell("sleep 10; echo placed; ls /var/run/secrets/kubernetes.io || echo no token")],
      });
      await untilState(deployed, id, "RUNNING");
      const { spec } = await podOf(id);
      expect(spec).toMatchObject({
        nodeName: node,
        priorityClassName: "tespod-fail-low",
        priority: -10,
        runtimeClassName: "tespod-fail-runc",
        serviceAccountName: "runner",
      });
      const task = await ended(deployed, id);
      expect(summary(task)).toEqual({ state: "COMPLETE", executors: [[0, "placed\nno token\n"]] });
      expect(systemLogs(task)).toContain(`Scheduled on node ${node}`);
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent.each([
    { title: "a zone", resources: { zones: ["tespod-fail-nowhere"] }, words: "affinity" },
    { title: "a label", resources: { backend_parameters: { pool: "b" } }, words: "selector" },
    {
      title: "a type of device",
      resources: { backend_parameters: { gpu: "1", gpu_type: "T2" } },
      words: "selector",
    },
    { title: "so many devices", resources: { backend_parameters: { gpu: "2" } }, words: own.device },
  ])(
    "$title that no node has: QUEUED with the scheduler's words",
    async ({ resources, words }) => {
      const id = await deployed.tes.create({ resources, executors: [shell("echo never")] });
      const task = await untilSays(deployed, id, words);
      expect(summary(task)).toEqual({ state: "QUEUED", executors: [] });
      expect(systemLogs(task)).toContain("Waiting for a node: ");
      await deployed.tes.cancel(id);
      expect((await ended(deployed, id)).state).toBe("CANCELED");
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "a priority class that is allowed and not there: SYSTEM_ERROR with the API server's words",
    async () => {
      const id = await deployed.tes.create({
        resources: { backend_parameters: { priority_class: "tespod-fail-none" } },
        executors: [shell("echo never")],
      });
      const task = await ended(deployed, id);
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [] });
      expect(systemLogs(task)).toContain("no PriorityClass with name tespod-fail-none was found");
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent.each([
    { resources: { cpu_cores: 2001 }, message: "2001 is more than the maximum of 2000" },
    { resources: { ram_gb: 65 }, message: "65 is more than the maximum of 64" },
    { resources: { disk_gb: 101 }, message: "101 is more than the maximum of 100" },
    { resources: { backend_parameters: { gpu: "3" } }, message: "3 is more than the maximum of 2" },
    {
      resources: { backend_parameters: { priority_class: "system-node-critical" } },
      message: 'Must be one of tespod-fail-low, tespod-fail-none, not "system-node-critical"',
    },
  ])("more than is allowed is a 400 that says: $message", async ({ resources, message }) => {
    const response = await deployed.tes.request("/tasks", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resources, executors: [shell("true")] }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ message }] });
  });

  // These two last and by themselves: they take the one device, and change a label of the node.
  test(
    "a device that another task holds: QUEUED with the scheduler's words, COMPLETE when it is free",
    async () => {
      const resources = { backend_parameters: { gpu: "1" } };
      const holder = await deployed.tes.create({ resources, executors: [shell("exec sleep 600")] });
      await untilState(deployed, holder, "RUNNING");
      const id = await deployed.tes.create({ resources, executors: [shell("echo mine")] });
      const waiting = await untilSays(deployed, id, `Insufficient ${own.device}`);
      expect(summary(waiting)).toEqual({ state: "QUEUED", executors: [] });
      await deployed.tes.cancel(holder);
      expect(summary(await ended(deployed, id))).toEqual({ state: "COMPLETE", executors: [[0, "mine\n"]] });
      await Promise.all([nothingIsLeftOf(deployed, holder), nothingIsLeftOf(deployed, id)]);
    },
    testMilliseconds,
  );

  test(
    "preemptible: QUEUED while no node is for such tasks, COMPLETE when there is one; its taint is tolerated",
    async () => {
      const id = await deployed.tes.create({
        resources: { preemptible: true },
        executors: [shell("echo cheap")],
      });
      const waiting = await untilSays(deployed, id, "selector");
      expect(waiting.state).toBe("QUEUED");
      expect((await podOf(id)).spec?.tolerations).toContainEqual({
        key: own.spot,
        operator: "Equal",
        value: "true",
        effect: "NoSchedule",
      });
      await label({ [own.spot]: "true" });
      expect(summary(await ended(deployed, id))).toEqual({ state: "COMPLETE", executors: [[0, "cheap\n"]] });
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );
});
