// Pods that the cluster takes away: evicted, or preempted for one of a higher priority.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { busybox, shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  failingInClaim,
  foldersLeft,
  nothingIsLeftOf,
  own,
  summary,
  systemLogs,
  testMilliseconds,
  untilSays,
  untilState,
} from "./failures.ts";
import { apply, priorityClass, remove, setDevices } from "./node.ts";
import { startSilentServer } from "./silent-server.ts";

/** What `kubectl drain` asks for, pod by pod. */
const evict = ({ kubectl, namespace }: Deployed, pod: string) =>
  kubectl(["create", "--raw", `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`, "-f", "-"], {
    input: JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } }),
  });

const high = priorityClass("tespod-fail-high", 1000);

/** A pod that wants the one device there is, and may take it from others. */
const preemptor = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "preemptor" },
  spec: {
    priorityClassName: "tespod-fail-high",
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "main",
        image: busybox,
        imagePullPolicy: "IfNotPresent",
        command: ["sleep", "600"],
        resources: { requests: { [own.device]: "1" }, limits: { [own.device]: "1" } },
      },
    ],
  },
};

const minute = "for second in $(seq 60); do sleep 1; done";

describe.skipIf(cluster === undefined)("a pod that is taken away", () => {
  let deployed: Deployed;
  let inClaim: Deployed;

  beforeAll(async () => {
    [deployed, inClaim] = await Promise.all([failing(), failingInClaim(), setDevices(1), apply(high)]);
  }, testMilliseconds);

  afterAll(async () => {
    await Promise.all([setDevices(null), remove(high)]);
    await deployed?.kubectl(["delete", "pod", "preemptor", "--ignore-not-found", "--wait=false"]);
  }, testMilliseconds);

  test.concurrent(
    "evicted before an executor was started: another pod, and COMPLETE",
    async () => {
      await using server = await startSilentServer(deployed);
      const id = await deployed.tes.create({
        inputs: [{ url: `http://${server.host}/x`, path: "/in/x" }],
        executors: [shell("cat /in/x")],
      });
      await server.connected();
      await evict(deployed, `tes-${id}-1`);
      await untilSays(deployed, id, "trying again (attempt 2 of 3)");
      await server.open();
      const task = await ended(deployed, id);
      expect(summary(task)).toEqual({ state: "COMPLETE", executors: [[0, "open\n"]] });
      expect(systemLogs(task)).toContain("EvictionByEvictionAPI");
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "evicted while its executor runs: SYSTEM_ERROR that says so, and nothing runs twice",
    async () => {
      const id = await deployed.tes.create({ executors: [shell("echo first"), shell(minute)] });
      await untilState(deployed, id, "RUNNING");
      await evict(deployed, `tes-${id}-1`);
      const task = await ended(deployed, id);
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(systemLogs(task)).toContain("Pod was preempted: EvictionByEvictionAPI");
      expect(systemLogs(task)).not.toContain("trying again");
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "the same where the operator wants PREEMPTED: PREEMPTED, and no folder is left in the shared claim",
    async () => {
      const id = await inClaim.tes.create({
        volumes: ["/data"],
        executors: [shell(`echo >/data/x; ${minute}`)],
      });
      await untilState(inClaim, id, "RUNNING");
      await evict(inClaim, `tes-${id}-1`);
      const task = await ended(inClaim, id);
      expect(task.state).toBe("PREEMPTED");
      await nothingIsLeftOf(inClaim, id);
      expect(await foldersLeft(inClaim)).not.toContain(id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "preempted for a pod of a higher priority: SYSTEM_ERROR that says so",
    async () => {
      const id = await deployed.tes.create({
        resources: { backend_parameters: { gpu: "1" } },
        executors: [shell(minute)],
      });
      await untilState(deployed, id, "RUNNING");
      await deployed.kubectl(["apply", "-f", "-"], { input: JSON.stringify(preemptor) });
      const task = await ended(deployed, id);
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(systemLogs(task)).toContain("Pod was preempted: PreemptionByScheduler");
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );
});
