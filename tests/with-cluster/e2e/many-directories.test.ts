// Tasks with many directories: few mounts in each container, all files where the task names them, and nothing left on the node.
import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { onNode } from "../failures/host-processes.ts";
import { stagedBy, stagings } from "./staging.ts";
import { shell, untilNothingIsLeft } from "./tasks.ts";

/** TESPOD_DIRECTORIES=1000 for as many as a workflow engine makes of a thousand inputs, with ten executors. */
const count = Number(process.env["TESPOD_DIRECTORIES"] ?? 120);
const executors = count >= 1000 ? 10 : 3;
/** TESPOD_INPUTS=10000 for as many as a task may have, with 64 executors. */
const most = Number(process.env["TESPOD_INPUTS"] ?? 1000);
const mostExecutors = most >= 10_000 ? 64 : 8;
const secondsMax = 480;
const bucket = "e2e-many-directories";
const mountsMax = 64;
/** After the pod's end the node has so long to remove its mounts. */
const mountSecondsMax = 10;

const many = <T>(length: number, make: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => make(index));

async function podOf({ kubectl }: Deployed, id: string): Promise<V1Pod> {
  return JSON.parse(await kubectl(["get", "pod", `tes-${id}-1`, "-o", "json"])) as V1Pod;
}

const mountCounts = ({ spec }: V1Pod): number[] =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(
    ({ volumeMounts = [] }) => volumeMounts.length,
  );

/** The mounts of a pod that its node has. */
const mountsOnNode = (uid: string): string[] =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(uid));

async function untilUnmounted(uid: string): Promise<void> {
  const deadline = Date.now() + mountSecondsMax * 1000;
  for (; mountsOnNode(uid).length > 0; await sleep(200)) {
    if (Date.now() > deadline) throw new Error(`Still mounted: ${mountsOnNode(uid).join("\n")}`);
  }
}

describe.skipIf(cluster === undefined)("many directories", () => {
  let s3: S3;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    for (const staging of stagings) await stagedBy(staging);
    s3 = connectS3(cluster.s3);
    await s3.bucket(bucket);
    await s3.put(bucket, "in/f", "f\n");
  }, 300_000);

  const end = async (service: Deployed, id: string) => {
    const { state, logs } = await service.tes.wait(id, { seconds: secondsMax, everyMilliseconds: 200 });
    return { state, logs: logs?.[0]?.logs ?? [], systemLogs: (logs?.[0]?.system_logs ?? []).join("\n") };
  };

  test.each(stagings)(
    `${count} inputs in as many directories and ${executors} executors, staged by %s`,
    async (staging) => {
      const service = await stagedBy(staging);
      const prefix = `${staging}-${Date.now().toString(36)}`;
      const check = shell(
        `test "$(cat /data/*/f | wc -l)" = ${count} && echo >>/data/log/log && test ! -e /data/7/tespod`,
      );
      const id = await service.tes.create({
        inputs: [
          ...many(count, (index) => ({ url: `s3://${bucket}/in/f`, path: `/data/${index}/f` })),
          { content: "#!/bin/sh\ncat /data/0/f", path: "/data/tool/run" },
        ],
        outputs: [
          { url: `s3://${bucket}/${prefix}/log`, path: "/data/log/log" },
          { url: `s3://${bucket}/${prefix}/folder`, path: "/data/folder", type: "DIRECTORY" },
          { url: `s3://${bucket}/${prefix}/said`, path: "/data/said/out" },
        ],
        volumes: ["/data/volume"],
        executors: [
          shell(
            "stat -c %a /data/log /data/folder /data/volume /data/said /data/7 . && cp /data/0/f /data/folder/x",
            {
              workdir: "/data/work",
            },
          ),
          { image: "localhost/busybox:1", command: ["/data/tool/run"], stdout: "/data/said/out" },
          ...many(executors - 2, () => check),
        ],
      });
      await service.tes.wait(id, { seconds: secondsMax, until: (state) => state !== "QUEUED" });
      const pod = await podOf(service, id);
      const { state, logs, systemLogs } = await end(service, id);
      expect({ state, systemLogs, logs }).toMatchObject({ state: "COMPLETE" });
      expect(Math.max(...mountCounts(pod))).toBeLessThanOrEqual(mountsMax);
      expect(logs[0]?.stdout).toBe("777\n".repeat(6));
      expect(systemLogs).toContain('hide what images have there: "/data"');
      const read = async (key: string) => String(await s3.get(bucket, `${prefix}/${key}`));
      expect(await Promise.all(["log", "folder/x", "said"].map(read))).toEqual([
        "\n".repeat(executors - 2),
        "f\n",
        "f\n",
      ]);
      await untilNothingIsLeft(service, 60, id);
      if (onNode) await untilUnmounted(pod.metadata?.uid ?? "");
    },
    secondsMax * 1000,
  );

  test.each([
    { title: "content", source: (index: number) => ({ content: String(index % 10) }) },
    { title: "a URL", source: () => ({ url: `s3://${bucket}/in/f` }) },
  ])(
    `${most} inputs of $title and as many outputs, each in a directory of its own, and ${mostExecutors} executors`,
    async ({ title, source }) => {
      const service = await stagedBy("supervisor");
      const prefix = `most-${title.length}-${Date.now().toString(36)}`;
      const id = await service.tes.create({
        inputs: many(most, (index) => ({ ...source(index), path: `/in/${index}/f` })),
        outputs: many(most, (index) => ({
          url: `s3://${bucket}/${prefix}/${index}`,
          path: `/out/${index}/f`,
        })),
        executors: [
          shell(
            `test "$(find /in -type f | wc -l)" = ${most} && echo a >/out/0/f && echo b >/out/${most - 1}/f`,
          ),
          ...many(mostExecutors - 1, () => shell("test -s /out/0/f")),
        ],
      });
      const { state, systemLogs, logs } = await end(service, id);
      expect({ state, systemLogs: systemLogs.slice(0, 1000) }).toMatchObject({ state: "COMPLETE" });
      expect(logs).toHaveLength(mostExecutors);
      expect(await s3.keys(bucket, `${prefix}/`)).toEqual([`${prefix}/0`, `${prefix}/${most - 1}`]);
    },
    secondsMax * 1000,
  );

  test("a thousand directories right in / are a 400 with their number, the bound and the way out", async () => {
    const service = await stagedBy("supervisor");
    const inputs = many(1000, (index) => ({ content: "x", path: `/a${index}/f` }));
    const response = await service.tes.request("/tasks", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ inputs, executors: [shell("true")] }),
    });
    const { message } = (await response.json()) as { message: string };
    expect(response.status).toBe(400);
    expect(message).toMatch(/in 1000 directories .* can have 48 of them .* in volumes$/);
  });
});
