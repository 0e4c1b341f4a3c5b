/** Takes down the local cluster, whatever is left of it. */
import { existsSync, rmSync } from "node:fs";
import type { Settings } from "../settings.ts";
import { closePodNetwork } from "./network.ts";
import { recordedDaemons, stopDaemon } from "./process.ts";
import { killContainers, removeCgroups, removeFiles, unmountAll } from "./remains.ts";

/**
 * Ends every process of the cluster and removes its mounts, cgroups, network namespaces and packet filter chains.
 * Keeps its state, so that images need not be loaded again, unless `purge`. Idempotent; the caller holds the lock.
 */
export async function takeDown(settings: Settings, options: { purge?: boolean } = {}): Promise<void> {
  if (!existsSync(settings.stateFolder) && !existsSync(settings.runFolder)) {
    return;
  }
  // The kubelet first, lest it starts again what ends; containerd next, lest it misses it.
  const first = ["kubelet", "containerd", "proxy", "storage", "controller-manager", "scheduler", "dns"];
  const recorded = recordedDaemons(settings.stateFolder);
  await Promise.all(recorded.filter((name) => first.includes(name)).map((name) => stop(settings, name)));
  await killContainers(settings);
  await Promise.all(recorded.filter((name) => !first.includes(name)).map((name) => stop(settings, name)));
  await unmountAll(settings);
  removeCgroups(settings);
  removeFiles(settings);
  await closePodNetwork(settings);
  if (options.purge) {
    rmSync(settings.stateFolder, { recursive: true, force: true });
  }
}

function stop(settings: Settings, name: string): Promise<void> {
  // Long enough for the database and the objects; the others would wait for clients that are gone.
  return stopDaemon(settings.stateFolder, name, 3);
}
