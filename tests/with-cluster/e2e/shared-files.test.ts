// What the operator gives tasks of storage besides Secrets: a claim with files, a token, and bounds.
import { describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster, service } from "../../support/service.ts";
import { inClaim, shell, untilNothingIsLeft } from "./tasks.ts";

const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "share" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

const settings = {
  TESPOD_FILES_CLAIM: "share",
  TESPOD_FILES_ROOT: "/mnt/share",
  TESPOD_FILES_BASES: "/mnt/share/data,/mnt/share/results",
  TESPOD_WEB_IDENTITY_AUDIENCE: "storage.example.org",
  TESPOD_WEB_IDENTITY_SERVICE_ACCOUNT: "storage-user",
};

const serviceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "storage-user" } };

let opened: Promise<Deployed> | undefined;
const open = (): Promise<Deployed> => {
  opened ??= make();
  return opened;
};

async function make(): Promise<Deployed> {
  const deployed = await service({ namespace: "tespod-files-shared", settings });
  for (const object of [claim, serviceAccount])
    await deployed.kubectl(["apply", "-f", "-"], { input: JSON.stringify(object) });
  await inClaim(
    deployed,
    "share",
    `cd /claim && rm -rf * && mkdir -p data/sub data/empty private results && chown 1234:4321 results &&
     printf one >"data/a b#c.txt" && printf two >data/sub/two && printf secret >private/secret &&
     ln -s /mnt/share/private/secret data/link && ln -s /mnt/share/data/sub/two data/inner`,
  );
  return deployed;
}

describe.skipIf(cluster === undefined)("shared files", () => {
  test("come in and go out by URLs and bare paths, and executors see nothing else of the claim", async () => {
    const deployed = await open();
    const id = await deployed.tes.create({
      inputs: [
        { url: "file:///mnt/share/data/a%20b%23c.txt", path: "/in/one" },
        { url: "/mnt/share/data/inner", path: "/in/two" },
        { url: "/mnt/share/data/sub", path: "/in/sub", type: "DIRECTORY" },
        { url: "file:///mnt/share/data/empty", path: "/in/empty", type: "DIRECTORY" },
      ],
      outputs: [
        { url: "/mnt/share/results/new/all.txt", path: "/out/all.txt" },
        { url: "file:///mnt/share/results/tree", path: "/out/tree", type: "DIRECTORY" },
      ],
      executors: [
        shell(
          `cat /in/one /in/two /in/sub/two >/out/all.txt; mkdir -p /out/tree/none /out/tree/some; echo >>/in/two;
           echo x >/out/tree/some/x; ls -d /in/empty; grep -c /mnt/share /proc/mounts; ls -A /.tes; true`,
        ),
      ],
    });
    const task = await deployed.tes.wait(id);
    expect(task.state).toBe("COMPLETE");
    expect(task.logs?.[0]?.logs[0]?.stdout).toBe("/in/empty\n0\nbin\nstep\n");
    expect(task.logs?.[0]?.outputs.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([
      { url: "/mnt/share/results/new/all.txt", path: "/out/all.txt", size_bytes: "9" },
      { url: "file:///mnt/share/results/tree/some/x", path: "/out/tree/some/x", size_bytes: "2" },
    ]);
    await untilNothingIsLeft(deployed);
    const look = `cd /claim; cat results/new/all.txt data/sub/two; echo; find results -exec stat -c "%n %u:%g %a" {} + | sort`;
    expect(await inClaim(deployed, "share", look)).toBe(
      [
        "onetwotwotwo",
        "results 1234:4321 755",
        "results/new 1234:4321 755",
        "results/new/all.txt 1234:4321 644",
        "results/tree 1234:4321 755",
        "results/tree/none 1234:4321 755",
        "results/tree/some 1234:4321 755",
        "results/tree/some/x 1234:4321 644",
        "",
      ].join("\n"),
    );
    const info = (await (await fetch(`${deployed.url}/ga4gh/tes/v1/service-info`)).json()) as {
      storage: string[];
    };
    expect(info.storage).toEqual(["file:///mnt/share/data", "file:///mnt/share/results"]);
  }, 180_000);

  test.each([
    { title: "a link out of them", url: "/mnt/share/data/link", words: "it leads out of the folders" },
    { title: "a file that is not there", url: "/mnt/share/data/none", words: 'there is no "/mnt/share' },
  ])(
    "$title is refused in words",
    async ({ url, words }) => {
      const deployed = await open();
      const id = await deployed.tes.create({
        inputs: [{ url, path: "/in/file" }],
        executors: [shell("cat /in/file")],
      });
      const task = await deployed.tes.wait(id);
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(task.logs?.[0]?.system_logs?.join("\n")).toContain(words);
      expect(task.logs?.[0]?.logs ?? []).toEqual([]);
    },
    180_000,
  );
});

describe.skipIf(cluster === undefined)("a path beside the shared folders", () => {
  test("is refused at create, for inputs and outputs", async () => {
    const { tes } = await open();
    const url = "file:///mnt/share/private/secret";
    const files = { inputs: [{ url, path: "/in/file" }], outputs: [{ url, path: "/out/file" }] };
    const body = JSON.stringify({ ...files, executors: [shell("true")] });
    const response = await tes.request("/tasks", { method: "POST", body });
    const message =
      "Cannot be used: it is not in the folders that tasks may use (/mnt/share/data, /mnt/share/results)";
    expect(await response.json()).toMatchObject({
      status: 400,
      errors: [
        { path: "inputs[0].url", message },
        { path: "outputs[0].url", message },
      ],
    });
  }, 180_000);
});

describe.skipIf(cluster === undefined)("a token for storage", () => {
  test("is the service account's, for its audience, and only our containers see it", async () => {
    const deployed = await open();
    const id = await deployed.tes.create({
      inputs: [{ content: "x", path: "/in/x" }],
      executors: [shell("sleep 600")],
    });
    await deployed.tes.wait(id, { until: (state) => state === "RUNNING" });
    const run = (container: string, ...command: string[]) =>
      deployed.kubectl(["exec", `tes-${id}-1`, "-c", container, "--", ...command]);
    const token = await run("supervisor", "/opt/tespod/busybox", "cat", "/.tes/identity/token");
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({
      aud: ["storage.example.org"],
      sub: "system:serviceaccount:tespod-files-shared-tasks:storage-user",
    });
    expect(await run("exec-0", "/.tes/bin/busybox", "ls", "-A", "/.tes")).toBe("bin\nstep\n");
    const mounts = await run("exec-0", "/.tes/bin/busybox", "cat", "/proc/mounts");
    expect(mounts).not.toMatch(/identity|serviceaccount/);
    await deployed.tes.cancel(id);
    await untilNothingIsLeft(deployed);
  }, 180_000);
});

describe.skipIf(cluster === undefined)("inputs larger than the disk that a task asked for", () => {
  test("are refused before they are downloaded, and not by an eviction", async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    const deployed = await open();
    const s3 = connectS3(cluster.s3);
    const bucket = await s3.bucket("files-room");
    await s3.put(bucket, "large", "x".repeat(3 * 1024 * 1024));
    const id = await deployed.tes.create({
      inputs: [{ url: `s3://${bucket}/large`, path: "/in/large" }],
      resources: { disk_gb: 0.001 },
      executors: [shell("cat /in/large")],
    });
    const task = await deployed.tes.wait(id);
    expect(task.state).toBe("SYSTEM_ERROR");
    expect(task.logs?.[0]?.system_logs?.join("\n")).toContain(
      "the inputs need 3145728 bytes or more, and the work volume has 2097152 bytes free",
    );
  }, 180_000);
});
