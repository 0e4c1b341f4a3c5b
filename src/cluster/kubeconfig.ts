// loadKubeconfig: how to reach the API server, from kubeconfig files or from the pod's own service account.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";

export interface KubeconfigSource {
  /** A path, or several as in KUBECONFIG. Without it the pod's own service account is used. */
  readonly kubeconfig?: string | undefined;
  /** The folder under which /var/run/secrets/kubernetes.io/serviceaccount lies. */
  readonly serviceAccountRoot?: string | undefined;
}

const SERVICE_ACCOUNT_TOKEN = "var/run/secrets/kubernetes.io/serviceaccount/token";

/** Reads files, and connects to nothing. Throws if what it read names no cluster and user. */
export function loadKubeconfig(source: KubeconfigSource): KubeConfig {
  const config =
    source.kubeconfig === undefined
      ? loadServiceAccount(source.serviceAccountRoot ?? "")
      : loadFiles(source.kubeconfig);
  if (config.getCurrentCluster() === null || config.getCurrentUser() === null) {
    const context = config.getCurrentContext();
    throw new Error(
      `Cannot use the kubeconfig: its current context "${context}" lacks a context, cluster or user entry`,
    );
  }
  return config;
}

function loadFiles(paths: string): KubeConfig {
  const [first, ...others] = paths.split(delimiter).filter((path) => path !== "");
  if (first === undefined) throw new Error("Cannot load the kubeconfig: its path is empty");
  const config = loadFile(first);
  for (const path of others) config.mergeConfig(loadFile(path), true);
  return config;
}

function loadFile(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (error) {
    throw new Error(`Cannot load kubeconfig "${path}": ${error}`, { cause: error });
  }
  return config;
}

function loadServiceAccount(root: string): KubeConfig {
  // KubeConfig itself would carry on with "https://undefined:undefined".
  if (!existsSync(join(root === "" ? "/" : root, SERVICE_ACCOUNT_TOKEN))) {
    throw new Error("Cannot find a cluster: no kubeconfig given, and this is no pod with a service account");
  }
  const config = new KubeConfig();
  config.loadFromCluster(root);
  return config;
}
