// An enforcer of network policies on the local cluster's node: kube-router, its packet filter alone. It holds all pods of the
// cluster to their policies, so no other test may run meanwhile.
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../cluster/cluster.ts";
import { paths } from "../../cluster/local/config-files.ts";
import { nodeName } from "../../cluster/local/daemons.ts";
import { removePolicies } from "../../cluster/local/network.ts";
import { ensurePackages, policyPackages } from "../../cluster/local/packages.ts";
import { isDaemonRunning, logFile, startDaemon, stopDaemon } from "../../cluster/local/process.ts";
import { ensurePrograms, programPaths } from "../../cluster/local/programs.ts";
import { readSettings } from "../../cluster/settings.ts";

const settings = readSettings();
const name = "router";
/** For a pod's rules to be there once its address is known: the enforcer hears of it when the API server does. */
const rulesSecondsMax = 60;

/** Builds it and installs what it needs, the first time: minutes. */
export async function prepareEnforcer(): Promise<void> {
  await ensurePackages(policyPackages);
  await ensurePrograms(settings.cacheFolder, [name]);
}

/** Starts it and waits until its rules are in force for that pod. */
export async function startEnforcer(podIp: string): Promise<void> {
  const flags = {
    kubeconfig: paths(settings).kubeconfig,
    "hostname-override": nodeName,
    "service-cluster-ip-range": settings.serviceCidr,
    "run-firewall": true,
    "run-router": false,
    "run-service-proxy": false,
    "enable-cni": false,
    "health-port": 0,
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const command = [programPaths(settings.cacheFolder).router, ...args];
  startDaemon(settings.stateFolder, { name, command, ofRun: true });
  await untilEnforced(podIp);
}

/** Waits until a pod with that address is held to its policies. */
export async function untilEnforced(podIp: string): Promise<void> {
  for (const deadline = Date.now() + rulesSecondsMax * 1000; ; await sleep(100)) {
    const rules = spawnSync("iptables", ["-w", "-S", "KUBE-ROUTER-FORWARD"], { encoding: "utf8" }).stdout;
    if (rules.includes(` ${podIp}/32 `)) return;
    if (!isDaemonRunning(settings.stateFolder, name) || Date.now() > deadline) {
      throw new Error(`No policy is in force for ${podIp}; see ${logFile(settings.stateFolder, name)}`);
    }
  }
}

/** Ends it and takes away all that it made. Idempotent. */
export async function stopEnforcer(): Promise<void> {
  await stopDaemon(settings.stateFolder, name, 5);
  await removePolicies();
}

/** Takes away what one left that was killed with its test run. */
export async function removeEnforcement(cluster: Cluster): Promise<void> {
  if (cluster.kind === "local" && !isDaemonRunning(settings.stateFolder, name)) await removePolicies();
}
