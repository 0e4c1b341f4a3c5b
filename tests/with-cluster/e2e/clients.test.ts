// The clients of the field against the deployed service: those that registries have run themselves, for the others their tasks
// run as they send them.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeCertificates } from "../../filer/certificates.ts";
import { type FtpServer, findFtpServers, startVsftpd } from "../../filer/ftp-server.ts";
import { ensureBashImage } from "../../support/bash-image.ts";
import {
  type ClientBody,
  cromwell,
  cwlTes as cwlTesBody,
  funnel,
  nextflow,
  sprocket,
  toil,
} from "../../support/client-bodies.ts";
import type { Deployed } from "../../support/deploy.ts";
import {
  expectedPydanticRoundTrip,
  findCwlTes,
  findPydanticTes,
  findSnakemake,
} from "../../support/python-clients.ts";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { busybox, untilNothingIsLeft } from "./tasks.ts";

const secondsMax = 150;

const [pydanticTes, snakemake, cwlTes, ftp, bash] =
  cluster === undefined
    ? []
    : await Promise.all([
        findPydanticTes(),
        findSnakemake(),
        findCwlTes(),
        findFtpServers(),
        ensureBashImage(cluster),
      ]);
for (const [name, found] of [
  ["vsftpd", ftp],
  ["bash", bash],
] as const)
  if (found !== undefined && "missing" in found)
    console.error(`Tests with ${name} are skipped: ${found.missing}`);
const image = bash !== undefined && "image" in bash ? bash.image : "";
const ftpRoot = ftp !== undefined && "root" in ftp ? ftp.root : "";

const bucketName = "e2e-clients";
const storage = `s3://${bucketName}/run`;
let deployed: Deployed;
let s3: S3;

const text = async (key: string): Promise<string> => (await s3.get(bucketName, `run/${key}`)).toString();
const put = (key: string, content: string): Promise<void> => s3.put(bucketName, `run/${key}`, content);
const codes = (task: TesTask) => task.logs?.[0]?.logs.map(({ exit_code }) => exit_code);
const run = async (body: object): Promise<TesTask> =>
  deployed.tes.wait(await deployed.tes.create(body), { seconds: secondsMax });
const runAs = ({ body }: ClientBody): Promise<TesTask> => run(body({ image: image || busybox, storage }));

