// One task with S3 inputs and outputs and two executors, on each kind of work volume, staged by init container and by supervisor.
import { describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import { inClaim, shell, untilNothingIsLeft } from "./tasks.ts";

const kinds = ["emptyDir", "ephemeral", "claim"] as const;
const stagings = ["init", "supervisor"] as const;
const rows = kinds.flatMap((kind) => stagings.map((staging) => ({ kind, staging })));

const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "shared" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

async function open(kind: (typeof kinds)[number], staging: string): Promise<Deployed> {
  const settings = { TESPOD_WORK_VOLUME: kind, TESPOD_STAGING: staging, TESPOD_WORK_CLAIM: "shared" };
  const deployed = await service({ namespace: `tespod-${kind.toLowerCase()}-${staging}`, settings });
  if (kind === "claim") await deployed.kubectl(["apply", "-f", "-"], { input: JSON.stringify(claim) });
  return deployed;
}

/** Pod names seen while `done` was not. */
async function watchPods(deployed: Deployed, done: Promise<unknown>): Promise<Set<string>> {
  const seen = new Set<string>();
  let over = false;
  void done.finally(() => {
    over = true;
  });
  while (!over) {
    const names = await deployed.kubectl(["get", "pods", "-l", "tespod/task", "-o", "name"]);
    for (const name of names.split("\n").filter(Boolean)) seen.add(name);
  }
  return seen;
}

describe.skipIf(cluster === undefined)("a task on each work volume", () => {
  test.each(rows)(
    "$kind, staged by $staging: one pod while it runs, right outputs, nothing left",
    async ({ kind, staging }) => {
      if (cluster === undefined) throw new Error("There is no cluster");
      const deployed = await open(kind, staging);
      const s3 = connectS3(cluster.s3);
      const bucket = await s3.bucket(`e2e-${kind.toLowerCase()}-${staging}`);
      await s3.put(bucket, "in/a b#c.txt", "one\ntwo\n");
      const id = await deployed.tes.create({
        inputs: [
          { url: `s3://${bucket}/in/a b#c.txt`, path: "/data/in.txt" },
          { content: "three\n", path: "/data/deep/er/three.txt" },
        ],
        outputs: [
          { url: `s3://${bucket}/out/all.txt`, path: "/out/all.txt" },
          { url: `s3://${bucket}/out/folder`, path: "/out/folder", type: "DIRECTORY" },
        ],
        volumes: ["/shared"],
        executors: [
          shell(
            "cat /data/in.txt /data/deep/er/three.txt >/shared/joined; mkdir -p /out/folder/sub; echo x >/out/folder/sub/y; sleep 1",
          ),
          shell("sort -r /shared/joined; echo done >&2", { stdout: "/out/all.txt" }),
        ],
      });
      const states: string[] = [];
      const ended = deployed.tes.wait(id, { onState: (state) => states.push(state) });
      const pods = await watchPods(deployed, ended);
      const task = await ended;

      expect(task.state).toBe("COMPLETE");
      expect(states.filter((state) => state !== "QUEUED")).toEqual(["INITIALIZING", "RUNNING", "COMPLETE"]);
      expect([...pods]).toEqual([`pod/tes-${id}-1`]);
      expect(
        task.logs?.[0]?.logs.map(({ exit_code, stdout, stderr }) => ({ exit_code, stdout, stderr })),
      ).toEqual([
        { exit_code: 0, stdout: "", stderr: "" },
        { exit_code: 0, stdout: "two\nthree\none\n", stderr: "done\n" },
      ]);
      const outputs = task.logs?.[0]?.outputs.toSorted((a, b) => a.path.localeCompare(b.path));
      expect(outputs).toEqual([
        { url: `s3://${bucket}/out/all.txt`, path: "/out/all.txt", size_bytes: "14" },
        { url: `s3://${bucket}/out/folder/sub/y`, path: "/out/folder/sub/y", size_bytes: "2" },
      ]);
      expect((await s3.get(bucket, "out/all.txt")).toString()).toBe("two\nthree\none\n");
      expect((await s3.get(bucket, "out/folder/sub/y")).toString()).toBe("x\n");
      await untilNothingIsLeft(deployed);
      if (kind === "claim") expect(await inClaim(deployed, "shared", "ls -A /claim")).toBe("");
    },
    180_000,
  );
});
