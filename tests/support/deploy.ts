// deploy: the service in a cluster, by `kubectl apply -k` alone, and a client that reaches it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Cluster } from "../cluster/cluster.ts";
import { createTesClient, type TesClient } from "./tes-client.ts";
import { runLabels } from "./test-run.ts";

export interface Deployed {
  /** Of the tasks. */
  readonly namespace: string;
  readonly url: string;
  readonly tes: TesClient;
  /** kubectl in the namespace of the tasks. */
  readonly kubectl: Kubectl;
  /** kubectl in the namespace of the service. */
  readonly serviceKubectl: Kubectl;
  /** The port of reports and metrics. */
  internalUrl(): Promise<string>;
  /** Stops what was started to reach the service; the service stays. */
  disconnect(): void;
  /** Removes both namespaces and all that is in them. */
  remove(): Promise<void>;
}

type Kubectl = (args: string[], options?: { input?: string }) => Promise<string>;

export interface DeployOptions {
  /** Of the service; that of the tasks ends in "-tasks". */
  readonly namespace?: string;
  /** Tasks in the namespace of the service, by the overlay that is for such installations. */
  readonly oneNamespace?: boolean;
  /** Starts the service anew although its manifests are as they were: its image may be another under the same tag. */
  readonly restart?: boolean;
  /** What the service requests in place of what the manifests say. */
  readonly requests?: Readonly<Record<"cpu" | "memory", string>>;
  /** Changes to the ConfigMap of the base. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Rules for what tasks may reach, beside those of the base. */
  readonly egress?: readonly object[];
  /** Address of the node, which tasks are not to reach although it may be a public one. */
  readonly nodeIp?: string;
}

const overlays = fileURLToPath(new URL("../../kustomize/overlays", import.meta.url));
const tasksBases = {
  own: fileURLToPath(new URL("../../manifests/tasks", import.meta.url)),
  shared: join(overlays, "one-namespace/tasks"),
};
const waitSeconds = 120;

/** Applies the overlay for the cluster's kind, with the credentials of its S3 server, and waits until it serves. */
export async function deploy(cluster: Cluster, options: DeployOptions = {}): Promise<Deployed> {
  const names = namesOf(options);
  const kubectlIn =
    (namespace: string): Kubectl =>
    (args, stdin) =>
      cluster.kubectl(["-n", namespace, ...args], stdin);
  const [kubectl, serviceKubectl] = [kubectlIn(names.tasks), kubectlIn(names.service)];
  await applyOverlay(cluster, names, options);
  await kubectl(["apply", "-f", "-"], { input: JSON.stringify(storageSecret(cluster)) });
  if (options.restart) await serviceKubectl(["rollout", "restart", "deployment/tespod"]);
  await serviceKubectl(["rollout", "status", "deployment/tespod", `--timeout=${waitSeconds}s`]);
  const connections: Connection[] = [];
  const open = async (service: string, port: number) => {
    const made = await connect(cluster, names.service, `${service}:${port}`);
    connections.push(made);
    return made.url;
  };
  const disconnect = () => {
    for (const connection of connections) connection.close();
  };
  const url = await open("tespod", 8080);
  await untilHealthy(url);
  return {
    namespace: names.tasks,
    url,
    tes: createTesClient(url),
    kubectl,
    serviceKubectl,
    internalUrl: () => open("tespod-internal", 8081),
    disconnect,
    async remove() {
      disconnect();
      const all = new Set([names.service, names.tasks]);
      await cluster.kubectl(["delete", "namespace", ...all, "--wait=true", `--timeout=${waitSeconds}s`]);
    },
  };
}

interface Names {
  readonly service: string;
  readonly tasks: string;
}

const namesOf = ({ namespace: service = "tespod", oneNamespace = false }: DeployOptions): Names => ({
  service,
  tasks: oneNamespace ? service : `${service}-tasks`,
});

/** An overlay of its own over the one for this kind of cluster: other namespaces, other settings. */
async function applyOverlay(cluster: Cluster, names: Names, options: DeployOptions): Promise<void> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "tespod-overlay-")));
  try {
    const base = join(overlays, cluster.kind === "kind" ? "kind" : "local", "service");
    await writeKustomization(join(folder, "service"), serviceOverlay(names, options), base);
    const tasksBase = options.oneNamespace ? tasksBases.shared : tasksBases.own;
    await writeKustomization(join(folder, "tasks"), tasksOverlay(names, options), tasksBase);
    await writeKustomization(folder, {}, join(folder, "service"), join(folder, "tasks"));
    await cluster.kubectl(["apply", "-k", folder]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeKustomization(folder: string, more: object, ...resources: string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: resources.map((resource) => relative(folder, resource)),
    ...more,
  };
  await writeFile(join(folder, "kustomization.yaml"), JSON.stringify(kustomization));
}

function serviceOverlay(names: Names, { settings = {}, requests }: DeployOptions): object {
  const all = {
    TESPOD_NAMESPACE: names.tasks,
    TESPOD_CALLBACK_URL: `http://tespod-internal.${names.service}:8081`,
    ...settings,
  };
  const patch = Object.entries(all).map(([key, value]) => ({ op: "add", path: `/data/${key}`, value }));
  return {
    namespace: names.service,
    patches: [
      { target: { kind: "ConfigMap", name: "tespod" }, patch: JSON.stringify(patch) },
      { target: { kind: "Namespace" }, patch: labelsPatch({ ...runLabels(), ...namespaceLabels(names) }) },
      ...(requests === undefined ? [] : [{ target: deployment, patch: requestsPatch(requests) }]),
    ],
  };
}

/** As the overlay for one namespace has them. */
const namespaceLabels = ({ service, tasks }: Names): Record<string, string> =>
  service === tasks ? { "tespod/tasks": "true", "pod-security.kubernetes.io/enforce": "baseline" } : {};

function tasksOverlay(names: Names, { egress = [], nodeIp }: DeployOptions): object {
  const subject = { op: "replace", path: "/subjects/0/namespace", value: names.service };
  const outside = "/spec/egress/2/to/0/ipBlock/except/-";
  const rules = [
    ...(nodeIp === undefined ? [] : [{ op: "add", path: outside, value: `${nodeIp}/32` }]),
    ...egress.map((value) => ({ op: "add", path: "/spec/egress/-", value })),
  ];
  return {
    namespace: names.tasks,
    patches: [
      { target: { kind: "RoleBinding" }, patch: JSON.stringify([subject]) },
      { target: { kind: "Namespace" }, patch: labelsPatch(runLabels()) },
      ...(rules.length === 0 ? [] : [{ target: { kind: "NetworkPolicy" }, patch: JSON.stringify(rules) }]),
    ],
  };
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

interface Connection {
  readonly url: string;
  close(): void;
}

/** On the local cluster this host is the node and reaches a Service itself; elsewhere kubectl forwards a port. */
async function connect(cluster: Cluster, namespace: string, service: string): Promise<Connection> {
  const [name = "", port = ""] = service.split(":");
  const inNamespace = ["-n", namespace];
  if (cluster.kind === "local") {
    const get = [...inNamespace, "get", "service", name, "-o", "jsonpath={.spec.clusterIP}"];
    return { url: `http://${await cluster.kubectl(get)}:${port}`, close: () => undefined };
  }
  const args = [...inNamespace, "port-forward", `service/${name}`, `:${port}`];
  const child = spawn("kubectl", args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { url: `http://127.0.0.1:${await forwardedPort(child)}`, close: () => void child.kill() };
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
