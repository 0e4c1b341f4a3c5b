// What root can do with the capabilities of executors: ordinary tools of this machine, run with these alone.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usualCapabilities } from "../../src/pod/capabilities.ts";
import { busybox } from "../step/scratch-pod.ts";

const bounding = ["-all", ...usualCapabilities.map((name) => `+${name.toLowerCase()}`)].join();
/** As in a container that may not gain privileges. */
const asRoot = ["--no-new-privs", `--bounding-set=${bounding}`, "--inh-caps=-all", "--ambient-caps=-all"];

/** The exit code of the shell line, in a folder of its own. */
function run(line: string): { code: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), "tespod-capabilities-"));
  try {
    const { status, stdout, stderr } = spawnSync("setpriv", [...asRoot, "sh", "-c", line], {
      cwd: folder,
      encoding: "utf8",
    });
    return { code: status, said: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("root in an executor", () => {
  test.each([
    ["gives files away", "touch a && chown 1234:5678 a && stat -c %u:%g a | grep -x 1234:5678"],
    ["changes what others own", "touch a && chown 1234 a && chmod 600 a && echo x >> a && cat a"],
    ["writes into the folder of another", "mkdir -m 700 d && chown 1234 d && touch d/a"],
    ["becomes another user", "su nobody -s /bin/sh -c 'id -un' | grep -x nobody"],
    ["ends what another user runs", "setpriv --reuid 1234 --clear-groups sleep 60 & sleep 0.2; kill $!"],
    [
      "unpacks files of others as theirs",
      "touch a && chown 12:34 a && tar -c a | tar -xp -C /tmp --to-stdout",
    ],
    [
      "keeps setuid bits",
      "cp /bin/true a && chown 1234:5678 a && chmod 6755 a && stat -c %a a | grep -x 6755",
    ],
  ])("%s", (_, line) => {
    expect(run(line)).toMatchObject({ code: 0 });
  });

  test.each([
    ["reads no packets of its network", `${busybox} arping -c 1 -I lo 127.0.0.1 2>&1 | grep "not permitted"`],
    ["forges none", `${busybox} ping -c 1 127.0.0.1 2>&1 | grep "ermi"`],
    ["makes no device", "! mknod n c 1 3 && ! test -e n"],
    ["changes no mount", "! mount -o remount,rw /proc"],
  ])("%s", (_, line) => {
    expect(run(line)).toMatchObject({ code: 0 });
  });
});
