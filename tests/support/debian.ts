// Debian's packages for tests, unpacked into a folder of ours: nothing is set up or started on this machine.
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isOnPath, say, tryRun } from "../cluster/shell.ts";

export interface DebianPackages {
  /** Both are unpacked into the same folder, also packages that Debian does not let stand beside one another. */
  unpack: readonly string[];
  /** Libraries that they need, which are installed. */
  libraries: readonly string[];
}

/** The folder that holds the packages' files, or why there is none. */
export async function findDebianPackages({
  unpack,
  libraries,
}: DebianPackages): Promise<{ root: string } | { missing: string }> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tespod", "debian");
  const root = join(cache, unpack.join("+"));
  if (existsSync(root)) return { root };
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) {
    return { missing: `there are no ${unpack.join(" and ")} here; they are fetched as root of a Debian` };
  }
  say(`Fetching Debian packages ${unpack.join(", ")}`);
  const folder = `${root}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  if (!(await fetchAll(unpack, libraries, folder))) {
    await tryRun("apt-get", ["update"], aptOptions(folder)); // old lists name versions that the archive no longer has
    if (!(await fetchAll(unpack, libraries, folder)))
      return { missing: `apt-get cannot fetch ${unpack.join(", ")}` };
  }
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".deb"))) {
    await tryRun("dpkg-deb", ["--extract", name, "."], aptOptions(folder));
  }
  // Another test run may have been as fast.
  if (!existsSync(root)) renameSync(folder, root);
  return { root };
}

const aptOptions = (cwd: string) => ({
  cwd,
  env: { DEBIAN_FRONTEND: "noninteractive" },
  timeoutSeconds: 900,
});

async function fetchAll(
  unpack: readonly string[],
  libraries: readonly string[],
  folder: string,
): Promise<boolean> {
  const lock = ["-o", "DPkg::Lock::Timeout=300"];
  const install = ["install", "--yes", "--no-install-recommends", ...lock, ...libraries];
  const steps = [install, ["download", ...unpack]];
  for (const step of steps) if ((await tryRun("apt-get", step, aptOptions(folder))).code !== 0) return false;
  return true;
}
