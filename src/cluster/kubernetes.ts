// connectKubernetes: the Cluster that is a namespace of a Kubernetes cluster.
import type { Cluster } from "./cluster.ts";
import { type KubeconfigSource, loadKubeconfig } from "./kubeconfig.ts";
import { kubernetesCluster } from "./kubernetes-cluster.ts";
import { createTransport } from "./transport.ts";

export interface KubernetesOptions extends KubeconfigSource {
  readonly namespace: string;
}

/** Reads the kubeconfig, or throws; connects when the first call is made. */
export function connectKubernetes(options: KubernetesOptions): Cluster {
  return kubernetesCluster(
    createTransport(() => loadKubeconfig(options)),
    options.namespace,
  );
}
