/** The local cluster as tests see it. */
import type { Cluster } from "../cluster.ts";
import { kubectlRunner } from "../kubectl.ts";
import type { Settings } from "../settings.ts";
import { containerd } from "./base-images.ts";
import { paths } from "./config-files.ts";
import { s3Keys } from "./daemons.ts";

/** Describes the local cluster; whether it runs is not looked at. */
export function localCluster(settings: Settings): Cluster {
  const { kubeconfig, socket } = paths(settings);
  const endpoint = `http://${settings.nodeIp}:${settings.ports.s3}`;
  return {
    kind: "local",
    kubeconfig,
    async loadImages(archives) {
      for (const archive of archives) {
        await containerd(socket, ["images", "import", archive]);
      }
    },
    s3: { endpointFromHost: endpoint, endpointFromPods: endpoint, ...s3Keys, region: "us-east-1" },
    kubectl: kubectlRunner(settings, kubeconfig),
  };
}
