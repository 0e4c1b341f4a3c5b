// Where files may lie: nested and overlapping folders, /tmp and /work, files right in system folders, and what is refused.
import { beforeAll, describe, expect, test } from "bun:test";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { stagedBy, stagings } from "./staging.ts";
import { shell } from "./tasks.ts";

const secondsMax = 120;

interface Row {
  readonly title: string;
  /** A task whose urls are below the given one; s3://…/in/a and /in/b/c hold "a\n" and "c\n". */
  readonly task: (url: string) => object;
  /** What the outputs hold at the end, by their keys below the url. */
  readonly files?: Readonly<Record<string, string>>;
  readonly stdout?: string;
}

const rows: readonly Row[] = [
  {
    title: "files, folders and volumes inside one another",
    task: (url) => ({
      inputs: [
        { url: `${url}/in/a`, path: "/n/a" },
        { content: "b\n", path: "/n/deep/b" },
        { url: `${url}/in/b/c`, path: "/n/deep/er/c" },
        { url: `${url}/in`, path: "/n/deep/er/tree", type: "DIRECTORY" },
      ],
      outputs: [
        { url: `${url}/out/all`, path: "/n/deep/er/still/all" },
        { url: `${url}/out/folder`, path: "/n/deep/folder", type: "DIRECTORY" },
      ],
      volumes: ["/n/deep/er", "/n/v"],
      executors: [
        shell(
          "cd /n && mkdir -p deep/er/still deep/folder/x && cat a deep/b deep/er/c deep/er/tree/a deep/er/tree/b/c >deep/er/still/all && cp deep/b deep/folder/x && cp a v",
        ),
        shell("cat /n/v/a"),
      ],
    }),
    files: { "out/all": "a\nb\nc\na\nc\n", "out/folder/x/b": "b\n" },
    stdout: "a\n",
  },
  {
    title: "inputs in /tmp and /work, which are the workdirs too",
    task: (url) => ({
      inputs: [
        { url: `${url}/in/a`, path: "/tmp/a" },
        { content: "cat ../tmp/a inner/c", path: "/work/.command.run" },
        { url: `${url}/in/b/c`, path: "/work/inner/c" },
      ],
      executors: [
        shell("mkdir -p /tmp/conda && cat a", { workdir: "/tmp" }),
        { image: "localhost/busybox:1", command: ["sh", ".command.run"], workdir: "/work" },
      ],
    }),
    stdout: "a\na\nc\n",
  },
  {
    title: "single files in system folders, beside what the image has there",
    task: (url) => ({
      inputs: [
        { content: "setting\n", path: "/etc/tool/tool.conf" },
        { url: `${url}/in/a`, path: "/usr/local/share/a" },
        { url: `${url}/in/b/c`, path: "/c" },
        { content: "#!/bin/sh\necho a tool\n", path: "/bin/our-tool" },
      ],
      outputs: [
        { url: `${url}/out/result`, path: "/etc/result" },
        { url: `${url}/out/log`, path: "/usr/share/log" },
      ],
      executors: [
        shell("cat /etc/tool/tool.conf /usr/local/share/a /c; our-tool; echo result >/etc/result", {
          stdout: "/usr/share/log",
        }),
      ],
    }),
    files: { "out/result": "result\n", "out/log": "setting\na\nc\na tool\n" },
    stdout: "setting\na\nc\na tool\n",
  },
  {
    title: "a file and the folder that holds it, both outputs (cwl-tes)",
    task: (url) => ({
      inputs: [{ url: `${url}/in/a`, path: "/var/lib/cwl/stg1/a" }],
      outputs: [
        { url: `${url}/out/md5.txt`, path: "/XyZ123/md5.txt" },
        { url: `${url}/out/dir`, path: "/XyZ123", type: "DIRECTORY" },
      ],
      executors: [
        {
          image: "localhost/busybox:1",
          command: ["md5sum", "/var/lib/cwl/stg1/a"],
          stdout: "/XyZ123/md5.txt",
          workdir: "/XyZ123",
          env: { HOME: "/XyZ123", TMPDIR: "/tmp" },
        },
      ],
    }),
    files: {
      "out/md5.txt": "60b725f10c9c85c70d97880dfe8191b3  /var/lib/cwl/stg1/a\n",
      "out/dir/md5.txt": "60b725f10c9c85c70d97880dfe8191b3  /var/lib/cwl/stg1/a\n",
    },
  },
  {
    title: "files that are inputs and outputs, in folders that are too (Cromwell)",
    task: (url) => ({
      inputs: [
        { content: "cat ../inputs/a; echo 0 >rc", path: "/cromwell/call/execution/script" },
        { url: `${url}/in/a`, path: "/cromwell/call/inputs/a" },
        { url: `${url}/in`, path: "/cromwell/call/inputs/tree", type: "DIRECTORY" },
      ],
      outputs: [
        { url: `${url}/out/script`, path: "/cromwell/call/execution/script" },
        { url: `${url}/out/rc`, path: "/cromwell/call/execution/rc" },
        { url: `${url}/out/stdout`, path: "/cromwell/call/execution/stdout" },
        { url: `${url}/out/stderr`, path: "/cromwell/call/execution/stderr" },
        { url: `${url}/out/a`, path: "/cromwell/call/inputs/a" },
        { url: `${url}/out/tree`, path: "/cromwell/call/inputs/tree", type: "DIRECTORY" },
      ],
      executors: [
        shell(". ./script; echo changed >>../inputs/a; rm ../inputs/tree/a", {
          workdir: "/cromwell/call/execution",
          stdout: "/cromwell/call/execution/stdout",
          stderr: "/cromwell/call/execution/stderr",
        }),
      ],
    }),
    files: {
      "out/script": "cat ../inputs/a; echo 0 >rc",
      "out/rc": "0\n",
      "out/stdout": "a\n",
      "out/stderr": "",
      "out/a": "a\nchanged\n",
      "out/tree/b/c": "c\n",
    },
    stdout: "a\n",
  },
];

