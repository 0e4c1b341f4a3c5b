// What the tests of src/cluster share: the real cluster, a namespace of their own, kubeconfigs and small pods.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { V1Pod } from "@kubernetes/client-node";
import type { PodChange } from "../../../src/cluster/cluster.ts";
import { loadKubeconfig } from "../../../src/cluster/kubeconfig.ts";
import { coreApi, createTransport, type Transport } from "../../../src/cluster/transport.ts";
import { findCluster } from "../../cluster/cluster.ts";
import { runLabels } from "../../support/test-run.ts";

/** A signal for calls that nothing is meant to end. */
export const never = new AbortController().signal;

/** The kubeconfig's cluster entry and user entry, as plain values to write other kubeconfigs from. */
export interface ClusterEntry {
  readonly server: string;
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A folder that is removed at the end. */
export interface Scratch extends Disposable {
  readonly path: string;
  /** Writes a file into it and returns its path. */
  write(name: string, content: string, mode?: number): string;
}

export function makeScratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), "tespod-kubernetes-"));
  return {
    path,
    write: (name, content, mode = 0o600) => {
      const file = join(path, name);
      writeFileSync(file, content, { mode });
      return file;
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Reads the test cluster's kubeconfig, whether it names files or holds the data itself. */
export async function readEntry(kubeconfig: string): Promise<ClusterEntry> {
  const config = loadKubeconfig({ kubeconfig });
  const options: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
  await config.applyToHTTPSOptions(options);
  const server = config.getCurrentCluster()?.server ?? "";
  const url = new URL(server);
  return {
    server,
    host: url.hostname,
    port: Number(url.port || 443),
    ca: String(options.ca),
    cert: String(options.cert),
    key: String(options.key),
  };
}

/** A kubeconfig's text: JSON is YAML. */
export function kubeconfigText(cluster: object, user: object): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    clusters: [{ name: "test", cluster }],
    users: [{ name: "test", user }],
  });
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A kubeconfig with all data inside, for the cluster's administrator, through another address of the same server. */
export function adminKubeconfig(entry: ClusterEntry, server = entry.server): string {
  return kubeconfigText(
    // A name that every API server's certificate carries, whatever address or proxy it is reached by.
    { server, "certificate-authority-data": base64(entry.ca), "tls-server-name": "kubernetes" },
    { "client-certificate-data": base64(entry.cert), "client-key-data": base64(entry.key) },
  );
}

export function transportOf(kubeconfig: string): Transport {
  return createTransport(() => loadKubeconfig({ kubeconfig }));
}

/** A namespace of this test run's own, deleted with all in it at the end. */
export interface ScratchNamespace extends AsyncDisposable {
  readonly name: string;
}

export async function makeNamespace(transport: Transport): Promise<ScratchNamespace> {
  const api = coreApi(transport, never);
  const body = { metadata: { generateName: "tespod-test-", labels: runLabels() } };
  const { metadata } = await api.createNamespace({ body });
  const name = metadata?.name ?? "";
  // No pod is admitted, and no token given, before a controller has made this.
  for (let made = false; !made; ) {
    const accounts = await api.listNamespacedServiceAccount({ namespace: name });
    made = accounts.items.some((account) => account.metadata?.name === "default");
  }
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      await api.deleteNamespace({ name });
    },
  };
}

/** A pod that no scheduler takes: it costs the cluster nothing, and changes only when the test changes it. */
export function idlePod(name: string, labels: Record<string, string> = {}): V1Pod {
  return {
    metadata: { name, labels },
    spec: {
      schedulerName: "nobody",
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      containers: [{ name: "main", image: "localhost/busybox:1", imagePullPolicy: "IfNotPresent" }],
    },
  };
}

/** A pod that runs a shell command to its end. */
export function shellPod(name: string, command: string): V1Pod {
  const pod = idlePod(name);
  return {
    ...pod,
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "main",
          image: "localhost/busybox:1",
          imagePullPolicy: "IfNotPresent",
          command: ["/bin/sh", "-c", command],
        },
      ],
    },
  };
}

/** One change as a short text, to compare whole histories: `changed a`, `leaving a`, `deleted a`, `listed a b`. */
export function describeChange(change: PodChange): string {
  if (change.type === "changed" && change.pod.metadata?.deletionTimestamp)
    return `leaving ${podName(change.pod)}`;
  const names = change.type === "listed" ? change.pods.map(podName).sort() : [podName(change.pod)];
  return [change.type, ...names].join(" ");
}

export function podName(pod: V1Pod): string {
  return pod.metadata?.name ?? "";
}

/** The kubeconfig of the test cluster; without one the tests that need it are skipped, and this says so. */
export async function findKubeconfig(): Promise<string | undefined> {
  const cluster = await findCluster();
  if (cluster === undefined) process.stderr.write("skipped: no cluster; run npm run cluster -- up\n");
  return cluster?.kubeconfig;
}
