// Inputs that name one path, or names that the filer once had for itself, as executors see them.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import { shell } from "./tasks.ts";

describe.skipIf(cluster === undefined)("inputs that meet", () => {
  let deployed: Deployed;
  let s3: S3;
  let url: string;

  beforeAll(async () => {
    if (cluster === undefined) return;
    deployed = await service();
    s3 = connectS3(cluster.s3);
    url = `s3://${await s3.bucket("meeting-inputs")}`;
  }, 180_000);

  const put = async (objects: Readonly<Record<string, string>>): Promise<void> => {
    for (const [key, text] of Object.entries(objects)) await s3.put("meeting-inputs", key, text);
  };

  test("the later one is there, files that are no input's are not, and any name is an input's", async () => {
    const long = "n".repeat(255);
    await put({ x: "x", "dir/a": "folder's a", "dir/b": "folder's b", part: "part", long: "long" });
    const inputs = [
      { url: `${url}/x`, path: "/data/twice" },
      { url: `${url}/x`, path: "/data/twice" },
      { url: `${url}/x`, path: "/data/replaced" },
      { content: "content", path: "/data/replaced" },
      { content: "own a", path: "/data/dir/a" },
      { url: `${url}/dir`, path: "/data/dir", type: "DIRECTORY" },
      { content: "own b", path: "/data/dir/b" },
      { url: `${url}/x`, path: "/data/names/a" },
      { url: `${url}/part`, path: "/data/names/a.tespod-part" },
      { url: `${url}/long`, path: `/data/names/${long}` },
    ];
    const line = 'cd /data; find . -type f | sort | while read -r name; do echo "$name=$(cat "$name")"; done';
    const task = await deployed.tes.wait(await deployed.tes.create({ inputs, executors: [shell(line)] }));
    expect(task.state).toBe("COMPLETE");
    expect(task.logs?.[0]?.logs[0]?.stdout?.split("\n").filter(Boolean)).toEqual([
      "./dir/a=folder's a",
      "./dir/b=own b",
      "./names/a=x",
      "./names/a.tespod-part=part",
      `./names/${long}=long`,
      "./replaced=content",
      "./twice=x",
    ]);
  }, 120_000);

  test("a file where storage has a folder ends the task with both fields", async () => {
    await put({ x: "x", "deep/sub/b": "b" });
    const inputs = [
      { url: `${url}/deep`, path: "/data/d", type: "DIRECTORY" },
      { url: `${url}/x`, path: "/data/d/sub" },
    ];
    const id = await deployed.tes.create({ inputs, executors: [shell("true")] });
    const task = await deployed.tes.wait(id);
    expect(task.state).toBe("SYSTEM_ERROR");
    expect(task.logs?.[0]?.system_logs?.join("\n")).toContain(
      'inputs[1] has a file at "/data/d/sub", and inputs[0] has a folder there',
    );
  }, 120_000);
});
