// Inputs that executors see in a shared claim itself: mounted by a real kubelet, read-only, and copied only where they must be.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster, service } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { stagings } from "./staging.ts";
import { inClaim, shell, untilNothingIsLeft } from "./tasks.ts";

const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "share" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

const files = {
  TESPOD_FILES_CLAIM: "share",
  TESPOD_FILES_ROOT: "/mnt/share",
  TESPOD_FILES_IN_PLACE: "true",
};
/** Once with a work volume of each task's own, once in the very claim that the files are in. */
const workVolumes = {
  init: {},
  supervisor: { TESPOD_WORK_VOLUME: "claim", TESPOD_WORK_CLAIM: "share" },
};

async function open(staging: (typeof stagings)[number]): Promise<Deployed> {
  const settings = { ...files, ...workVolumes[staging], TESPOD_STAGING: staging };
  const deployed = await service({ namespace: `tespod-in-place-${staging}`, settings });
  await deployed.kubectl(["apply", "-f", "-"], { input: JSON.stringify(claim) });
  await inClaim(
    deployed,
    "share",
    `cd /claim && rm -rf * && umask 022 && mkdir -p data/sub data/empty out && printf one >"data/a b#c.txt" &&
     printf two >data/sub/two && ln -s two data/sub/link && printf private >data/private && chmod 600 data/private &&
     ln -s /mnt/share/data/sub data/current && ln -s ../../elsewhere data/leads-out`,
  );
  return deployed;
}

const saidOf = ({ logs }: TesTask): string => logs?.[0]?.system_logs?.join("\n") ?? "";
const stdoutOf = ({ logs }: TesTask): string => logs?.[0]?.logs[0]?.stdout ?? "";
const list = (deployed: Deployed): Promise<string> =>
  inClaim(deployed, "share", "cd /claim; find . -exec stat -c '%n %i %s %a' {} + | sort");

describe.skipIf(cluster === undefined).each([...stagings])("inputs in place, staging by %s", (staging) => {
  let deployed: Deployed;
  beforeAll(async () => {
    deployed = await open(staging);
  }, 300_000);

  async function run(task: object): Promise<TesTask> {
    return await deployed.tes.wait(await deployed.tes.create(task), { seconds: 120 });
  }

  test("are the files themselves, and cannot be written to; what is beside them can", async () => {
    const before = await list(deployed);
    const task = await run({
      inputs: [
        { url: "file:///mnt/share/data/a%20b%23c.txt", path: "/w/one" },
        { url: "/mnt/share/data/sub", path: "/w/deep/sub", type: "DIRECTORY" },
        { url: "/mnt/share/data/sub/two", path: "/etc/two.conf" },
        { url: "/mnt/share/data/empty", path: "/elsewhere/empty", type: "DIRECTORY" },
        { content: "text", path: "/w/content" },
      ],
      outputs: [{ url: "/mnt/share/out/all", path: "/w/all" }],
      executors: [
        shell(
          `cd /w; cat one deep/sub/two deep/sub/link /etc/two.conf content >all; ls -A /elsewhere/empty;
           stat -c %i one deep/sub /etc/two.conf /elsewhere/empty;
           for file in one deep/sub/two deep/sub/new /etc/two.conf /elsewhere/empty/new; do
             if (echo x >>$file) 2>/dev/null; then echo "$file was written"; fi; done;
           rm -f one 2>/dev/null || echo "one stays"; touch deep/beside && grep -c "/mnt/share\\|/.tes/files" /proc/mounts; true`,
          { stdin: "/w/one" },
        ),
      ],
    });
    expect(task.state).toBe("COMPLETE");
    const inode = (name: string) =>
      before
        .split("\n")
        .find((line) => line.startsWith(`./${name} `))
        ?.slice(name.length + 3)
        .split(" ")[0];
    const inodes = ["data/a b#c.txt", "data/sub", "data/sub/two", "data/empty"].map(inode);
    expect(stdoutOf(task)).toBe([...inodes, "one stays", "0", ""].join("\n"));
    expect(saidOf(task)).toMatch(/ Staged 1 file, 4 bytes in \S+ s; 3 files mounted in place, 9 bytes/);
    await untilNothingIsLeft(deployed);
    expect(await inClaim(deployed, "share", "cat /claim/out/all; rm /claim/out/all")).toBe(
      "onetwotwotwotext",
    );
    expect(await list(deployed)).toBe(before);
  }, 180_000);

  test.each([
    { url: "/mnt/share/data/none/x", type: "FILE", words: 'there is no "/mnt/share/data/none/x"' },
    { url: "/mnt/share/data/none", type: "DIRECTORY", words: 'there is no "/mnt/share/data/none"' },
    { url: "/mnt/share/data/leads-out", type: "FILE", words: "it leads out of the folders" },
  ])(
    "$type $url is refused in words, and nothing is made in the claim",
    async ({ url, type, words }) => {
      const before = await list(deployed);
      const task = await run({
        inputs: [{ url, type, path: "/w/x" }],
        executors: [shell("ls -la /w")],
      });
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(saidOf(task)).toContain(`Cannot stage "${url}" as "/w/x": `);
      expect(saidOf(task)).toContain(words);
      expect(task.logs?.[0]?.logs ?? []).toEqual([]);
      await untilNothingIsLeft(deployed);
      expect(await list(deployed)).toBe(before);
    },
    180_000,
  );

  test("are found by another pod where a link leads, or copied where a user could not read them", async () => {
    const before = await list(deployed);
    const task = await run({
      inputs: [
        { url: "/mnt/share/data/current", path: "/w/current", type: "DIRECTORY" },
        { url: "/mnt/share/data/private", path: "/w/private" },
      ],
      executors: [
        shell(
          "cat /w/current/two /w/private; (echo x >>/w/private) && cat /w/private; (echo x >/w/current/new) || true",
        ),
      ],
    });
    expect(task.state).toBe("COMPLETE");
    expect(stdoutOf(task)).toBe("twoprivateprivatex\n");
    expect(saidOf(task)).toContain(
      '"/mnt/share/data/current": a link leads to it, so "/mnt/share/data/sub" is mounted',
    );
    expect(saidOf(task)).toContain('"/mnt/share/data/private": not everybody may read it, so it is copied');
    expect(saidOf(task)).toContain("Another pod follows: attempt 2");
    expect(saidOf(task)).toMatch(/ Staged 1 file, 7 bytes in \S+ s; 1 file mounted in place, 3 bytes/);
    await untilNothingIsLeft(deployed);
    expect(await list(deployed)).toBe(before);
  }, 180_000);

  test("are copied where the task may write to them", async () => {
    const before = await list(deployed);
    const task = await run({
      inputs: [
        { url: "/mnt/share/data/sub", path: "/w/sub", type: "DIRECTORY" },
        { url: "/mnt/share/data/sub/two", path: "/v/two.txt" },
      ],
      outputs: [{ url: "/mnt/share/out/changed", path: "/v/*.txt", path_prefix: "/v" }],
      volumes: ["/w/sub/more"],
      executors: [shell("echo x >>/w/sub/two && echo y >>/v/two.txt && cat /w/sub/two")],
    });
    expect(task.state).toBe("COMPLETE");
    expect(stdoutOf(task)).toBe("twox\n");
    expect(saidOf(task)).not.toContain("mounted in place");
    await untilNothingIsLeft(deployed);
    expect(await inClaim(deployed, "share", "cat /claim/out/changed/two.txt; rm -r /claim/out/changed")).toBe(
      "twoy\n",
    );
    expect(await list(deployed)).toBe(before);
  }, 180_000);
});
