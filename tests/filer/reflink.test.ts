// Where the file system can share blocks between files, a copy between claim and work volume takes no space and no time.

import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { openDrivers } from "../../sidecar/filer/drivers.ts";
import { atEnd } from "../support/cleanups.ts";
import { findDebianPackages } from "../support/debian.ts";
import { noS3 } from "./no-s3.ts";

const MIB = 1024 * 1024;

/** A small Btrfs in a file, mounted; or why there is none. */
async function makeBtrfs(): Promise<{ folder: string } | { missing: string }> {
  const found = await findDebianPackages({ unpack: ["btrfs-progs"], libraries: ["liblzo2-2"] });
  if ("missing" in found) return found;
  const scratch = mkdtempSync(join(tmpdir(), "tespod-btrfs-"));
  const [disk, folder] = [join(scratch, "disk"), join(scratch, "mnt")];
  writeFileSync(disk, "");
  truncateSync(disk, 256 * MIB);
  mkdirSync(folder);
  try {
    const make = ["usr/sbin/mkfs.btrfs", "sbin/mkfs.btrfs", "usr/bin/mkfs.btrfs"]
      .map((name) => join(found.root, name))
      .find((name) => Bun.file(name).size > 0);
    execFileSync(make ?? "mkfs.btrfs", ["--quiet", "--metadata", "single", disk], { stdio: "pipe" });
    execFileSync("mount", ["-o", "loop", disk, folder], { stdio: "pipe" });
  } catch (error) {
    await rm(scratch, { recursive: true });
    return { missing: `no Btrfs can be made and mounted here: ${(error as Error).message.trim()}` };
  }
  atEnd(async () => {
    execFileSync("umount", [folder]);
    await rm(scratch, { recursive: true });
  });
  return { folder };
}

const btrfs = await makeBtrfs();
if ("missing" in btrfs) console.log(`Shared blocks are not tested: ${btrfs.missing}`);
const local = "folder" in btrfs ? btrfs.folder : "";

const freeBytes = (): number => {
  execFileSync("sync", ["--file-system", local]);
  const { bavail, bsize } = statfsSync(local);
  return bavail * bsize;
};

describe.skipIf(local === "")("on a file system that shares blocks", () => {
  test("a copy in and one out are equal, take no space, and change neither original", async () => {
    const [original, work] = [join(local, "data/original"), join(local, "work")];
    mkdirSync(join(local, "data"));
    const bytes = randomBytes(64 * MIB);
    writeFileSync(original, bytes);
    writeFileSync(work, "");
    const files = { root: normalizePath("/share"), bases: [normalizePath("/share/data")], local };
    const storage = await openDrivers({ s3: noS3, files }, new AbortController().signal)("/");
    const before = freeBytes();
    expect(await storage.download("/share/data/original", { file: work })).toBe(bytes.length);
    await storage.upload(work, 40 * MIB, "/share/data/out");
    expect(before - freeBytes()).toBeLessThan(16 * MIB);
    expect(readFileSync(work).equals(bytes)).toBe(true);
    expect(readFileSync(join(local, "data/out")).equals(bytes.subarray(0, 40 * MIB))).toBe(true);
    writeFileSync(work, "changed by a tool");
    expect(readFileSync(original).equals(bytes)).toBe(true);
  });
});
