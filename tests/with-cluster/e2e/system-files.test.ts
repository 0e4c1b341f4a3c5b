// Files right in system folders: missing ones, tools that rename, edit and remove, images of other users and without a shell.
import { beforeAll, describe, expect, test } from "bun:test";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { shellImage, staticImage } from "./small-images.ts";
import { stagedBy } from "./staging.ts";
import { shell } from "./tasks.ts";

const secondsMax = 180;

describe.skipIf(cluster === undefined)("files in system folders", () => {
  let s3: S3;
  const bucket = "e2e-system-files";
  const images = new Map<string, string>();
  const run = async (task: object): Promise<TesTask> => {
    const { tes } = await stagedBy("init");
    return await tes.wait(await tes.create(task), { seconds: secondsMax });
  };
  const output = (path: string, key: string) => ({ path, url: `s3://${bucket}/${key}` });
  const get = async (key: string) => String(await s3.get(bucket, key));
  const logs = (task: TesTask) => task.logs?.[0]?.logs ?? [];
  const systemLogs = (task: TesTask) => (task.logs?.[0]?.system_logs ?? []).join("\n");

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    await stagedBy("init");
    s3 = connectS3(cluster.s3);
    await s3.bucket(bucket);
    for (const user of ["1234:5678", "tool"] as const) images.set(user, await shellImage(cluster, user));
    images.set("static", await staticImage(cluster, "static"));
    images.set("nonroot", await staticImage(cluster, "nonroot", "USER 1000:1000\n"));
  }, 300_000);

  test.concurrent(
    "an output that is never made is missing, and the good object of before stays",
    async () => {
      await s3.put(bucket, "missing", "good");
      const task = await run({ outputs: [output("/result.txt", "missing")], executors: [shell("false")] });
      expect(task.state).toBe("EXECUTOR_ERROR");
      expect(systemLogs(task)).toContain('Output "/result.txt" does not exist');
      expect(await get("missing")).toBe("good");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "a link out of the task's files is not uploaded",
    async () => {
      await s3.put(bucket, "link", "good");
      const task = await run({
        outputs: [output("/result.txt", "link")],
        executors: [shell("ln -s /etc/passwd /result.txt")],
      });
      expect(task.state).toBe("COMPLETE");
      expect(systemLogs(task)).toContain('"/result.txt" is not uploaded');
      expect(await get("link")).toBe("good");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "tools rename, edit, remove and make folders there; executors hand on what is there, and do not see what was removed",
    async () => {
      const task = await run({
        inputs: [
          { content: "old\n", path: "/opt/edit" },
          { content: "gone\n", path: "/opt/gone" },
        ],
        outputs: [
          output("/opt/edit", "tools/edit"),
          output("/opt/gone", "tools/gone"),
          output("/root/moved", "tools/moved"),
          output("/usr/local/folder", "tools/folder"),
        ],
        executors: [
          shell(
            "echo x >/tmp/x && mv /tmp/x /root/moved && sed -i s/old/new/ /opt/edit && rm /opt/gone && mkdir -p /usr/local/folder/in",
          ),
          shell("cat /opt/edit /root/moved; ls /opt; echo y >>/root/moved; echo f >/usr/local/folder/in/f"),
        ],
      });
      expect({
        state: task.state,
        log: logs(task).map(({ stdout, stderr }) => `${stdout}${stderr}`),
      }).toEqual({
        state: "COMPLETE",
        log: ["", "new\nx\nedit\n"],
      });
      expect(await get("tools/edit")).toBe("new\n");
      expect(await get("tools/moved")).toBe("x\ny\n");
      expect(await get("tools/folder/in/f")).toBe("f\n");
      expect(systemLogs(task)).toContain('Output "/opt/gone" does not exist');
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "stdin, stdout and stderr there, of an executor that fails too",
    async () => {
      const task = await run({
        inputs: [{ content: "in\n", path: "/root/in" }],
        outputs: [output("/root/out", "streams/out"), output("/err", "streams/err")],
        executors: [
          shell("cat; echo oh >&2", { stdin: "/root/in", stdout: "/root/out", stderr: "/err" }),
          shell("cat; cat /err; exit 3", { stdin: "/root/out" }),
        ],
      });
      expect(logs(task).map(({ stdout, exit_code }) => [exit_code, stdout])).toEqual([
        [0, "in\n"],
        [3, "in\noh\n"],
      ]);
      expect([await get("streams/out"), await get("streams/err")]).toEqual(["in\n", "oh\n"]);
    },
    secondsMax * 1000,
  );

  test.concurrent.each(["1234:5678", "tool"])(
    "an image of user %s: its inputs there are mounted in another pod, an output there is its own failure, told with the way out",
    async (user) => {
      const image = images.get(user);
      const read = { image, command: ["/bin/sh", "-c", "cat /opt/in.txt"] };
      const inputs = [{ content: "text\n", path: "/opt/in.txt" }];
      const task = await run({
        inputs,
        outputs: [output("/opt/in.txt", `user-${user}`)],
        executors: [read],
      });
      expect(logs(task)).toEqual([expect.objectContaining({ exit_code: 0, stdout: "text\n" })]);
      expect(await get(`user-${user}`)).toBe("text\n");
      expect(systemLogs(task)).toContain('Executor 0\'s user cannot write beside "/opt/in.txt"');
      const write = { image, command: ["/bin/sh", "-c", "echo x >/result.txt"] };
      const other = await run({ outputs: [output("/result.txt", `none-${user}`)], executors: [write] });
      expect(other.state).toBe("EXECUTOR_ERROR");
      expect(systemLogs(other)).toContain('cannot write in the directory of "/result.txt"; put it into');
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "a static program on scratch reads and writes there, as root and, by stdin and stdout, as another user",
    async () => {
      const program = (name: string, more: object) => ({
        image: images.get(name),
        command: ["/bin/tee"],
        ...more,
      });
      const task = await run({
        inputs: [{ content: "small\n", path: "/root/in" }],
        outputs: [output("/root/copy", "static/copy"), output("/deep/out", "static/out")],
        executors: [
          program("static", { command: ["/bin/tee", "/root/copy"], stdin: "/root/in" }),
          program("nonroot", { stdin: "/root/copy", stdout: "/out" }),
          program("static", { stdin: "/out", stdout: "/deep/out" }),
        ],
      });
      expect({ state: task.state, log: logs(task).map(({ stderr }) => stderr) }).toEqual({
        state: "COMPLETE",
        log: ["", "", ""],
      });
      expect([await get("static/copy"), await get("static/out")]).toEqual(["small\n", "small\n"]);
      expect(systemLogs(task)).toContain('Executor 1 does not see "/root/in", "/root/copy"');
    },
    secondsMax * 1000,
  );
});
