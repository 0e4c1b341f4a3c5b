// Names on the cluster: slashes, markers, wildcards and links, with the paths that a client sent in the answer.
import { describe, expect, test } from "bun:test";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { shell } from "./tasks.ts";

const secondsMax = 120;

async function run(task: object, strict: boolean): Promise<TesTask> {
  const settings = { TESPOD_STRICT_OUTPUTS: "true" };
  const { tes } = await (strict ? service({ namespace: "tespod-names-strict", settings }) : service());
  return await tes.wait(await tes.create(task), { seconds: secondsMax });
}

function storage(): S3 {
  if (cluster === undefined) throw new Error("There is no cluster");
  return connectS3(cluster.s3);
}

const systemLogs = (task: TesTask) => (task.logs?.[0]?.system_logs ?? []).join("\n");

describe.skipIf(cluster === undefined)("names", () => {
  test(
    "slashes in paths mean nothing: folders come and go under the names that they have, and the answer has the paths as sent",
    async () => {
      const s3 = storage();
      const bucket = await s3.bucket("e2e-names");
      const started = `slashes-${Date.now().toString(36)}`;
      for (const [key, text] of Object.entries({ "m/": "", "m/a": "1", "m/sub/b": "2" }))
        await s3.put(bucket, `${started}/${key}`, text);
      const url = `s3://${bucket}/${started}`;
      const inputs = [{ url: `${url}/m/`, path: "//data/./in//" }];
      const outputs = [
        { url: `${url}/o`, path: "/data/out//", type: "DIRECTORY" },
        { url: `${url}/w/`, path: "/data//out/sam*", path_prefix: "/data/out/sam" },
      ];
      const line =
        "cd /data/out && cp ../in/a a && cp ../in/sub/b b && printf bam >sample.bam && cat /data/in/a >&2";
      const task = await run({ inputs, outputs, volumes: ["/data//"], executors: [shell(line)] }, false);
      expect([task.state, systemLogs(task)]).toEqual(["COMPLETE", expect.any(String)]);
      expect(await s3.keys(bucket, `${started}/o`)).toEqual(
        ["a", "b", "sample.bam"].map((name) => `${started}/o/${name}`),
      );
      expect((await s3.get(bucket, `${started}/o/b`)).toString()).toBe("2");
      expect(await s3.keys(bucket, `${started}/w`)).toEqual([`${started}/w/ple.bam`]);
      expect(task.inputs?.map(({ path, type }) => ({ path, type }))).toEqual([
        { path: "//data/./in//", type: "DIRECTORY" },
      ]);
      expect(task.outputs?.map(({ path }) => path)).toEqual(["/data/out//", "/data//out/sam*"]);
    },
    secondsMax * 1000,
  );

  const outputs = [
    { url: "s3://e2e-names/none", path: "/out/x*", path_prefix: "/out" },
    { url: "s3://e2e-names/link", path: "/out/link" },
    { url: "s3://e2e-names/fifo", path: "/out/fifo" },
  ];
  const executors = [shell("ln -s /etc/passwd /out/link; mkfifo /out/fifo")];
  const words = [
    'Output "/out/x*" matches no file',
    '"/out/link" is not uploaded: it leads outside the task\'s files',
    '"/out/fifo" is not uploaded: it is neither a file nor a folder',
  ];

  test(
    "what of the outputs is no file is told, each with its reason",
    async () => {
      await storage().bucket("e2e-names");
      const task = await run({ outputs, executors }, false);
      expect(task.state).toBe("COMPLETE");
      for (const each of words) expect(systemLogs(task)).toContain(each);
    },
    secondsMax * 1000,
  );

  test(
    "and fails the task where outputs are strict",
    async () => {
      await storage().bucket("e2e-names");
      for (const [index, output] of outputs.entries()) {
        const task = await run({ outputs: [output], executors }, true);
        expect(task.state).toBe("SYSTEM_ERROR");
        expect(systemLogs(task)).toContain(words[index] ?? "?");
      }
    },
    3 * secondsMax * 1000,
  );
});
