/** The configuration files of the parts of a local cluster, as text; nothing is written here. */
import { join } from "node:path";
import type { Settings } from "../settings.ts";

/** Where the files of a local cluster are. */
export function paths(settings: Settings) {
  const inState = (name: string) => join(settings.stateFolder, name);
  return {
    kubeconfig: inState("kubeconfig"),
    nodeKubeconfig: inState("node.kubeconfig"),
    certificates: inState("certificates"),
    socket: join(settings.runFolder, "containerd.sock"),
    containerdRoot: inState("containerd"),
    containerdState: join(settings.runFolder, "containerd"),
    kubeletRoot: inState("kubelet"),
    podLogs: inState("pod-logs"),
    volumes: inState("volumes"),
    network: inState("network"),
    config: (name: string) => join(settings.stateFolder, "config", name),
  };
}

/** File name in the folder `config` → content. */
export function configFiles(settings: Settings, options: { forwardDns: boolean }): Record<string, string> {
  return {
    "containerd.toml": containerd(settings),
    "cni/10-pods.conflist": JSON.stringify(podNetwork(settings)),
    "kubelet.yaml": JSON.stringify(kubelet(settings)),
    Corefile: corefile(settings, options.forwardDns),
    "local-path.json": JSON.stringify({
      nodePathMap: [{ node: "DEFAULT_PATH_FOR_NON_LISTED_NODES", paths: [paths(settings).volumes] }],
    }),
    "helper-pod.yaml": JSON.stringify(helperPod),
  };
}

function containerd(settings: Settings): string {
  const { containerdRoot, containerdState, socket, config } = paths(settings);
  return `version = 2
root = "${containerdRoot}"
state = "${containerdState}"
[grpc]
address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  stream_server_port = "${settings.ports.containerdStream}"
  # Not every machine lets root raise its own priority against the out-of-memory killer.
  restrict_oom_score_adj = true
  disable_apparmor = true
  # Network namespaces in our own folder: all in it can be removed without asking whose it is.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${config("cni")}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`;
}

/** Name of the pods' network; files about it that CNI keeps elsewhere begin with it. */
export function podNetworkName(settings: Settings): string {
  return `${settings.name}-pods`;
}

/** Each pod is a routed peer of the host, with no bridge: nothing depends on br_netfilter, nothing is left behind. */
function podNetwork(settings: Settings) {
  const range = [[{ subnet: settings.podCidr }]];
  const ipam = {
    type: "host-local",
    dataDir: paths(settings).network,
    ranges: range,
    routes: [{ dst: "0.0.0.0/0" }],
  };
  return {
    cniVersion: "0.4.0",
    name: podNetworkName(settings),
    plugins: [{ type: "ptp", ipMasq: false, ipam }],
  };
}

function kubelet(settings: Settings) {
  const { certificates, socket, podLogs } = paths(settings);
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: join(certificates, "ca.crt") },
    },
    authorization: { mode: "AlwaysAllow" },
    port: settings.ports.kubelet,
    healthzPort: settings.ports.kubeletHealth,
    clusterDNS: [settings.dnsIp],
    clusterDomain: "cluster.local",
    cgroupDriver: "cgroupfs",
    cgroupRoot: settings.cgroupRoot,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    containerRuntimeEndpoint: `unix://${socket}`,
    podLogsDir: podLogs,
    serializeImagePulls: false,
    maxPods: 250,
    // A removed image could not be pulled again: these come from no registry.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
  };
}

function corefile(settings: Settings, forwardDns: boolean): string {
  const { ports, nodeIp } = settings;
  return `.:${ports.dns} {
    bind ${nodeIp}
    errors
    health 127.0.0.1:${ports.dnsHealth}
    ready 127.0.0.1:${ports.dnsReady}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${paths(settings).kubeconfig}
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }
${forwardDns ? "    forward . /etc/resolv.conf\n    cache 30\n" : ""}}
`;
}

const helperPod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "helper-pod" },
  spec: {
    containers: [{ name: "helper-pod", image: "localhost/busybox:1", imagePullPolicy: "IfNotPresent" }],
  },
};
