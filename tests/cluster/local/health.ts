/** Tells whether the local cluster works, without changing anything. */

import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import type { Settings } from "../settings.ts";
import { paths } from "./config-files.ts";
import { daemons, nodeName } from "./daemons.ts";
import { isDaemonRunning, recordedDaemons } from "./process.ts";
import { programPaths } from "./programs.ts";

/** One part of the cluster; `fault` is undefined if all is well. */
export type PartHealth = { name: string; fault: string | undefined };

/** Looks at every part of the local cluster at once, each for three seconds at most. */
export function checkParts(settings: Settings): Promise<PartHealth[]> {
  const parts = daemons(settings, programPaths(settings.cacheFolder));
  const check = (probe: keyof typeof parts) => probes(settings)[probe];
  const names = Object.keys(parts) as (keyof typeof parts)[];
  return Promise.all(
    names.map(async (key) => {
      const name = parts[key].name;
      if (!isDaemonRunning(settings.stateFolder, name)) {
        return { name, fault: "does not run" };
      }
      try {
        await check(key)();
        return { name, fault: undefined };
      } catch (error) {
        return { name, fault: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

/** True if every part works. */
export async function isHealthy(settings: Settings): Promise<boolean> {
  if (recordedDaemons(settings.stateFolder).length === 0) {
    return false;
  }
  return (await checkParts(settings)).every((part) => part.fault === undefined);
}

/** Reads an object or a health page from the API server as the administrator. Throws on any answer but 2xx. */
export async function getFromApiServer(settings: Settings, path: string): Promise<string> {
  const config = JSON.parse(readFileSync(paths(settings).kubeconfig, "utf8"));
  const decode = (text: string) => Buffer.from(text, "base64").toString();
  const user = config.users[0].user;
  return await get(`https://127.0.0.1:${settings.ports.apiServer}${path}`, {
    ca: decode(config.clusters[0].cluster["certificate-authority-data"]),
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  });
}

/** One question for every part, that only a working part answers. */
function probes(settings: Settings): Record<keyof ReturnType<typeof daemons>, () => Promise<unknown>> {
  const { ports, nodeIp } = settings;
  const local = (port: number, path: string) => get(`http://127.0.0.1:${port}${path}`);
  const withAnyCertificate = (port: number) =>
    get(`https://127.0.0.1:${port}/healthz`, { rejectUnauthorized: false });
  return {
    etcd: () => local(ports.etcd, "/health"),
    containerd: () => connect(paths(settings).socket),
    s3: () => get(`http://${nodeIp}:${ports.s3}/minio/health/live`),
    apiServer: () => getFromApiServer(settings, "/readyz"),
    controllerManager: () => withAnyCertificate(ports.controllerManager),
    scheduler: () => withAnyCertificate(ports.scheduler),
    kubelet: async () => {
      await local(ports.kubeletHealth, "/healthz");
      await checkNode(settings);
    },
    proxy: () => local(ports.proxyHealth, "/livez"),
    dns: () => local(ports.dnsReady, "/ready"),
    // It listens nowhere; that it runs is all one can know.
    storage: () => Promise.resolve(),
  };
}

async function checkNode(settings: Settings): Promise<void> {
  const node = JSON.parse(await getFromApiServer(settings, `/api/v1/nodes/${nodeName}`));
  const ready = node.status.conditions.find((condition: { type: string }) => condition.type === "Ready");
  if (ready?.status !== "True") {
    throw new Error(`the node is not ready: ${ready?.message ?? "no condition yet"}`);
  }
}

async function get(url: string, tls?: BunFetchRequestInit["tls"]): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(3000), ...(tls ? { tls } : {}) });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`${new URL(url).pathname} answers ${response.status}: ${text.slice(0, 200)}`);
  }
  return text;
}

async function connect(socket: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const connection = createConnection(socket, resolve).on("error", reject);
  try {
    await promise;
  } finally {
    connection.destroy();
  }
}
