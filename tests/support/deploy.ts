// deploy: the service in a cluster, by `kubectl apply -k` alone, and a client that reaches it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cluster } from "../cluster/cluster.ts";
import { createTesClient, type TesClient } from "./tes-client.ts";
import { runLabels } from "./test-run.ts";

export interface Deployed {
  readonly namespace: string;
  readonly url: string;
  readonly tes: TesClient;
  /** kubectl in the namespace. */
  kubectl(args: string[], options?: { input?: string }): Promise<string>;
  /** Stops what was started to reach the service; the service stays. */
  disconnect(): void;
  /** Removes the namespace and all that is in it. */
  remove(): Promise<void>;
}

export interface DeployOptions {
  readonly namespace?: string;
  /** Starts the service anew although its manifests are as they were: its image may be another under the same tag. */
  readonly restart?: boolean;
  /** What the service requests in place of what the manifests say. */
  readonly requests?: Readonly<Record<"cpu" | "memory", string>>;
  /** Changes to the ConfigMap of the base. */
  readonly settings?: Readonly<Record<string, string>>;
}

const overlays = fileURLToPath(new URL("../../kustomize/overlays", import.meta.url));
const waitSeconds = 120;

/** Applies the overlay for the cluster's kind, with the credentials of its S3 server, and waits until it serves. */
export async function deploy(cluster: Cluster, options: DeployOptions = {}): Promise<Deployed> {
  const namespace = options.namespace ?? "tespod";
  const kubectl = (args: string[], stdin?: { input?: string }) =>
    cluster.kubectl(["-n", namespace, ...args], stdin);
  await applyOverlay(cluster, namespace, options);
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(storageSecret(cluster)) });
  if (options.restart) await kubectl(["rollout", "restart", "deployment/tespod"]);
  await kubectl(["rollout", "status", "deployment/tespod", `--timeout=${waitSeconds}s`]);
  const { url, disconnect } = await connect(cluster, namespace);
  await untilHealthy(url);
  return {
    namespace,
    url,
    tes: createTesClient(url),
    kubectl,
    disconnect,
    async remove() {
      disconnect();
      await cluster.kubectl(["delete", "namespace", namespace, "--wait=true", `--timeout=${waitSeconds}s`]);
    },
  };
}

/** An overlay of its own over the one for this kind of cluster: another namespace, other settings. */
async function applyOverlay(
  cluster: Cluster,
  namespace: string,
  { settings = {}, requests }: DeployOptions,
): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "tespod-overlay-")));
  try {
    const base = join(overlays, cluster.kind === "kind" ? "kind" : "local");
    const patch = JSON.stringify([
      ...Object.entries(settings).map(([key, value]) => ({ op: "add", path: `/data/${key}`, value })),
    ]);
    const kustomization = {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      namespace,
      resources: [relative(folder, base)],
      patches: [
        { target: { kind: "ConfigMap", name: "tespod" }, patch },
        { target: { kind: "Namespace" }, patch: labelsPatch(runLabels()) },
        ...(requests === undefined ? [] : [{ target: deployment, patch: requestsPatch(requests) }]),
      ],
    };
    await writeFile(join(folder, "kustomization.yaml"), JSON.stringify(kustomization));
    await cluster.kubectl(["apply", "-k", folder]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The name of a label has a slash, which a JSON pointer escapes. */
const labelsPatch = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(
    Object.entries(labels).map(([key, value]) => ({
      op: "add",
      path: `/metadata/labels/${key.replaceAll("/", "~1")}`,
      value,
    })),
  );

const deployment = { kind: "Deployment", name: "tespod" };
const requestsPatch = (value: object): string =>
  JSON.stringify([{ op: "replace", path: "/spec/template/spec/containers/0/resources/requests", value }]);

const storageSecret = ({ s3 }: Cluster) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "tespod-storage" },
  stringData: {
    AWS_ENDPOINT_URL: s3.endpointFromPods,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  },
});

/** On the local cluster this host is the node and reaches the Service itself; elsewhere kubectl forwards a port. */
async function connect(cluster: Cluster, namespace: string): Promise<{ url: string; disconnect(): void }> {
  if (cluster.kind === "local") {
    const ip = await cluster.kubectl([
      "-n",
      namespace,
      "get",
      "service",
      "tespod",
      "-o",
      "jsonpath={.spec.clusterIP}",
    ]);
    return { url: `http://${ip}:8080`, disconnect: () => undefined };
  }
  const args = ["-n", namespace, "port-forward", "service/tespod", ":8080"];
  const child = spawn("kubectl", args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { url: `http://127.0.0.1:${await forwardedPort(child)}`, disconnect: () => void child.kill() };
}

async function forwardedPort(child: ChildProcess): Promise<string> {
  for await (const chunk of child.stdout ?? []) {
    const port = /127\.0\.0\.1:(\d+)/.exec(String(chunk))?.[1];
    if (port !== undefined) return port;
  }
  throw new Error("kubectl port-forward ended before it forwarded a port");
}

/** A Service takes a moment to know of a pod that became ready. */
async function untilHealthy(url: string): Promise<void> {
  const deadline = Date.now() + waitSeconds * 1000;
  for (;;) {
    const healthy = await fetch(`${url}/healthz`, {
      signal: AbortSignal.timeout(1000),
      keepalive: false,
    }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (healthy) return;
    if (Date.now() > deadline)
      throw new Error(`The service at ${url} does not answer after ${waitSeconds} s`);
    await Bun.sleep(100);
  }
}
