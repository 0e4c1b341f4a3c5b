// The service goes away while tasks run: they complete all the same, each once.
import { beforeAll, describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import { shell, untilNothingIsLeft } from "./tasks.ts";

describe.skipIf(cluster === undefined)("a service that goes away", () => {
  let deployed: Deployed;

  beforeAll(async () => {
    deployed = await service({ namespace: "tespod-away" });
  }, 180_000);

  const killService = () =>
    deployed.serviceKubectl([
      "delete",
      "pod",
      "-l",
      "app.kubernetes.io/name=tespod",
      "--grace-period=0",
      "--force",
      "--wait=false",
    ]);

  test("deleted in the middle of a task: the task completes", async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    const s3 = connectS3(cluster.s3);
    const bucket = await s3.bucket("e2e-away");
    const id = await deployed.tes.create({
      outputs: [{ url: `s3://${bucket}/out`, path: "/out/text" }],
      executors: [shell("sleep 2; echo first >/out/text"), shell("echo second >>/out/text")],
    });
    await deployed.tes.wait(id, { until: (state) => state === "RUNNING" });
    await killService();
    const task = await deployed.tes.wait(id, { seconds: 120, everyMilliseconds: 200 });
    expect(task.state).toBe("COMPLETE");
    expect((await s3.get(bucket, "out")).toString()).toBe("first\nsecond\n");
    await untilNothingIsLeft(deployed);
  }, 180_000);

  test("killed at every step of many tasks: each completes, in its first pod", async () => {
    const ids: string[] = [];
    /** Until the service is back and takes it. */
    const create = async () => {
      let last: unknown;
      for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
        const task = { executors: [shell("sleep 1"), shell("echo end")] };
        try {
          return ids.push(await deployed.tes.create(task));
        } catch (error) {
          last = error;
        }
      }
      throw new Error("The service did not come back in 60 s", { cause: last });
    };
    for (let kill = 0; kill < 4; kill++) {
      for (let task = 0; task < 4; task++) {
        await create();
        await sleep(250);
      }
      await killService();
    }
    expect(ids.length).toBe(16);
    const tasks = await Promise.all(
      ids.map((id) => deployed.tes.wait(id, { seconds: 120, everyMilliseconds: 500 })),
    );
    expect(tasks.map(({ state }) => state)).toEqual(ids.map(() => "COMPLETE"));
    expect(tasks.map(({ logs }) => logs?.[0]?.logs.map(({ stdout }) => stdout))).toEqual(
      ids.map(() => ["", "end\n"]),
    );
    const again = tasks.filter(({ logs }) =>
      logs?.[0]?.system_logs?.some((line) => line.includes("trying again")),
    );
    expect(again).toEqual([]);
    await untilNothingIsLeft(deployed);
  }, 240_000);

  test("a service that pods are not told of: the task is RUNNING while it runs, with the output of executors that ended", async () => {
    const silent = await service({ namespace: "tespod-silent", settings: { TESPOD_CALLBACK_URL: "" } });
    const id = await silent.tes.create({ executors: [shell("echo first"), shell("sleep 600")] });
    const running = await silent.tes.wait(id, { until: (state) => state === "RUNNING", seconds: 120 });
    expect(running.state).toBe("RUNNING");
    for (let looks = 0; ((await silent.tes.get(id, "FULL")).logs?.[0]?.logs ?? []).length === 0; looks++) {
      expect(looks).toBeLessThan(600);
      await Bun.sleep(100);
    }
    expect((await silent.tes.get(id, "FULL")).logs?.[0]?.logs[0]?.stdout).toBe("first\n");
    await silent.tes.cancel(id);
    expect((await silent.tes.wait(id)).state).toBe("CANCELED");
    await untilNothingIsLeft(silent);
  }, 240_000);

  test("a service that pods cannot reach: the task ends by its journal, with outputs and logs", async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    const mute = await service({
      namespace: "tespod-mute",
      settings: { TESPOD_CALLBACK_URL: "http://127.0.0.1:9" },
    });
    const s3 = connectS3(cluster.s3);
    const bucket = await s3.bucket("e2e-mute");
    const id = await mute.tes.create({
      outputs: [{ url: `s3://${bucket}/out`, path: "/out/text" }],
      executors: [shell("echo said; echo written >/out/text"), shell("exit 4")],
    });
    const task = await mute.tes.wait(id, { seconds: 120 });
    expect(task.state).toBe("EXECUTOR_ERROR");
    expect(task.logs?.[0]?.logs.map(({ exit_code, stdout }) => [exit_code, stdout])).toEqual([
      [0, "said\n"],
      [4, ""],
    ]);
    expect(task.logs?.[0]?.outputs.map(({ size_bytes }) => size_bytes)).toEqual(["8"]);
    expect((await s3.get(bucket, "out")).toString()).toBe("written\n");
    await untilNothingIsLeft(mute);
  }, 180_000);
});
