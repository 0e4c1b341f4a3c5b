// A disk of a few megabytes that can be filled and emptied: a tmpfs, which only root can mount.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk extends Disposable {
  readonly folder: string;
  /** Takes all room that is left. */
  fill(): void;
  /** Gives it back. */
  empty(): void;
}

/** The disk, or why there is none. */
export function mountSmallDisk(megabytes: number): SmallDisk | { missing: string } {
  const folder = mkdtempSync(join(tmpdir(), "tespod-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tespod-test", folder]);
  if (mounted.status !== 0) {
    rmSync(folder, { recursive: true });
    return { missing: `cannot mount a tmpfs: ${mounted.stderr?.toString().trim()}` };
  }
  const filler = join(folder, "filler");
  return {
    folder,
    fill() {
      const file = openSync(filler, "w");
      try {
        for (const bytes of [65_536, 1]) fillBy(file, Buffer.alloc(bytes));
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(filler),
    // Lazily: what a test that failed holds open must not keep it.
    [Symbol.dispose]() {
      const { status, stderr } = spawnSync("umount", ["--lazy", folder]);
      if (status !== 0) throw new Error(`Cannot unmount "${folder}": ${stderr}`);
      rmSync(folder, { recursive: true });
    },
  };
}

function fillBy(file: number, chunk: Uint8Array): void {
  try {
    for (;;) writeSync(file, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
