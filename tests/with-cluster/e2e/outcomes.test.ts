// How tasks end: by their executors, by what they ask for, by a cancel; and that nothing is left of any of them.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { stagedBy, stagings } from "./staging.ts";
import { busybox, shell, untilNothingIsLeft } from "./tasks.ts";

const secondsMax = 120;

describe.skipIf(cluster === undefined)("how a task ends", () => {
  let deployed: Deployed;

  beforeAll(async () => {
    deployed = await service();
    for (const staging of stagings) await stagedBy(staging);
  }, 180_000);

  afterAll(() => untilNothingIsLeft(deployed), 90_000);

  const run = async (task: object): Promise<TesTask> =>
    deployed.tes.wait(await deployed.tes.create(task), { seconds: secondsMax });
  const codes = (task: TesTask) => task.logs?.[0]?.logs.map(({ exit_code }) => exit_code);
  const systemLogs = (task: TesTask) => (task.logs?.[0]?.system_logs ?? []).join("\n");

  test.concurrent(
    "the first failing executor ends it: EXECUTOR_ERROR with its code, the next is not started, outputs are uploaded",
    async () => {
      if (cluster === undefined) throw new Error("There is no cluster");
      const s3 = connectS3(cluster.s3);
      const bucket = await s3.bucket("e2e-outcomes");
      const task = await run({
        outputs: [{ url: `s3://${bucket}/failed/rc`, path: "/out/rc" }],
        executors: [shell("true"), shell("echo 7 >/out/rc; echo no good >&2; exit 7"), shell("echo never")],
      });
      expect(task.state).toBe("EXECUTOR_ERROR");
      expect(codes(task)).toEqual([0, 7]);
      expect(task.logs?.[0]?.logs[1]?.stderr).toBe("no good\n");
      expect((await s3.get(bucket, "failed/rc")).toString()).toBe("7\n");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "an ignored error is recorded and the next executor runs: COMPLETE",
    async () => {
      const task = await run({ executors: [shell("exit 3", { ignore_error: true }), shell("echo next")] });
      expect(task.state).toBe("COMPLETE");
      expect(codes(task)).toEqual([3, 0]);
      expect(task.logs?.[0]?.logs[1]?.stdout).toBe("next\n");
    },
    secondsMax * 1000,
  );

  test.concurrent.each([
    { title: "a command that is not there", command: ["/no/such/tool"], code: 127 },
    { title: "a command that is no program", command: ["/etc"], code: 126 },
    { title: "a command that kills itself", command: ["sh", "-c", "kill -9 $$"], code: 137 },
  ])(
    "$title: EXECUTOR_ERROR $code",
    async ({ command, code }) => {
      const task = await run({ executors: [{ image: busybox, command }] });
      expect(task.state).toBe("EXECUTOR_ERROR");
      expect(codes(task)).toEqual([code]);
    },
    secondsMax * 1000,
  );

  test.concurrent.each([...stagings])(
    "a missing input, staged by %s: SYSTEM_ERROR that names it, and no credential",
    async (staging) => {
      const { tes } = await stagedBy(staging);
      const id = await tes.create({
        inputs: [{ url: "s3://e2e-outcomes/not/there", path: "/in/x" }],
        executors: [shell("cat /in/x")],
      });
      const task = await tes.wait(id, { seconds: secondsMax });
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(codes(task)).toEqual([]);
      expect(systemLogs(task)).toContain("s3://e2e-outcomes/not/there");
      expect(systemLogs(task)).not.toContain(cluster?.s3.secretAccessKey ?? "?");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "a missing output after success: COMPLETE, with a line that names it",
    async () => {
      const task = await run({
        outputs: [{ url: "s3://e2e-outcomes/optional", path: "/out/optional" }],
        executors: [shell("true")],
      });
      expect(task.state).toBe("COMPLETE");
      expect(task.logs?.[0]?.outputs).toEqual([]);
      expect(systemLogs(task)).toContain("/out/optional");
    },
    secondsMax * 1000,
  );

  test.concurrent.each([
    { title: "an image that is nowhere", image: "localhost/no/such/image:1" },
    { title: "an image name that is none", image: "UPPER//case" },
  ])(
    "$title: SYSTEM_ERROR that names the container, within two minutes",
    async ({ image }) => {
      const task = await run({ executors: [{ image, command: ["true"] }] });
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(systemLogs(task)).toContain("exec-0");
    },
    secondsMax * 1000,
  );

  test.concurrent.each([
    { tool: "a tool that ends of it", grace: 1, script: "sleep 100" },
    { tool: "a tool that ends of it", grace: 30, script: "sleep 100" },
    { tool: "a tool that fails of it", grace: 30, script: "trap 'exit 3' TERM; while :; do sleep 0.1; done" },
    { tool: "a tool that has to be killed", grace: 1, script: "trap '' TERM; while :; do sleep 0.1; done" },
  ])(
    "a pod that somebody deletes, with $grace s for $tool: SYSTEM_ERROR that says so",
    async ({ grace, script }) => {
      const id = await deployed.tes.create({ executors: [shell(script)] });
      await deployed.tes.wait(id, { until: (state) => state === "RUNNING" });
      await deployed.kubectl(["delete", "pod", `tes-${id}-1`, `--grace-period=${grace}`]);
      const task = await deployed.tes.wait(id, { seconds: secondsMax });
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(systemLogs(task)).toContain("deleted");
    },
    secondsMax * 1000,
  );

  test.concurrent.each([...stagings])(
    "content too large for a pod object, staged by %s, arrives whole",
    async (staging) => {
      const { tes } = await stagedBy(staging);
      const content = randomBytes(150_000).toString("base64");
      const id = await tes.create({
        inputs: [{ content, path: "/in/large" }],
        executors: [{ image: busybox, command: ["md5sum", "/in/large"] }],
      });
      const task = await tes.wait(id, { seconds: secondsMax });
      expect(task.state).toBe("COMPLETE");
      expect(task.logs?.[0]?.logs[0]?.stdout).toStartWith(
        new Bun.CryptoHasher("md5").update(content).digest("hex"),
      );
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "argv and env arrive byte for byte",
    async () => {
      const values = [
        "",
        " ",
        "$(HOME)",
        "$HOME",
        "$$",
        "`id`",
        "a'b\"c",
        "\\",
        "line\nline",
        "*",
        "ünï©ode 🎉",
        "-n",
      ];
      const task = await run({
        executors: [
          { image: busybox, command: ["printf", "[%s]", ...values] },
          { image: busybox, command: ["sh", "-c", 'printf "[%s]" "$ODD"'], env: { ODD: values.join("") } },
        ],
      });
      expect(task.state).toBe("COMPLETE");
      expect(task.logs?.[0]?.logs[0]?.stdout).toBe(values.map((value) => `[${value}]`).join(""));
      expect(task.logs?.[0]?.logs[1]?.stdout).toBe(`[${values.join("")}]`);
    },
    secondsMax * 1000,
  );

  test.concurrent.each([
    { title: "while it waits for a node", resources: { cpu_cores: 1000 }, at: "QUEUED" },
    { title: "while it runs", resources: {}, at: "RUNNING" },
  ])(
    "cancel $title: CANCELED, twice is once, and no pod",
    async ({ resources, at }) => {
      const id = await deployed.tes.create({ resources, executors: [shell("sleep 100")] });
      await deployed.tes.wait(id, { until: (state) => state === at });
      await Promise.all([deployed.tes.cancel(id), deployed.tes.cancel(id)]);
      const task = await deployed.tes.wait(id, { seconds: secondsMax });
      expect(task.state).toBe("CANCELED");
      await deployed.tes.cancel(id);
      expect((await deployed.tes.get(id)).state).toBe("CANCELED");
      expect(await deployed.kubectl(["get", "pods", "-l", `tespod/task=${id}`, "-o", "name"])).toBe("");
    },
    secondsMax * 1000,
  );
});
