// Nodes that are lost with a pod on them. A stand-in for a machine that breaks, which no test may do: Node objects of which no
// kubelet knows. To scheduler and controllers they are nodes that were cut off. Alone in its file: it takes four minutes.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failingWith,
  nothingIsLeftOf,
  own,
  systemLogs,
  testMilliseconds,
  untilSays,
  untilState,
} from "./failures.ts";
import { apply, remove, unreal } from "./node.ts";

const amounts = { cpu: "1", memory: "1Gi", pods: "10" };

/** Only tasks that may be preempted, and ask for its pool, go there. */
const makeNode = (name: string) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels: { ...unreal, [own.pool]: name } },
  spec: { taints: [{ key: own.spot, value: "lost", effect: "NoSchedule" }] },
});

const ready = () => {
  const time = new Date().toISOString();
  const condition = { type: "Ready", status: "True", reason: "KubeletReady", message: "It was, once" };
  return {
    status: {
      capacity: amounts,
      allocatable: amounts,
      conditions: [{ ...condition, lastHeartbeatTime: time, lastTransitionTime: time }],
    },
  };
};

const nodes = ["tespod-fail-cut-off", "tespod-fail-removed"].map(makeNode);

describe.skipIf(cluster === undefined)("a node that is lost", () => {
  let deployed: Deployed;
  let retrying: Deployed;

  beforeAll(async () => {
    const settings = {
      TESPOD_NODE_LABELS: `pool=${own.pool}`,
      TESPOD_PREEMPTIBLE_NODE_SELECTOR: `${own.spot}=lost`,
      TESPOD_PREEMPTIBLE_TOLERATIONS: `${own.spot}=lost:NoSchedule`,
    };
    [deployed, retrying] = await Promise.all([
      failingWith("lost", settings),
      failingWith("lost-retried", { ...settings, TESPOD_RETRY_UNKNOWN: "true" }),
    ]);
    await apply(...nodes);
  }, testMilliseconds);

  afterAll(() => remove(...nodes), testMilliseconds);

  test.concurrent.each([
    {
      title: "cut off: taken away a minute after that is noticed",
      name: "tespod-fail-cut-off",
      lose: () => Promise.resolve(),
      why: "DeletionByTaintManager",
    },
    {
      title: "removed from the cluster",
      name: "tespod-fail-removed",
      lose: () => remove(makeNode("tespod-fail-removed")),
      why: "DeletionByPodGC",
    },
  ])(
    "$title: it may run there, so SYSTEM_ERROR; where the operator wants, the task waits for another node",
    async ({ name, lose, why }) => {
      if (cluster === undefined) throw new Error("There is no cluster");
      const patch = JSON.stringify(ready());
      await cluster.kubectl(["patch", "node", name, "--subresource=status", "--type=merge", "-p", patch]);
      const task = {
        resources: { preemptible: true, backend_parameters: { pool: name } },
        executors: [shell("echo never")],
      };
      const [id, retried] = await Promise.all([deployed.tes.create(task), retrying.tes.create(task)]);
      const there = await untilState(deployed, id, "INITIALIZING");
      expect(systemLogs(there)).toContain(`Scheduled on node ${name}`);
      await untilState(retrying, retried, "INITIALIZING");
      await lose();
      const unknown = "whether an executor had started is not known";
      const lost = await untilSays(deployed, id, unknown, 420);
      expect(systemLogs(lost)).toContain(`Pod was preempted: ${why}`);
      expect((await ended(deployed, id)).state).toBe("SYSTEM_ERROR");
      await nothingIsLeftOf(deployed, id);
      const again = await untilSays(retrying, retried, `${unknown}, trying again (attempt 2 of 3)`, 420);
      expect(systemLogs(again)).toContain(`Pod was preempted: ${why}`);
      await untilSays(retrying, retried, "Waiting for a node: ");
      expect((await retrying.tes.get(retried)).state).toBe("QUEUED");
      await retrying.tes.cancel(retried);
      expect((await ended(retrying, retried)).state).toBe("CANCELED");
      await nothingIsLeftOf(retrying, retried);
    },
    600_000,
  );
});