describe.skipIf(cluster === undefined)("clients", () => {
  beforeAll(async () => {
    if (cluster === undefined) return;
    deployed = await service({ namespace: "tespod-clients" });
    s3 = connectS3(cluster.s3);
    await s3.bucket(bucketName);
    await put("whale.txt", "whale\n");
  }, 180_000);

  afterAll(() => untilNothingIsLeft(deployed), 90_000);

  test.concurrent.skipIf(image === "")(
    "Nextflow: hidden files, names with spaces, wildcards under /work; a folder declared as a file goes in and out as a folder",
    async () => {
      await put(
        "work/ab/cd/.command.run",
        "cd /work && bash .command.sh >.command.out 2>.command.err; echo $? >.exitcode; cat .command.out",
      );
      await put(
        "work/ab/cd/.command.sh",
        'cp "my data/a file.txt" a.txt; mkdir "result dir" parts; cp index/x/y "result dir/y 1"; echo p >parts/p; echo e >&2; pwd',
      );
      await put("data/my data/a file.txt", "spaced\n");
      await put("data/index/x/y", "indexed\n");
      const task = await runAs(nextflow);
      expect(task.state).toBe("COMPLETE");
      expect(codes(task)).toEqual([0]);
      expect(task.logs?.[0]?.logs[0]?.stdout).toBe("/work\n");
      const folder = "work/ab/cd";
      expect(await text(`${folder}/.exitcode`)).toBe("0\n");
      expect(await text(`${folder}/.command.err`)).toBe("e\n");
      expect(await text(`${folder}/.command.log`)).toBe("/work\n");
      expect(await text(`${folder}/a.txt`)).toBe("spaced\n");
      expect(await text(`${folder}/result dir/y 1`)).toBe("indexed\n");
      expect(await text(`${folder}/parts/p`)).toBe("p\n");
      const declared = task as unknown as Record<"inputs" | "outputs", { path: string; type: string }[]>;
      const folders = [...declared.inputs, ...declared.outputs].filter(({ type }) => type === "DIRECTORY");
      expect(folders.map(({ path }) => path)).toEqual(["/work/index", "/work/result dir"]);
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "cwl-tes' form: a workdir that no image has, outputs that overlap, all of them there after a failure",
    async () => {
      const task = await runAs(cwlTesBody);
      expect(task.state).toBe("EXECUTOR_ERROR");
      expect(codes(task)).toEqual([3]);
      expect(await text("cwl/log")).toBe("/XyZabc\n");
      expect(await text("cwl/md5.txt")).toStartWith(
        new Bun.CryptoHasher("md5").update("whale\n").digest("hex"),
      );
      const paths = task.logs?.[0]?.outputs.map(({ path }) => path).toSorted();
      expect(paths).toEqual(["/XyZabc/log", "/XyZabc/md5.txt", "/XyZabc/md5.txt"]);
    },
    secondsMax * 1000,
  );

  test.concurrent.skipIf(image === "")(
    "Cromwell: rc, streams, the script and the folder of a glob are there although the task failed",
    async () => {
      const task = await runAs(cromwell);
      expect(task.state).toBe("EXECUTOR_ERROR");
      expect(codes(task)).toEqual([5]);
      const folder = "cromwell-executions/wf/1b2c/call-hello/execution";
      expect(await text(`${folder}/rc`)).toBe("5\n");
      expect(await text(`${folder}/stdout`)).toBe("said\n");
      expect(await text(`${folder}/stderr`)).toBe("");
      expect(await text(`${folder}/script`)).toStartWith("#!/bin/bash");
      expect(await text(`${folder}/glob-0f1e.list`)).toBe("a.txt\n");
      expect(await text(`${folder}/glob-0f1e/a.txt`)).toBe("a\n");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "Toil's form: a workdir in /tmp that can be written to",
    async () => {
      const task = await runAs(toil);
      expect([task.state, task.logs?.[0]?.logs[0]?.stdout]).toEqual(["COMPLETE", "toil\n"]);
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "Sprocket's form: a workdir that is an output folder beside inputs in the folder above it",
    async () => {
      const task = await runAs(sprocket);
      expect(task.state).toBe("COMPLETE");
      expect(await text("sprocket/work/out")).toBe("whale\n");
      expect(await text("sprocket/stdout")).toBe("");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "the funnel command line's form: the error is ignored, the wildcard uploaded",
    async () => {
      const task = await runAs(funnel);
      expect(task.state).toBe("COMPLETE");
      expect(codes(task)).toEqual([9, 0]);
      expect(await text("funnel/copy")).toBe("whale\n");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "the compliance suite: a command that is not there is an executor's error, which can be ignored like any other",
    async () => {
      const executors = [
        { image: busybox, command: ["ERROR"] },
        { image: busybox, command: ["true"] },
      ];
      const ignoring = executors.map((executor) => ({ ...executor, ignore_error: true }));
      const tasks = await Promise.all([run({ executors }), run({ executors: ignoring })]);
      expect(tasks.map((task) => [task.state, codes(task)])).toEqual([
        ["EXECUTOR_ERROR", [127]],
        ["COMPLETE", [127, 0]],
      ]);
    },
    secondsMax * 1000,
  );

  test.concurrent.skipIf(pydanticTes === undefined)(
    "pydantic-tes, with Pulsar's three executors, a volume that they share and inputs beneath it",
    async () => {
      const seen = await pydanticTes?.(`${deployed.url}/ga4gh/tes/`, busybox);
      expect(seen as object).toEqual(expectedPydanticRoundTrip("{}"));
    },
    secondsMax * 1000,
  );

  test.concurrent.skipIf(snakemake === undefined || image === "")(
    "Snakemake: its job script runs in /tmp, which has no conda yet; a job that fails is told so",
    async () => {
      if (cluster === undefined) throw new Error("There is no cluster");
      const { accessKeyId, secretAccessKey, region, endpointFromHost } = cluster.s3;
      const storageArgs = [
        ...["--default-storage-provider", "s3", "--default-storage-prefix", `s3://${bucketName}`],
        ...["--storage-s3-endpoint-url", endpointFromHost, "--storage-s3-region", region],
        ...["--storage-s3-access-key", accessKeyId, "--storage-s3-secret-key", secretAccessKey],
      ];
      const snakefile = 'rule hello:\n    resources: mem_mb=100, disk_mb=100\n    shell: "echo hello"\n';
      const runIn = (container: string) =>
        snakemake?.({
          url: deployed.url,
          snakefile,
          args: ["--container-image", container, ...storageArgs],
        });
      // busybox has no bash.
      const [good, bad] = await Promise.all([runIn(image), runIn(busybox)]);
      expect(good?.stderr).toContain("1 of 1 steps (100%) done");
      expect(bad?.stderr).toContain("Error in rule hello");
      expect([good?.code, bad?.code]).toEqual([0, 1]);
      const task = await deployed.tes.get(submitted(good?.stderr ?? ""), "FULL");
      expect(task.logs?.[0]?.logs[0]?.stdout).toContain("stand-in for python: -m snakemake --snakefile");
      expect((await deployed.tes.get(submitted(bad?.stderr ?? ""), "FULL")).state).toBe("EXECUTOR_ERROR");
      // The script holds the keys of the storage.
      const basic = await deployed.tes.request(`/tasks/${task.id}?view=BASIC`);
      expect(await basic.text()).not.toContain(secretAccessKey);
      const events = await deployed.kubectl(["get", "events,pods", "-o", "json"]);
      expect(events).not.toContain(secretAccessKey);
    },
    240_000,
  );

  describe.skipIf(cwlTes === undefined || ftpRoot === "" || cluster?.kind !== "local")(
    "cwl-tes, over FTP with TLS on port 21, the only kind that it knows",
    () => {
      let server: FtpServer;

      beforeAll(async () => {
        const address = new URL(cluster?.s3.endpointFromPods ?? "").hostname;
        server = await startVsftpd(ftpRoot, { certificates: makeCertificates(), address, port: 21 });
      }, 60_000);

      afterAll(() => server[Symbol.asyncDispose]());

      test("runs a tool and finds its output", async () => {
        const host = new URL(cluster?.s3.endpointFromPods ?? "").hostname;
        const tool = {
          cwlVersion: "v1.0",
          class: "CommandLineTool",
          hints: { DockerRequirement: { dockerPull: busybox } },
          baseCommand: "md5sum",
          inputs: { whale: { type: "File", inputBinding: {} } },
          stdout: "md5.txt",
          outputs: { sum: { type: "stdout" } },
        };
        const ended = await cwlTes?.({
          url: deployed.url,
          files: { "tool.cwl": JSON.stringify(tool), "whale.txt": "whale\n" },
          args: ["--remote-storage-url", `ftp://${host}/pub/run`, "tool.cwl", "--whale", "whale.txt"],
        });
        expect(ended?.stderr).toContain("Final process status is success");
      }, 200_000);
    },
  );
});

/** The id of the task that Snakemake says it submitted. */
const submitted = (stderr: string): string => /Task submitted: (\w+)/.exec(stderr)?.[1] ?? "none";