const refused = ["/proc", "/sys", "/dev", "/.tes"].flatMap((root) => [
  { root, field: "inputs[0].path", task: { inputs: [{ content: "x", path: `${root}/x` }] } },
  { root, field: "outputs[0].path", task: { outputs: [{ url: "s3://b/k", path: `${root}/x` }] } },
  { root, field: "volumes[0]", task: { volumes: [`${root}//x/`] } },
  { root, field: "executors[0].workdir", task: { executors: [shell("true", { workdir: root })] } },
  { root, field: "executors[0].stdout", task: { executors: [shell("true", { stdout: `/./${root}/x` })] } },
]);

describe.skipIf(cluster === undefined)("mounts", () => {
  let s3: S3;
  const bucket = "e2e-mounts";

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    for (const staging of stagings) await stagedBy(staging);
    s3 = connectS3(cluster.s3);
    await s3.bucket(bucket);
  }, 300_000);

  const each = stagings.flatMap((staging) => rows.map((row, index) => ({ ...row, staging, index })));
  test.concurrent.each(each)(
    "$title, staged by $staging",
    async ({ task, files = {}, stdout, staging, index }) => {
      const prefix = `${staging}-${index}-${Date.now().toString(36)}`;
      await s3.put(bucket, `${prefix}/in/a`, "a\n");
      await s3.put(bucket, `${prefix}/in/b/c`, "c\n");
      const { tes } = await stagedBy(staging);
      const id = await tes.create(task(`s3://${bucket}/${prefix}`));
      const ended = await tes.wait(id, { seconds: secondsMax });
      expect({ state: ended.state, logs: JSON.stringify(ended.logs) }).toMatchObject({ state: "COMPLETE" });
      const log = ended.logs?.[0]?.logs ?? [];
      expect(log.map(({ stderr }) => stderr).join("")).toBe("");
      if (stdout !== undefined) expect(log.map((executor) => executor.stdout).join("")).toBe(stdout);
      const keys = await s3.keys(bucket, `${prefix}/out/`);
      const got = keys.map(async (key) => [key.slice(prefix.length + 1), String(await s3.get(bucket, key))]);
      expect(Object.fromEntries(await Promise.all(got))).toEqual(files);
      expect(ended.logs?.[0]?.outputs.length).toBe(keys.length);
    },
    secondsMax * 1000,
  );

  test.each(refused)("$field in $root is refused, by name", async ({ task, field, root }) => {
    const { tes } = await stagedBy("init");
    const body = JSON.stringify({ executors: [shell("true")], ...task });
    const headers = { "content-type": "application/json" };
    const response = await tes.request("/tasks", { method: "POST", headers, body });
    const { errors } = (await response.json()) as { errors?: { path: string; message: string }[] };
    expect(response.status).toBe(400);
    expect(errors).toEqual([expect.objectContaining({ path: field })]);
    expect(JSON.stringify(errors)).toContain(root);
  });
});
