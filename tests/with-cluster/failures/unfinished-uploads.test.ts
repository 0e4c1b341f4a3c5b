// Pods that are taken away while they upload in parts: no part is left in S3.
import { beforeAll, describe, expect, test } from "bun:test";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { signal } from "../../cluster/local/process.ts";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failingInClaim,
  failingWith,
  foldersLeft,
  nothingIsLeftOf,
  secondsMax,
  systemLogs,
  testMilliseconds,
} from "./failures.ts";
import { isFirst, onNode, processesOf, untilProcess } from "./host-processes.ts";

const outputs = 4;
const mebibytes = 250;
/** Buckets are this run's own: what another one left is no fault of this one. */
const run = Date.now().toString(36);

describe.skipIf(!onNode)("a pod that uploads in parts", () => {
  let own: Deployed;
  let inClaim: Deployed;
  let s3: S3;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    s3 = connectS3(cluster.s3);
    [own, inClaim] = await Promise.all([failingWith("uploads", {}), failingInClaim()]);
  }, testMilliseconds);

  /** Creates a task with large outputs, and waits until S3 knows of an upload that it has begun. */
  async function uploading(deployed: Deployed, bucket: string): Promise<string> {
    await s3.bucket(bucket);
    const names = Array.from({ length: outputs }, (_, index) => `out ${index}`);
    const script = names.map((name) => `truncate -s ${mebibytes}M '/data/${name}'`).join(" && ");
    const id = await deployed.tes.create({
      volumes: ["/data"],
      executors: [shell(script)],
      outputs: names.map((name) => ({ path: `/data/${name}`, url: `s3://${bucket}/${name}` })),
    });
    for (const deadline = Date.now() + secondsMax * 1000; ; await sleep(5)) {
      if ((await s3.unfinished(bucket)).length > 0) return id;
      if (Date.now() > deadline) throw new Error(`Task ${id} uploads nothing`);
    }
  }

  const killSupervisor = async (deployed: Deployed, id: string) =>
    signal((await untilProcess(deployed, `tes-${id}-1`, "supervisor", isFirst)).pid, "SIGKILL");

  /** The runtime writes a container's last lines to its log by the time it tells of its end. */
  async function untilJournalIsWhole({ kubectl }: Deployed, id: string): Promise<void> {
    const end = "{.status.containerStatuses[?(@.name=='supervisor')].state.terminated.exitCode}";
    const ask = ["get", "pod", `tes-${id}-1`, "--ignore-not-found", "-o", `jsonpath={.metadata.name}/${end}`];
    const isOver = async () => /^$|\/\d+$/.test((await kubectl(ask)).trim());
    for (const deadline = Date.now() + secondsMax * 1000; !(await isOver()); await sleep(100))
      if (Date.now() > deadline) throw new Error(`The supervisor of task ${id} does not end`);
  }

  const deleteByForce = ({ kubectl }: Deployed, id: string) =>
    kubectl(["delete", "pod", `tes-${id}-1`, "--grace-period=0", "--force"]);

  /** Stops the service while it works. */
  async function whileFrozen(deployed: Deployed, work: () => Promise<unknown>) {
    const kubectl = deployed.serviceKubectl;
    const pod = await kubectl(["get", "pods", "-l", "app.kubernetes.io/name=tespod", "-o", "name"]);
    const processes = await processesOf({ kubectl }, pod.trim().replace("pod/", ""), "tespod");
    for (const { pid } of processes) process.kill(pid, "SIGSTOP");
    try {
      await work();
      await sleep(5000); // how long it is frozen is what this is about
    } finally {
      for (const { pid } of processes) process.kill(pid, "SIGCONT");
    }
  }

  const ways = [
    { how: "killed", bucket: `parts-killed-${run}`, end: killSupervisor },
    { how: "deleted by force", bucket: `parts-force-${run}`, end: deleteByForce },
    {
      how: "killed while the service is frozen",
      bucket: `parts-frozen-${run}`,
      end: (deployed: Deployed, id: string) => whileFrozen(deployed, () => killSupervisor(deployed, id)),
    },
    {
      how: "deleted by force while the service is frozen",
      bucket: `parts-force-frozen-${run}`,
      end: (deployed: Deployed, id: string) => whileFrozen(deployed, () => deleteByForce(deployed, id)),
    },
  ];

  // One after the other: the service of all of them is frozen by some.
  test.each(ways)(
    "$how: SYSTEM_ERROR, and no part is left",
    async ({ bucket, end }) => {
      const id = await uploading(own, bucket);
      await end(own, id);
      const task = await ended(own, id);
      expect(task.state).toBe("SYSTEM_ERROR");
      await nothingIsLeftOf(own, id);
      expect(await s3.unfinished(bucket)).toEqual([]);
      expect(systemLogs(await own.tes.get(id, "FULL"))).not.toContain("may be left");
    },
    testMilliseconds,
  );

  test(
    "killed, and then canceled: no part is left",
    async () => {
      const id = await uploading(own, `parts-cancel-${run}`);
      await killSupervisor(own, id);
      await untilJournalIsWhole(own, id);
      await own.tes.cancel(id);
      expect(["CANCELED", "SYSTEM_ERROR"]).toContain((await ended(own, id)).state ?? "");
      await nothingIsLeftOf(own, id);
      expect(await s3.unfinished(`parts-cancel-${run}`)).toEqual([]);
    },
    testMilliseconds,
  );

  test(
    "killed, with a folder in a shared claim: one pod takes back both",
    async () => {
      const id = await uploading(inClaim, `parts-claim-${run}`);
      await killSupervisor(inClaim, id);
      expect((await ended(inClaim, id)).state).toBe("SYSTEM_ERROR");
      await nothingIsLeftOf(inClaim, id);
      expect(await s3.unfinished(`parts-claim-${run}`)).toEqual([]);
      expect(await foldersLeft(inClaim)).not.toContain(id);
    },
    testMilliseconds,
  );
});
