// Executor images with as little in them as possible: no shell, no C library, no /tmp, no /etc/passwd, no root.
import { beforeAll, describe, expect, test } from "bun:test";
import { connectS3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { shellImage, staticImage } from "./small-images.ts";
import { stagedBy, stagings } from "./staging.ts";

const secondsMax = 120;
const users = ["root", "1234:5678", "tool"] as const;
/** Of a user that the image has no name for, Kubernetes takes the number and drops the group. */
const ids = { root: "0 0", "1234:5678": "1234 0", tool: "2345 6789" };
const named = (user: string) =>
  user === "root" || user === "tool" ? `as ${user}` : `as ${user}, which has no name`;

const run = async (staging: (typeof stagings)[number], task: object): Promise<TesTask> => {
  const { tes } = await stagedBy(staging);
  return tes.wait(await tes.create(task), { seconds: secondsMax });
};
const stdouts = (task: TesTask) => task.logs?.[0]?.logs.map(({ stdout }) => stdout);
const stderrs = (task: TesTask) => task.logs?.[0]?.logs.map(({ stderr }) => stderr).join("");
const systemLogs = (task: TesTask) => (task.logs?.[0]?.system_logs ?? []).join("\n");
const executor = (image: string, script: string, more: object = {}) => ({
  image,
  command: ["/bin/sh", "-c", script],
  ...more,
});

describe.skipIf(cluster === undefined)("small executor images", () => {
  const images = new Map<string, string>();
  const image = (user: string) => images.get(user) ?? "";

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    for (const staging of stagings) {
      await stagedBy(staging);
      await connectS3(cluster.s3).bucket(`e2e-images-${staging}`);
    }
    for (const user of users) images.set(user, await shellImage(cluster, user));
    images.set("static", await staticImage(cluster, "static"));
    images.set("static, as uid 1000", await staticImage(cluster, "nonroot", "USER 1000:1000\n"));
  }, 300_000);

  const programs = ["static", "static, as uid 1000"];
  test.concurrent.each(stagings.flatMap((staging) => programs.map((program) => ({ staging, program }))))(
    "one program on scratch, $program, inputs staged by $staging",
    async ({ staging, program }) => {
      const task = await run(staging, {
        inputs: [{ content: "small\n", path: "/in/text" }],
        volumes: ["/out"],
        executors: [
          { image: image(program), command: ["tee", "/out/copy"], stdin: "/in/text", workdir: "/out" },
          { image: image(program), command: ["/bin/tee"], stdin: "/out/copy" },
        ],
      });
      expect(task.state).toBe("COMPLETE");
      expect(stdouts(task)).toEqual(["small\n", "small\n"]);
    },
    secondsMax * 1000,
  );

  test.concurrent.each(
    stagings.flatMap((staging) => users.map((user) => ({ staging, user, who: named(user) }))),
  )(
    "without /tmp and library, $who, inputs staged by $staging: the workdirs of Nextflow, cwl-tes and Snakemake can be written to",
    async ({ staging, user }) => {
      if (cluster === undefined) throw new Error("There is no cluster");
      const s3 = connectS3(cluster.s3);
      const bucket = `e2e-images-${staging}`;
      const write = 'id -u && id -g && pwd && echo "$OF_IMAGE" >written && cat written';
      const written = (folder: string) => `${ids[user].replace(" ", "\n")}\n${folder}\nkept\n`;
      const task = await run(staging, {
        inputs: [
          { content: write, path: "/work/.command.run" },
          { content: "an input\n", path: "/tmp/job/in" },
        ],
        outputs: [{ url: `s3://${bucket}/${user}`, path: "/XyZ123", type: "DIRECTORY" }],
        executors: [
          { image: image(user), command: ["/bin/sh", ".command.run"], workdir: "/work" },
          executor(image(user), write, { workdir: "/XyZ123" }),
          executor(image(user), `${write} job/in`, { workdir: "/tmp" }),
          executor(image(user), write, { workdir: "/scratch/not/there" }),
        ],
      });
      expect({ state: task.state, stderrs: stderrs(task) }).toEqual({ state: "COMPLETE", stderrs: "" });
      expect(stdouts(task)).toEqual([
        written("/work"),
        written("/XyZ123"),
        `${written("/tmp")}an input\n`,
        written("/scratch/not/there"),
      ]);
      expect((await s3.get(bucket, `${user}/written`)).toString()).toBe("kept\n");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "what an image has in its workdir stays there, a script without #! is run by its shell",
    async () => {
      const task = await run("init", {
        executors: [
          { image: image("1234:5678"), command: ["./hello", "a  b", "c"], workdir: "/app" },
          { image: image("tool"), command: ["/app/hello"], env: { COLUMNS: "1" } },
        ],
      });
      expect(stdouts(task)).toEqual(["hello a  b c\n", "hello\n"]);
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "a program for another architecture: EXECUTOR_ERROR 126, and stderr says so",
    async () => {
      const task = await run("init", { executors: [{ image: image("tool"), command: ["/app/foreign"] }] });
      expect(task.state).toBe("EXECUTOR_ERROR");
      expect(task.logs?.[0]?.logs).toEqual([
        expect.objectContaining({
          exit_code: 126,
          stdout: "",
          stderr: expect.stringMatching(
            /^\/app\/foreign: cannot be executed on this machine: it is a program for another architecture \(.*\)\n$/,
          ),
        }),
      ]);
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "a workdir that is nowhere is made; whoever is not root and fails in it is told the way out",
    async () => {
      const missing = (user: string) =>
        executor(image(user), "echo x >written && pwd", { workdir: "/no/such" });
      const [root, other, way] = await Promise.all([
        run("init", { executors: [missing("root")] }),
        run("init", { executors: [missing("1234:5678")] }),
        run("init", { executors: [missing("1234:5678")], volumes: ["/no/such"] }),
      ]);
      expect([root, way].map(stdouts)).toEqual([["/no/such\n"], ["/no/such\n"]]);
      expect(other.state).toBe("EXECUTOR_ERROR");
      expect(systemLogs(other)).toContain(
        'its user cannot write to its workdir "/no/such"; named in "volumes"',
      );
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "metadata tells node, pod, the image's digest, and what the executor used",
    async () => {
      const { tes } = await stagedBy("init");
      // Long enough for the kubelet to tell the images, and for a use that can be seen.
      const busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 3";
      const id = await tes.create({
        executors: [executor(image("root"), busy), executor(image("tool"), "true")],
      });
      const { logs } = await tes.wait(id, { seconds: secondsMax });
      const metadata = logs?.[0]?.metadata ?? {};
      expect(metadata).toMatchObject({
        node: expect.stringMatching(/./),
        pod: `tes-${id}-1`,
        executor_0_image: expect.stringContaining("sha256:"),
        executor_1_image: expect.stringContaining("sha256:"),
      });
      expect(metadata["executor_0_image"]).not.toBe(metadata["executor_1_image"]);
      if (metadata["executor_0_memory_peak_bytes"] === undefined)
        return console.error("    this node's cgroups tell nothing of executors: usage is not tested");
      expect(Number(metadata["executor_0_cpu_seconds"])).toBeGreaterThan(0.02);
      expect(Number(metadata["executor_0_cpu_seconds"])).toBeLessThan(60);
      expect(Number(metadata["executor_0_memory_peak_bytes"])).toBeGreaterThan(100_000);
      expect(Number(metadata["executor_0_memory_peak_bytes"])).toBeLessThan(1e9);
    },
    secondsMax * 1000,
  );
});
