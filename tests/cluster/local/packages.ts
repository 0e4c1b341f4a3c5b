/** Makes sure that the Debian packages a local cluster needs are there. */
import { existsSync } from "node:fs";
import { isOnPath, run, say, tryRun } from "../shell.ts";

/** A Debian package, and one file of it that tells that it is there, whoever installed it. */
type Package = { name: string; isThere: () => boolean };

const needed: Package[] = [
  { name: "etcd-server", isThere: () => isOnPath("etcd") },
  { name: "containerd", isThere: () => isOnPath("containerd") && isOnPath("ctr") },
  { name: "runc", isThere: () => isOnPath("runc") },
  { name: "containernetworking-plugins", isThere: () => existsSync("/usr/lib/cni/ptp") },
  { name: "iptables", isThere: () => isOnPath("iptables") && isOnPath("iptables-save") },
  { name: "openssl", isThere: () => isOnPath("openssl") },
  { name: "podman", isThere: () => isOnPath("podman") },
];

/** What tests of network policies need beside. */
export const policyPackages: Package[] = [
  { name: "ipset", isThere: () => isOnPath("ipset") },
  { name: "iproute2", isThere: () => isOnPath("ip") },
];

/**
 * Installs what is missing by apt-get and says so; does nothing if nothing is. Idempotent.
 * Throws, naming exactly the missing packages, if this cannot be done here.
 */
export async function ensurePackages(packages: Package[] = needed): Promise<void> {
  const missing = missingOf(packages);
  if (missing.length === 0) {
    return;
  }
  const list = missing.join(" ");
  if (!isOnPath("apt-get")) {
    throw new Error(
      `Cannot start a local cluster: install what Debian packages as ${list} (no apt-get here)`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`Cannot install packages without root; run: sudo apt-get install ${list}`);
  }
  say(`Installing Debian packages: ${list}`);
  const environment = { DEBIAN_FRONTEND: "noninteractive" };
  const install = [
    "install",
    "--yes",
    "--no-install-recommends",
    "-o",
    "DPkg::Lock::Timeout=300",
    ...missing,
  ];
  const options = { env: environment, timeoutSeconds: 900 };
  // Old lists name package versions that the archive no longer has, no lists name none.
  const first = await tryRun("apt-get", install, options);
  if (first.code !== 0) {
    await run("apt-get", ["update", "-o", "Acquire::Retries=3"], options);
    await run("apt-get", install, options);
  }
  const still = missingOf(packages);
  if (still.length > 0) {
    throw new Error(
      `Cannot find the programs of ${still.join(" ")} although apt-get installed them; check PATH`,
    );
  }
}

function missingOf(packages: Package[]): string[] {
  return packages.filter((each) => !each.isThere()).map((each) => each.name);
}
