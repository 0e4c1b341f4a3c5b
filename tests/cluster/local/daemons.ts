/** The command line of every part of a local cluster. */
import { join } from "node:path";
import type { Settings } from "../settings.ts";
import { paths } from "./config-files.ts";
import { storageConfigMap, storageNamespace } from "./manifests.ts";
import type { Daemon } from "./process.ts";
import type { ProgramName } from "./programs.ts";

/** Name under which the one node registers itself. */
export const nodeName = "local";

/** Key pair of the S3 server; public on purpose, it only guards test data on this machine. */
export const s3Keys = { accessKeyId: "tespod-test", secretAccessKey: "tespod-test-secret" };

type Programs = Record<ProgramName, string>;

/** Every part by name. They retry what is not there yet, but start them in this order: it saves their back-off. */
export function daemons(settings: Settings, programs: Programs) {
  return {
    etcd: etcd(settings),
    containerd: {
      name: "containerd",
      command: ["containerd", "-c", paths(settings).config("containerd.toml")],
    },
    s3: s3(settings, programs),
    apiServer: apiServer(settings, programs),
    controllerManager: controllerManager(settings, programs),
    scheduler: scheduler(settings, programs),
    kubelet: kubelet(settings, programs),
    proxy: proxy(settings, programs),
    dns: { name: "dns", command: [programs.dns, "-conf", paths(settings).config("Corefile")] },
    storage: storage(settings, programs),
  } satisfies Record<string, Daemon>;
}

function etcd(settings: Settings): Daemon {
  const url = `http://127.0.0.1:${settings.ports.etcd}`;
  const peers = `http://127.0.0.1:${settings.ports.etcdPeer}`;
  const flags = {
    "data-dir": join(settings.stateFolder, "etcd"),
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "listen-peer-urls": peers,
    "initial-advertise-peer-urls": peers,
    "initial-cluster": `default=${peers}`,
    // A test cluster need not survive a power cut, and its disk may be slow.
    "unsafe-no-fsync": "true",
  };
  return { name: "etcd", command: ["etcd", ...asArguments(flags)] };
}

function apiServer(settings: Settings, programs: Programs): Daemon {
  const file = (name: string) => join(paths(settings).certificates, name);
  const flags = {
    "etcd-servers": `http://127.0.0.1:${settings.ports.etcd}`,
    "secure-port": settings.ports.apiServer,
    "bind-address": "0.0.0.0",
    "advertise-address": settings.nodeIp,
    "service-cluster-ip-range": settings.serviceCidr,
    "authorization-mode": "Node,RBAC",
    "allow-privileged": "true",
    "client-ca-file": file("ca.crt"),
    "tls-cert-file": file("api-server.crt"),
    "tls-private-key-file": file("api-server.key"),
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": file("service-accounts.key"),
    "service-account-signing-key-file": file("service-accounts.key"),
    "kubelet-client-certificate": file("admin.crt"),
    "kubelet-client-key": file("admin.key"),
    "kubelet-preferred-address-types": "InternalIP",
  };
  return { name: "api-server", command: [programs.kube, "kube-apiserver", ...asArguments(flags)] };
}

function controllerManager(settings: Settings, programs: Programs): Daemon {
  const { kubeconfig, certificates } = paths(settings);
  const flags = {
    kubeconfig,
    "leader-elect": "false",
    "use-service-account-credentials": "true",
    "service-account-private-key-file": join(certificates, "service-accounts.key"),
    "root-ca-file": join(certificates, "ca.crt"),
    "secure-port": settings.ports.controllerManager,
    // The one node's pod network is in containerd's configuration.
    controllers: "*,-node-ipam-controller",
  };
  return {
    name: "controller-manager",
    command: [programs.kube, "kube-controller-manager", ...asArguments(flags)],
  };
}

function scheduler(settings: Settings, programs: Programs): Daemon {
  const { kubeconfig } = paths(settings);
  const flags = { kubeconfig, "leader-elect": "false", "secure-port": settings.ports.scheduler };
  return { name: "scheduler", command: [programs.kube, "kube-scheduler", ...asArguments(flags)] };
}

function kubelet(settings: Settings, programs: Programs): Daemon {
  const { config, nodeKubeconfig, kubeletRoot } = paths(settings);
  const flags = {
    config: config("kubelet.yaml"),
    kubeconfig: nodeKubeconfig,
    "hostname-override": nodeName,
    "node-ip": settings.nodeIp,
    "root-dir": kubeletRoot,
    "cert-dir": join(kubeletRoot, "pki"),
  };
  return { name: "kubelet", command: [programs.kube, "kubelet", ...asArguments(flags)] };
}

function proxy(settings: Settings, programs: Programs): Daemon {
  const flags = {
    kubeconfig: paths(settings).kubeconfig,
    "proxy-mode": "iptables",
    "hostname-override": nodeName,
    "cluster-cidr": settings.podCidr,
    // These leave the machine's own kernel settings as they are.
    "conntrack-max-per-core": 0,
    "conntrack-tcp-timeout-established": "0s",
    "conntrack-tcp-timeout-close-wait": "0s",
    "iptables-localhost-nodeports": "false",
    "healthz-bind-address": `127.0.0.1:${settings.ports.proxyHealth}`,
    "metrics-bind-address": `127.0.0.1:${settings.ports.proxyMetrics}`,
  };
  return { name: "proxy", command: [programs.kube, "kube-proxy", ...asArguments(flags)] };
}

function storage(settings: Settings, programs: Programs): Daemon {
  const { config, kubeconfig } = paths(settings);
  const flags = {
    config: config("local-path.json"),
    kubeconfig,
    namespace: storageNamespace,
    "configmap-name": storageConfigMap,
    "helper-image": "localhost/busybox:1",
    "helper-pod-file": config("helper-pod.yaml"),
  };
  return {
    name: "storage",
    command: [
      programs.storage,
      "start",
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    env: { POD_NAMESPACE: storageNamespace },
  };
}

function s3(settings: Settings, programs: Programs): Daemon {
  const address = `:${settings.ports.s3}`;
  return {
    name: "s3",
    command: [programs.s3, "server", "--quiet", "--address", address, join(settings.stateFolder, "s3")],
    env: {
      MINIO_ROOT_USER: s3Keys.accessKeyId,
      MINIO_ROOT_PASSWORD: s3Keys.secretAccessKey,
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
      HOME: settings.stateFolder,
    },
  };
}

function asArguments(flags: Record<string, string | number>): string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}
