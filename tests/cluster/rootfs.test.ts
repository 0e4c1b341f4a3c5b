/** The lock of Debian packages: what rootfs.sh does where the archive has something else. The archive is one of the test. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { relock } from "./rootfs.ts";
import { isOnPath, run, tryRun } from "./shell.ts";

const script = join(import.meta.dirname, "rootfs.sh");

test("a lock keeps its comment and the other architecture's packages", () => {
  const lock = "# About it.\namd64 libc6 1 aa\narm64 libc6 1 bb\n";
  expect(relock(lock, "amd64", [{ name: "mksh", version: "2", sha256: "cc" }])).toBe(
    "# About it.\namd64 mksh 2 cc\narm64 libc6 1 bb\n",
  );
});

describe.skipIf(!isOnPath("apt-get") || !isOnPath("dpkg-deb"))("an archive that has only libc6 2", () => {
  const folder = mkdtempSync(join(tmpdir(), "tespod-archive-"));
  const lock = join(folder, "lock");
  let sha256: string;

  beforeAll(async () => {
    chmodSync(folder, 0o755);
    const control =
      "Package: libc6\nVersion: 2\nArchitecture: amd64\nMaintainer: T <t@example.org>\nDescription: t\n";
    mkdirSync(join(folder, "tree/DEBIAN"), { recursive: true });
    writeFileSync(join(folder, "tree/DEBIAN/control"), control);
    const file = "libc6_2_amd64.deb";
    await run("dpkg-deb", ["--build", "--root-owner-group", "tree", file], { cwd: folder });
    const bytes = readFileSync(join(folder, file));
    sha256 = createHash("sha256").update(bytes).digest("hex");
    const entry = `${control}Filename: ./${file}\nSize: ${bytes.length}\nSHA256: ${sha256}\n`;
    writeFileSync(join(folder, "Packages"), entry);
    writeFileSync(join(folder, "sources.list"), `deb [trusted=yes] file:${folder} ./\n`);
    writeFileSync(
      join(folder, "apt.conf"),
      `Dir::Etc::sourcelist "${folder}/sources.list";\nDir::Etc::sourceparts "-";\n`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function assemble(mode: string, locked: string) {
    writeFileSync(lock, `amd64 libc6 ${locked}\n`);
    const options = { env: { APT_CONFIG: join(folder, "apt.conf") } };
    const { code, stderr } = await tryRun("sh", [script, "amd64", join(folder, "out"), lock, mode], options);
    return { code, said: stderr.trim().split("\n") };
  }

  test("pinned: an error that names the package, both versions and the way out", async () => {
    expect(await assemble("pinned", `1 ${"0".repeat(64)}`)).toEqual({
      code: 1,
      said: [
        `Cannot assemble: ${lock} wants libc6 1 (amd64), the archive has 2; ` +
          '"npm run cluster -- images --fresh" pins what it has',
      ],
    });
  });

  test("usual: the newest is taken in its place, with a word", async () => {
    const { said } = await assemble("usual", `1 ${"0".repeat(64)}`);
    expect(said[0]).toBe("Debian's archive has no libc6 1 (amd64): taking 2");
    expect(said[1]).toBe("Debian's archive has no mksh (not pinned) (amd64): taking none");
  });

  test.each(["pinned", "usual"])("%s: a file of another checksum is refused", async (mode) => {
    expect(await assemble(mode, `2 ${"0".repeat(64)}`)).toEqual({
      code: 1,
      said: [`Cannot assemble: libc6 2 (amd64) is not the file whose checksum ${lock} names`],
    });
  });

  test("pinned: the file that the lock names is taken", async () => {
    const { said } = await assemble("pinned", `2 ${sha256}`);
    expect(said).toEqual([
      `Cannot assemble: ${lock} wants mksh in no version (amd64), the archive has none; ` +
        '"npm run cluster -- images --fresh" pins what it has',
    ]);
  });
});
