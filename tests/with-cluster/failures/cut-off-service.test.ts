// A service whose connections to the API server are cut, and refused from then on, while the rest of the cluster is well.
import { beforeAll, describe, test } from "bun:test";
import { execFileSync } from "node:child_process";
import type { Deployed } from "../../support/deploy.ts";
import { failingWith, testMilliseconds } from "./failures.ts";
import { isFirst, onNode, untilProcess } from "./host-processes.ts";
import { whileAway } from "./while-away.ts";

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
    const kubectl = deployed.serviceKubectl;
    const pod = await kubectl(["get", "pods", label, "-o", "jsonpath={.items[0].metadata.name}"]);
    pid = (await untilProcess({ kubectl }, pod, "tespod", isFirst)).pid;
  }, testMilliseconds);

  test(
    "whose connections are cut: what runs completes, what is created and cancelled waits, and all end when they are back",
    () =>
      whileAway(deployed, {
        name: "cut-off",
        runSeconds: 5,
        leave: () => filter("--append"),
        comeBack: () => filter("--delete"),
        seconds: 0,
        takesPods: false,
      }),
    testMilliseconds,
  );
});
