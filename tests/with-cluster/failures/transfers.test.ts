// Inputs that are denied, outputs that cannot be uploaded, and an image that is only missing later.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import { ended, failing, nothingIsLeftOf, summary, systemLogs, testMilliseconds } from "./failures.ts";

const wrongSecret = "wrong-secret-of-the-test";

describe.skipIf(cluster === undefined)("a task whose files or images are not to be had", () => {
  let deployed: Deployed;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    deployed = await failing();
    const { endpointFromPods, region, accessKeyId } = cluster.s3;
    const denied = {
      buckets: ["fail-denied"],
      endpoint: endpointFromPods,
      region,
      accessKeyId,
      secretAccessKey: wrongSecret,
    };
    const patch = JSON.stringify({ stringData: { S3_ENDPOINTS: JSON.stringify([denied]) } });
    await deployed.kubectl(["patch", "secret", "tespod-storage", "--type=merge", "-p", patch]);
    const s3 = connectS3(cluster.s3);
    await s3.put(await s3.bucket("fail-denied"), "x", "x");
  }, testMilliseconds);

  const run = async (task: object) => {
    const id = await deployed.tes.create(task);
    const last = await ended(deployed, id);
    await nothingIsLeftOf(deployed, id);
    return last;
  };

  test.concurrent(
    "an input that the storage denies: SYSTEM_ERROR that names it, and no credential",
    async () => {
      const task = await run({
        inputs: [{ url: "s3://fail-denied/x", path: "/in/x" }],
        executors: [shell("echo never")],
      });
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [] });
      expect(systemLogs(task)).toContain('Cannot stage "s3://fail-denied/x" as "/in/x"');
      expect(systemLogs(task)).not.toContain(wrongSecret);
    },
    testMilliseconds,
  );

  test.concurrent.each([
    { title: "a bucket that is denied", url: "s3://fail-denied/out" },
    { title: "a server that is not there", url: "http://127.0.0.1:9/out" },
  ])(
    "an output for $title: SYSTEM_ERROR that names it, and the executor's log is kept",
    async ({ url }) => {
      const task = await run({
        outputs: [{ url, path: "/out/x" }],
        executors: [shell("echo done; echo x >/out/x")],
      });
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [[0, "done\n"]] });
      expect(systemLogs(task)).toContain(`Cannot upload "/out/x" to "${url}"`);
      expect(systemLogs(task)).not.toContain(wrongSecret);
    },
    testMilliseconds,
  );

  test.concurrent.each([
    {
      title: "a bucket that is not there",
      url: "s3://fail-no-such-bucket/out",
      words: "the bucket does not exist",
    },
    {
      title: "a host that nobody knows",
      url: "http://no-such.default.svc.cluster.local/out",
      words: "its host is not known",
    },
  ])(
    "an output for $title: SYSTEM_ERROR that names its field, before any executor",
    async ({ url, words }) => {
      const task = await run({
        outputs: [
          { url: "s3://fail-denied/out", path: "/out/x" },
          { url, path: "/out/y" },
        ],
        executors: [shell("echo never")],
      });
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [] });
      expect(systemLogs(task)).toContain(`outputs[1].url: Cannot upload to "${url}": ${words}`);
    },
    testMilliseconds,
  );

  test.concurrent(
    "an output that cannot be uploaded after an executor failed: EXECUTOR_ERROR with its code, and both are told",
    async () => {
      const task = await run({
        outputs: [{ url: "s3://fail-denied/out", path: "/out/x" }],
        executors: [shell("echo x >/out/x; exit 3")],
      });
      expect(summary(task)).toEqual({ state: "EXECUTOR_ERROR", executors: [[3, ""]] });
      expect(systemLogs(task)).toContain('Cannot upload "/out/x"');
    },
    testMilliseconds,
  );

  test.concurrent(
    "a later executor's image that is nowhere: the first runs to its end, then SYSTEM_ERROR that names the second",
    async () => {
      const task = await run({
        executors: [
          shell("sleep 3; echo first"),
          { image: "localhost/no/such/image:2", command: ["true"] },
          shell("echo never"),
        ],
      });
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [[0, "first\n"]] });
      expect(systemLogs(task)).toContain("Container exec-1 does not start");
    },
    testMilliseconds,
  );

  test.concurrent(
    "a later executor's image that is nowhere, after the first failed: EXECUTOR_ERROR with its code",
    async () => {
      const task = await run({
        executors: [shell("exit 4"), { image: "localhost/no/such/image:2", command: ["true"] }],
      });
      expect(summary(task)).toEqual({ state: "EXECUTOR_ERROR", executors: [[4, ""]] });
    },
    testMilliseconds,
  );
});
