// A node is drained, as before its maintenance. kubectl closes the node to new pods first, so nobody else may be at work.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  nothingIsLeftOf,
  own,
  secondsMax,
  summary,
  systemLogs,
  testMilliseconds,
  untilSays,
  untilState,
} from "../failures/failures.ts";
import { label, nodeName } from "../failures/node.ts";
import { drained } from "./revive.ts";

describe.skipIf(cluster === undefined)("a node that is drained", () => {
  let deployed: Deployed;
  let node: string;
  /** So that both tasks want that node, also where there are others. */
  const resources = { backend_parameters: { pool: "drained" } };

  beforeAll(async () => {
    deployed = await failing();
    node = await nodeName();
    await label(drained);
  }, testMilliseconds);

  afterAll(async () => {
    await label({ [own.pool]: null });
    await cluster?.kubectl(["uncordon", await nodeName()]);
  }, testMilliseconds);

  test(
    "a task that runs there: SYSTEM_ERROR that says so; one that waits for a node meanwhile: COMPLETE when there is one",
    async () => {
      const id = await deployed.tes.create({
        resources,
        executors: [shell("echo first"), shell("exec sleep 600")],
      });
      await untilState(deployed, id, "RUNNING");
      await deployed.kubectl([
        "drain",
        node,
        `--pod-selector=tespod/task=${id}`,
        "--force",
        "--delete-emptydir-data",
        `--timeout=${secondsMax}s`,
      ]);
      const task = await ended(deployed, id);
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(systemLogs(task)).toContain("Pod was preempted: EvictionByEvictionAPI");
      const later = await deployed.tes.create({ resources, executors: [shell("echo later")] });
      await untilSays(deployed, later, "unschedulable");
      await deployed.kubectl(["uncordon", node]);
      expect(summary(await ended(deployed, later))).toEqual({
        state: "COMPLETE",
        executors: [[0, "later\n"]],
      });
      await Promise.all([id, later].map((each) => nothingIsLeftOf(deployed, each)));
    },
    testMilliseconds,
  );
});
