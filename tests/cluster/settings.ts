/** Where the test cluster keeps its files and which ports and addresses it takes. */
import { homedir, networkInterfaces, userInfo } from "node:os";
import { join } from "node:path";

/** Everything about a cluster that could clash with something else on the machine. */
export type Settings = {
  /** Names the kind cluster, the cgroup and the folder of sockets. */
  name: string;
  /** Built programs: kept by `down --purge`, shared by all clusters of this user. */
  cacheFolder: string;
  /** Certificates, logs, process records, database, images, volumes. */
  stateFolder: string;
  /** Sockets and mounts; short, because a socket's path may have 107 bytes at most. */
  runFolder: string;
  /** The address of the one node, which pods and the host both reach; empty if the machine has none. */
  nodeIp: string;
  ports: Ports;
  podCidr: string;
  serviceCidr: string;
  /** Address of the Service `kube-dns`, inside `serviceCidr`. */
  dnsIp: string;
  /** Parent of every cgroup that the kubelet makes, so that `down` can tell ours from others'. */
  cgroupRoot: string;
};

const portNames = [
  "etcd",
  "etcdPeer",
  "containerdStream",
  "apiServer",
  "kubelet",
  "kubeletHealth",
  "controllerManager",
  "scheduler",
  "proxyHealth",
  "proxyMetrics",
  "dns",
  "dnsHealth",
  "dnsReady",
  "s3",
] as const;

/** One TCP port of the host for every part that listens (`dns`: UDP as well). */
export type Ports = Record<(typeof portNames)[number], number>;

type Environment = Record<string, string | undefined>;

/**
 * Reads the settings from the environment; nothing is touched or created.
 * Throws if a port is not a number.
 */
export function readSettings(environment: Environment = process.env): Settings {
  const name = environment["TESPOD_CLUSTER_NAME"] || "tespod";
  const home = environment["HOME"] || userInfo().homedir || homedir() || "/root";
  const cache = environment["XDG_CACHE_HOME"] || join(home, ".cache");
  const state = environment["XDG_STATE_HOME"] || join(home, ".local/state");
  return {
    name,
    cacheFolder: environment["TESPOD_CLUSTER_CACHE"] || join(cache, "tespod"),
    stateFolder: environment["TESPOD_CLUSTER_STATE"] || join(state, "tespod", `cluster-${name}`),
    runFolder: `/run/${name}-cluster`,
    nodeIp: environment["TESPOD_CLUSTER_NODE_IP"] || firstAddress(),
    ports: consecutivePorts(environment["TESPOD_CLUSTER_FIRST_PORT"] || "16440"),
    podCidr: environment["TESPOD_CLUSTER_POD_CIDR"] || "10.244.0.0/16",
    serviceCidr: "10.96.0.0/16",
    dnsIp: "10.96.0.10",
    cgroupRoot: `/${name}-cluster`,
  };
}

function consecutivePorts(text: string): Ports {
  const first = Number(text);
  if (!Number.isInteger(first) || first < 1024 || first > 65_000) {
    throw new Error(`Cannot use TESPOD_CLUSTER_FIRST_PORT "${text}": not a number from 1024 to 65000`);
  }
  return Object.fromEntries(portNames.map((name, index) => [name, first + index])) as Ports;
}

function firstAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find((address) => address.family === "IPv4" && !address.internal);
    if (found) {
      return found.address;
    }
  }
  return "";
}
