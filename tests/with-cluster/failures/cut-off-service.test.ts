// A service whose connections to the API server are cut, and refused from then on, while the rest of the cluster is well.
import { beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import type { Deployed } from "../../support/deploy.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failingWith,
  nothingIsLeftOf,
  summary,
  testMilliseconds,
  untilSays,
  untilState,
} from "./failures.ts";
import { isFirst, onNode, untilProcess } from "./host-processes.ts";

describe.skipIf(!onNode)("a service", () => {
  let deployed: Deployed;
  let pid: number;

  /** In the network of the service's pod alone, and gone with it. */
  const filter = (action: "--append" | "--delete"): void => {
    const rule = "OUTPUT --protocol tcp --dport 443 --jump REJECT --reject-with tcp-reset".split(" ");
    execFileSync("nsenter", [`--target=${pid}`, "--net", "iptables", action, ...rule]);
  };

  beforeAll(async () => {
    deployed = await failingWith("cut", {});
    const label = "--selector=app.kubernetes.io/name=tespod";
    const pod = await deployed.kubectl(["get", "pods", label, "-o", "jsonpath={.items[0].metadata.name}"]);
    pid = (await untilProcess(deployed, pod, "tespod", isFirst)).pid;
  }, testMilliseconds);

  test(
    "whose connections are cut: what runs completes, what is created and cancelled waits, and all end when they are back",
    async () => {
      const running = await deployed.tes.create({
        executors: [shell("sleep 5; echo first"), shell("echo second")],
      });
      const cancelled = await deployed.tes.create({ executors: [shell("exec sleep 600")] });
      await Promise.all([running, cancelled].map((id) => untilState(deployed, id, "RUNNING")));
      filter("--append");
      const created = await deployed.tes.create({ executors: [shell("echo later")] });
      await deployed.tes.cancel(cancelled);
      expect(summary(await ended(deployed, running))).toEqual({
        state: "COMPLETE",
        executors: [
          [0, "first\n"],
          [0, "second\n"],
        ],
      });
      await untilSays(deployed, created, "Pod was not created: ");
      expect((await deployed.tes.get(cancelled)).state).toBe("CANCELING");
      filter("--delete");
      expect(summary(await ended(deployed, created))).toEqual({
        state: "COMPLETE",
        executors: [[0, "later\n"]],
      });
      expect((await ended(deployed, cancelled)).state).toBe("CANCELED");
      await Promise.all([running, cancelled, created].map((id) => nothingIsLeftOf(deployed, id)));
    },
    testMilliseconds,
  );
});
