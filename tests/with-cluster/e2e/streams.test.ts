// Standard streams in real pods: opened again by name, by another user too, beside a command that kills all, in a container's log.

import { beforeAll, describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import { shell } from "./tasks.ts";

const secondsMax = 120;

describe.skipIf(cluster === undefined)("streams", () => {
  let deployed: Deployed;
  let s3: S3;
  const bucket = "e2e-streams";

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    deployed = await service();
    s3 = connectS3(cluster.s3);
    await s3.bucket(bucket);
  }, 180_000);

  const rows = [
    {
      title: "a stream that is opened again goes on where it was",
      line: "echo early >&2; echo late | tee /dev/stderr >/dev/null; echo one; echo two >/proc/self/fd/1; echo three >/dev/stdout",
      ends: { exit_code: 0, stdout: "one\ntwo\nthree\n", stderr: "early\nlate\n" },
    },
    {
      title: "another user writes to /dev/stdout",
      line: "echo root; echo other:x:99:99::/:/bin/sh >/etc/passwd; su other -c 'id -u >/dev/stdout; echo oh >/dev/stderr'",
      ends: { exit_code: 0, stdout: "root\n99\n", stderr: "oh\n" },
    },
    {
      title: "a command that kills all that it may keeps its output and its code",
      line: "echo before; sleep 9 & kill -9 -1; echo alive; echo still >&2; exit 7",
      ends: { exit_code: 7, stdout: "before\nalive\n", stderr: "still\n" },
    },
    {
      title: "what is appended to the file by its name is in order",
      line: 'echo 1; sleep 0.3; echo 2 >>"$OUT"; sleep 0.3; echo 3',
      ends: { exit_code: 0, stdout: "1\n3\n", stderr: "" },
      file: "1\n2\n3\n",
    },
  ];
  const paths = { stdout: "/data/out", stderr: "/data/deep/err" };
  test.concurrent.each(
    rows.flatMap((row) => [
      { ...row, withPaths: true },
      { ...row, withPaths: false },
    ]),
  )(
    "$title, with paths: $withPaths",
    async ({ title, line, ends, file, withPaths }) => {
      const key = title.replaceAll(" ", "-");
      const outputs = [
        { url: `s3://${bucket}/${key}/out`, path: paths.stdout },
        { url: `s3://${bucket}/${key}/err`, path: paths.stderr },
      ];
      const env = { OUT: withPaths ? paths.stdout : "/dev/null" };
      const executors = [shell(line, { env, ...(withPaths ? paths : {}) })];
      const id = await deployed.tes.create({ executors, ...(withPaths ? { outputs } : {}) });
      const task = await deployed.tes.wait(id, { seconds: secondsMax });
      expect(task.logs?.[0]?.logs).toEqual([expect.objectContaining(ends)]);
      if (!withPaths) return;
      expect(String(await s3.get(bucket, `${key}/out`))).toBe(file ?? ends.stdout);
      expect(String(await s3.get(bucket, `${key}/err`))).toBe(ends.stderr);
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "stdout and stderr to one path keep their order, in both logs too",
    async () => {
      const both = { stdout: "/data/both", stderr: "/data//both" };
      const outputs = [{ url: `s3://${bucket}/both`, path: "/data/both" }];
      const id = await deployed.tes.create({
        outputs,
        executors: [shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2", both)],
      });
      const task = await deployed.tes.wait(id, { seconds: secondsMax });
      const text = "1\n2\n3\n4\n";
      expect(task.logs?.[0]?.logs).toEqual([expect.objectContaining({ stdout: text, stderr: text })]);
      expect(String(await s3.get(bucket, "both"))).toBe(text);
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "the container's own log has what a stream without a path says, while it runs",
    async () => {
      const id = await deployed.tes.create({ executors: [shell("echo out; echo err >&2; sleep 600")] });
      const logs = async () =>
        await deployed.kubectl(["logs", `tes-${id}-1`, "-c", "exec-0"]).catch(() => "");
      let text = "";
      for (const start = Date.now(); Date.now() - start < 60_000 && !text.includes("err"); await sleep(200))
        text = await logs();
      await deployed.tes.cancel(id);
      expect(text.split("\n").sort()).toEqual(["", "err", "out"]);
    },
    secondsMax * 1000,
  );
});
