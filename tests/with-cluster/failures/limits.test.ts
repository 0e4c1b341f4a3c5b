// Tasks that reach a limit of their own: memory, disk, time.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  nothingIsLeftOf,
  secondsMax,
  summary,
  systemLogs,
  testMilliseconds,
} from "./failures.ts";

/** The kubelet measures volumes once a minute, and later on a busy node. */
const evictionSecondsMax = 270;

describe.skipIf(cluster === undefined)("a task that reaches its own limit", () => {
  let deployed: Deployed;

  beforeAll(async () => {
    deployed = await failing();
  }, testMilliseconds);

  const run = async (task: object, seconds = secondsMax) => {
    const id = await deployed.tes.create(task);
    const task_ = await ended(deployed, id, seconds);
    await nothingIsLeftOf(deployed, id);
    return task_;
  };

  // With cgroup v1 the kernel kills one process, with v2 the whole container, which the kubelet then tells as OOMKilled. The tests'
  // own cluster has v1, so here it is the command alone; disruptions/killed.test.ts kills the whole container by hand.
  test.concurrent(
    "more memory than asked for: EXECUTOR_ERROR 137, and the next executor is not started",
    async () => {
      const task = await run({
        resources: { ram_gb: 0.05 },
        executors: [shell("echo before; exec tail /dev/zero"), shell("echo never")],
      });
      expect(summary(task)).toEqual({ state: "EXECUTOR_ERROR", executors: [[137, "before\n"]] });
    },
    testMilliseconds,
  );

  test.concurrent(
    "more disk than asked for: SYSTEM_ERROR that names the volume, after one attempt",
    async () => {
      const task = await run(
        {
          resources: { disk_gb: 0.01 },
          volumes: ["/data"],
          executors: [shell("dd if=/dev/zero of=/data/fill bs=1M count=30; exec sleep 600")],
        },
        evictionSecondsMax,
      );
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(systemLogs(task)).toContain('Evicted Usage of EmptyDir volume "work" exceeds the limit "11Mi"');
      expect(systemLogs(task)).not.toContain("trying again");
    },
    testMilliseconds,
  );

  test.concurrent(
    "longer than asked for: SYSTEM_ERROR that names the deadline, and the logs and codes of all that ran",
    async () => {
      const task = await run({
        resources: { backend_parameters: { wall_seconds: "15" } },
        executors: [shell("echo first"), shell("echo second; exec sleep 600")],
      });
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(summary(task).executors).toEqual([
        [0, "first\n"],
        [143, "second\n"],
      ]);
      expect(systemLogs(task)).toContain("DeadlineExceeded");
    },
    testMilliseconds,
  );

  test.concurrent(
    "longer than asked for before anything was started: SYSTEM_ERROR that names the deadline, after one attempt",
    async () => {
      const task = await run({
        resources: { backend_parameters: { wall_seconds: "1" } },
        inputs: [{ content: "x", path: "/in/x" }],
        executors: [shell("exec sleep 600")],
      });
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(systemLogs(task)).toContain("DeadlineExceeded");
      expect(systemLogs(task)).not.toContain("trying again");
    },
    testMilliseconds,
  );
});
