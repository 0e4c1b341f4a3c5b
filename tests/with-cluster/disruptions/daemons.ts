// Parts of the local cluster that tests stop for a while. Whoever stops one also undoes it in afterAll, whatever happened.
import { setTimeout as sleep } from "node:timers/promises";
import { daemons } from "../../cluster/local/daemons.ts";
import { checkParts } from "../../cluster/local/health.ts";
import { isDaemonRunning, signalDaemon, startDaemon, stopDaemon } from "../../cluster/local/process.ts";
import { programPaths } from "../../cluster/local/programs.ts";
import { readSettings } from "../../cluster/settings.ts";

const settings = readSettings();
const parts = daemons(settings, programPaths(settings.cacheFolder));

export const freezeKubelet = (): void => signalDaemon(settings.stateFolder, parts.kubelet.name, "SIGSTOP");
export const thawKubelet = (): void => signalDaemon(settings.stateFolder, parts.kubelet.name, "SIGCONT");

export const stopApiServer = (): Promise<void> => stopDaemon(settings.stateFolder, parts.apiServer.name, 5);

/** Without a last word, as by the kernel for want of memory. */
export const killKubelet = (): void => signalDaemon(settings.stateFolder, parts.kubelet.name, "SIGKILL");

/** Starts the parts that do not run: what was stopped, and what ended for want of it. Idempotent. */
export function startStopped(): void {
  for (const part of Object.values(parts)) {
    if (!isDaemonRunning(settings.stateFolder, part.name)) startDaemon(settings.stateFolder, part);
  }
}

/** Waits until every part of the cluster works; throws with those that do not. */
export async function untilHealthy(): Promise<void> {
  for (const deadline = Date.now() + 120_000; ; await sleep(500)) {
    const faults = (await checkParts(settings)).filter(({ fault }) => fault !== undefined);
    if (faults.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(
        `The cluster is not healthy: ${faults.map(({ name, fault }) => `${name}: ${fault}`).join("; ")}`,
      );
  }
}
