/** Brings up the local cluster. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { withLock } from "../lock.ts";
import { ensureRootfs } from "../rootfs.ts";
import type { Settings } from "../settings.ts";
import { say, until } from "../shell.ts";
import { ensureBaseImages } from "./base-images.ts";
import { ensureCertificates, kubeconfig } from "./certificates.ts";
import { configFiles, paths } from "./config-files.ts";
import { daemons } from "./daemons.ts";
import { takeDown } from "./down.ts";
import { checkParts, getFromApiServer, isHealthy } from "./health.ts";
import { localCluster } from "./local-cluster.ts";
import { baseManifests } from "./manifests.ts";
import { checkPacketFilter, openPodNetwork } from "./network.ts";
import { ensurePackages } from "./packages.ts";
import { isDaemonRunning, logFile, startDaemon } from "./process.ts";
import { ensurePrograms, programPaths } from "./programs.ts";
import { makeCgroupRoot } from "./remains.ts";

/**
 * Makes sure that the local cluster is up and healthy: installs, builds and starts what is missing; heals a half-dead
 * one by taking it down first. Idempotent and safe to call from several processes at once. Throws with the reason.
 */
export async function bringUp(settings: Settings): Promise<void> {
  if (await isHealthy(settings)) {
    return;
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      "Cannot start a local cluster: only root can start containers; or set KUBECONFIG, or install kind",
    );
  }
  checkSettings(settings);
  await withLock(
    lockFile(settings),
    () => say("Waiting for another process that changes the cluster"),
    async () => {
      if (await isHealthy(settings)) {
        return;
      }
      await ensurePackages();
      await takeDown(settings);
      // Before the builds: nobody is to hear after a quarter of an hour that it was in vain.
      await checkPorts(settings);
      await checkPacketFilter(settings);
      await ensurePrograms(settings.cacheFolder);
      const startedAt = Date.now();
      await start(settings);
      say(`The local cluster is up after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    },
  );
}

/** Guards every change of the cluster; beside its state, since `down --purge` removes that. */
export function lockFile(settings: Settings): string {
  return `${settings.stateFolder}.lock`;
}

function checkSettings({ nodeIp, stateFolder }: Settings): void {
  if (nodeIp === "") {
    const hint = "no network interface but loopback has an address; set TESPOD_CLUSTER_NODE_IP";
    throw new Error(`Cannot choose the node's address: ${hint}`);
  }
  // The kubelet puts sockets below it, whose paths may have 107 bytes.
  if (Buffer.byteLength(stateFolder) > 70) {
    throw new Error(
      `Cannot use state folder "${stateFolder}": set TESPOD_CLUSTER_STATE to a path of 70 bytes at most`,
    );
  }
}

async function start(settings: Settings): Promise<void> {
  await writeFiles(settings);
  const parts = daemons(settings, programPaths(settings.cacheFolder));
  const begin = (name: keyof typeof parts) => startDaemon(settings.stateFolder, parts[name]);
  await openPodNetwork(settings);
  await makeCgroupRoot(settings);
  begin("etcd");
  begin("containerd");
  begin("s3");
  await age(settings);
  begin("apiServer");
  await Promise.all([awaitParts(settings, ["api-server"], 90), prepareImages(settings)]);
  begin("controllerManager");
  begin("scheduler");
  begin("kubelet");
  begin("proxy");
  begin("dns");
  await until("the base manifests", 60, async () => {
    const { kubectl } = localCluster(settings);
    await kubectl(["apply", "-f", "-"], { input: JSON.stringify(baseManifests(settings)) });
    return true;
  });
  begin("storage");
  await awaitParts(settings, undefined, 90);
  // Without it the API server refuses every pod.
  await until("the default service account", 30, async () => {
    await getFromApiServer(settings, "/api/v1/namespaces/default/serviceaccounts/default");
    return true;
  });
}

/**
 * Gives the database a past: one whose API server knows every version since the first calls none of them too old, as
 * any that has lived for a while does.
 */
async function age(settings: Settings): Promise<void> {
  await awaitParts(settings, ["etcd"], 30);
  const body = JSON.stringify({ key: btoa("/tespod/past"), value: "" });
  const url = `http://127.0.0.1:${settings.ports.etcd}/v3/kv/put`;
  const reply = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(10_000) });
  if (!reply.ok) throw new Error(`Cannot write to etcd: it answers ${reply.status}: ${await reply.text()}`);
}

async function prepareImages(settings: Settings): Promise<void> {
  await awaitParts(settings, ["containerd"], 30);
  await ensureBaseImages(paths(settings).socket, join(await ensureRootfs(settings.cacheFolder), "tools"));
}

/** Waits until the named parts (all without names) work; gives up at once when one of them has ended. */
async function awaitParts(settings: Settings, names: string[] | undefined, seconds: number): Promise<void> {
  let faulty: Awaited<ReturnType<typeof checkParts>> = [];
  const ended = () => faulty.find((part) => !isDaemonRunning(settings.stateFolder, part.name));
  try {
    await until("the cluster", seconds, async () => {
      const parts = await checkParts(settings);
      faulty = parts.filter((part) => part.fault !== undefined && (names?.includes(part.name) ?? true));
      return faulty.length === 0 || ended() !== undefined;
    });
  } catch (error) {
    throw partsError(settings, faulty, error);
  }
  if (faulty.length > 0) {
    throw partsError(settings, faulty);
  }
}

function partsError(
  settings: Settings,
  faulty: { name: string; fault: string | undefined }[],
  cause?: unknown,
): Error {
  const lines = faulty.map(({ name, fault }) => {
    const file = logFile(settings.stateFolder, name);
    return `${name}: ${fault}; log ${file} ends with:\n${lastLines(file)}`;
  });
  return new Error(`Cannot bring up the cluster:\n${lines.join("\n")}`, { cause });
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, "utf8").trim().split("\n").slice(-5).join("\n");
  } catch {
    return "(no log)";
  }
}

async function writeFiles(settings: Settings): Promise<void> {
  const {
    certificates,
    config,
    kubeconfig: adminFile,
    nodeKubeconfig,
    containerdState,
    volumes,
  } = paths(settings);
  for (const folder of [join(settings.stateFolder, "log"), containerdState, volumes]) {
    mkdirSync(folder, { recursive: true, mode: 0o711 });
  }
  await ensureCertificates(certificates, settings.nodeIp);
  const server = `https://127.0.0.1:${settings.ports.apiServer}`;
  writeFileSync(adminFile, kubeconfig(certificates, "admin", server), { mode: 0o600 });
  writeFileSync(nodeKubeconfig, kubeconfig(certificates, "node", server), { mode: 0o600 });
  const nameServers = readFileSync("/etc/resolv.conf", "utf8");
  const files = configFiles(settings, { forwardDns: /^nameserver /m.test(nameServers) });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(config(name)), { recursive: true });
    writeFileSync(config(name), content);
  }
  // Addresses given out to pods of an earlier run would never be given back.
  rmSync(paths(settings).network, { recursive: true, force: true });
}

async function checkPorts(settings: Settings): Promise<void> {
  for (const [name, port] of Object.entries(settings.ports)) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const server = createServer().on("error", reject).listen(port, "0.0.0.0", resolve);
    try {
      await promise;
    } catch (cause) {
      const hint = "another cluster or program has it; set TESPOD_CLUSTER_FIRST_PORT to another range";
      throw new Error(`Cannot use port ${port} (${name}): ${hint}`, { cause });
    } finally {
      server.close();
    }
  }
}
