// Inputs that executors see in a shared claim itself: mounted by a real kubelet, read-only, and copied only where they must be.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster, service } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { stagings } from "./staging.ts";
import { busybox, shell, untilNothingIsLeft } from "./tasks.ts";

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

/** Sees the claim as its other users do, for as long as the namespace is there. */
const onlooker = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "onlooker" },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "look",
        image: busybox,
        imagePullPolicy: "IfNotPresent",
        command: ["sleep", "86400"],
        volumeMounts: [{ name: "claim", mountPath: "/claim" }],
      },
    ],
    volumes: [{ name: "claim", persistentVolumeClaim: { claimName: "share" } }],
  },
};

interface Opened extends Deployed {
  /** Runs a shell line at the claim's root. */
  look(line: string): Promise<string>;
  /** All that was in the claim before any task, with inodes, sizes and modes. */
  before: string;
}

const LIST = "find . -exec stat -c '%n %i %s %a' {} + | sort";

async function open(staging: (typeof stagings)[number]): Promise<Opened> {
  const settings = { ...files, ...workVolumes[staging], TESPOD_STAGING: staging };
  const deployed = await service({ namespace: `tespod-in-place-${staging}`, settings });
  const { kubectl } = deployed;
  for (const object of [claim, onlooker])
    await kubectl(["apply", "-f", "-"], { input: JSON.stringify(object) });
  await kubectl(["wait", "--for=condition=Ready", "pod/onlooker", "--timeout=120s"]);
  const look = (line: string) => kubectl(["exec", "onlooker", "--", "sh", "-c", `cd /claim && ${line}`]);
  await look(
    `rm -rf * && umask 022 && mkdir -p data/sub data/empty out && printf one >"data/a b#c.txt" &&
     printf two >data/sub/two && ln -s two data/sub/link && printf private >data/private && chmod 600 data/private &&
     ln -s /mnt/share/data/sub data/current && ln -s ../../elsewhere data/leads-out`,
  );
  return { ...deployed, look, before: await look(LIST) };
}

const saidOf = ({ logs }: TesTask): string => logs?.[0]?.system_logs?.join("\n") ?? "";
const stdoutOf = ({ logs }: TesTask): string => logs?.[0]?.logs[0]?.stdout ?? "";

describe.skipIf(cluster === undefined).each([...stagings])("inputs in place, staging by %s", (staging) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open(staging);
  }, 300_000);

  const run = async (task: object): Promise<TesTask> =>
    await opened.tes.wait(await opened.tes.create(task), { seconds: 150 });

  test.concurrent("are the files themselves, and cannot be written to; what is beside them can", async () => {
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
    const inode = (name: string) => new RegExp(`^\\./${name} (\\d+) `, "m").exec(opened.before)?.[1];
    const inodes = ["data/a b#c.txt", "data/sub", "data/sub/two", "data/empty"].map(inode);
    expect(stdoutOf(task)).toBe([...inodes, "one stays", "0", ""].join("\n"));
    expect(saidOf(task)).toMatch(/ Staged 1 file, 4 bytes in \S+ s; 3 files mounted in place, 9 bytes/);
    expect(await opened.look("cat out/all; rm out/all")).toBe("onetwotwotwotext");
  }, 180_000);

  test.concurrent.each([
    { url: "/mnt/share/data/none/x", type: "FILE", words: 'there is no "/mnt/share/data/none/x"' },
    { url: "/mnt/share/data/none", type: "DIRECTORY", words: 'there is no "/mnt/share/data/none"' },
    { url: "/mnt/share/data/leads-out", type: "FILE", words: "it leads out of the folders" },
  ])(
    "$type $url is refused in words before anything is mounted",
    async ({ url, type, words }) => {
      const task = await run({ inputs: [{ url, type, path: "/w/x" }], executors: [shell("ls -la /w")] });
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(saidOf(task)).toContain(`Cannot stage "${url}" as "/w/x": `);
      expect(saidOf(task)).toContain(words);
      expect(task.logs?.[0]?.logs ?? []).toEqual([]);
    },
    180_000,
  );

  test.concurrent("are found by another pod where a link leads, or copied where a user could not read them", async () => {
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
  }, 180_000);

  test.concurrent("are copied where the task may write to them", async () => {
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
    expect(await opened.look("cat out/changed/two.txt; rm -r out/changed")).toBe("twoy\n");
  }, 180_000);

  test("leave nothing: neither pods, nor anything in the claim that was not there before", async () => {
    await untilNothingIsLeft(opened, 120);
    expect(await opened.look(LIST)).toBe(opened.before);
  }, 180_000);
});
