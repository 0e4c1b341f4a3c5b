// What tests add to a node of the cluster, under names of their own, and take away again.
import { cluster } from "../../support/service.ts";
import { runLabels } from "../../support/test-run.ts";
import { own } from "./failures.ts";

const kubectl = (args: string[], options?: { input?: string }): Promise<string> => {
  if (cluster === undefined) throw new Error("There is no cluster");
  return cluster.kubectl(args, options);
};

/** What lost-node.test.ts makes is labelled so: nodes without a machine. */
export const unreal = { [own.spot]: "lost" };

/** The node that tests change; where there are several, the first. */
export async function nodeName(): Promise<string> {
  const real = `--selector=${own.spot}!=${unreal[own.spot]}`;
  const names = await kubectl(["get", "nodes", real, "-o", "jsonpath={.items[*].metadata.name}"]);
  const [first] = names.split(" ");
  if (!first) throw new Error("The cluster has no node");
  return first;
}

/** Sets labels of the node; null removes one. Idempotent. */
export async function label(labels: Readonly<Record<string, string | null>>): Promise<void> {
  const patch = JSON.stringify({ metadata: { labels } });
  await kubectl(["patch", "node", await nodeName(), "--type=merge", "-p", patch]);
}

/** Gives the node so many devices that are none: the scheduler counts them all the same. Null takes them away. Idempotent. */
export async function setDevices(count: number | null): Promise<void> {
  const devices = { [own.device]: count === null ? null : String(count) };
  const patch = JSON.stringify({ status: { capacity: devices, allocatable: devices } });
  await kubectl(["patch", "node", await nodeName(), "--subresource=status", "--type=merge", "-p", patch]);
}

/** Creates objects that belong to no namespace, and those of namespaces that name theirs. Idempotent. */
export const apply = (...objects: { metadata: { name: string; labels?: object } }[]): Promise<string> => {
  const items = objects.map(({ metadata, ...object }) => ({
    ...object,
    metadata: { ...metadata, labels: { ...metadata.labels, ...runLabels() } },
  }));
  return kubectl(["apply", "-f", "-"], { input: JSON.stringify({ apiVersion: "v1", kind: "List", items }) });
};

/** Removes what `apply` created. Idempotent. */
export const remove = (...items: object[]): Promise<string> =>
  kubectl(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  });

export const priorityClass = (name: string, value: number) => ({
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name },
  value,
  description: "Of tespod's tests",
});
