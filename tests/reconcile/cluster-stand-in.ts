// A Cluster in memory. It stands in for what a real API server cannot be made to do on demand: an answer that is lost after
// the pod was made, 429, a quota, a list older than a create, and a death of the service between any two calls. What a real
// one does of itself is tested with a real one (tests/kubernetes, tests/e2e).
import { once } from "node:events";
import type { V1ContainerStatus, V1Pod, V1Secret } from "@kubernetes/client-node";
import type { Report } from "../../sidecar/contract/report.ts";
import type { Cluster, PodChange } from "../../src/cluster/cluster.ts";
import { containers, labels } from "../../src/pod/names.ts";
import { executorEnded, makeReport } from "../support/make.ts";

export interface StandIn extends Cluster {
  readonly pods: Map<string, V1Pod>;
  readonly secrets: Map<string, V1Secret>;
  /** How often a pod of that name was really made. */
  readonly made: Map<string, number>;
  /** Calls of createPod, getPod, deletePod … by name. */
  readonly calls: string[];
  /** Journals, by "pod/container". */
  readonly journals: Map<string, string>;
  /** Sends a change to all watchers. */
  tell(change: PodChange): void;
  /** Changes a pod and tells it. */
  update(name: string, status: Partial<NonNullable<V1Pod["status"]>>): void;
  /** The pod and its Secret are gone at once, as if by hand or with their node. */
  vanish(name: string): void;
}

interface Options {
  /** What the kubelet and the pod's containers do once the pod can start; nothing by default. */
  readonly live?: (pod: V1Pod, cluster: StandIn) => Promise<void>;
}

const nameOf = (object: V1Pod | V1Secret): string => object.metadata?.name ?? "";

export function createStandIn({ live = () => Promise.resolve() }: Options = {}): StandIn {
  const watchers = new Set<(change: PodChange) => void>();
  let uids = 0;

  /** A pod starts when the Secret that it mounts is there. */
  const canStart = ({ metadata, spec }: V1Pod): boolean =>
    (spec?.volumes ?? []).every(
      ({ secret }) => secret === undefined || cluster.secrets.has(secret.secretName ?? ""),
    ) && metadata?.deletionTimestamp === undefined;

  const started = new Set<string>();
  function startPods(): void {
    for (const pod of cluster.pods.values()) {
      const { uid = "" } = pod.metadata ?? {};
      if (started.has(uid) || !canStart(pod)) continue;
      started.add(uid);
      setImmediate(() => void live(pod, cluster));
    }
  }

  const cluster: StandIn = {
    pods: new Map(),
    secrets: new Map(),
    made: new Map(),
    calls: [],
    journals: new Map(),
    tell: (change) => {
      for (const watcher of watchers) watcher(change);
    },
    update(name, status) {
      const pod = cluster.pods.get(name);
      if (pod === undefined) return; // as a kubelet whose pod is gone
      const changed = { ...pod, status: { ...pod.status, ...status } };
      cluster.pods.set(name, changed);
      cluster.tell({ type: "changed", pod: changed });
    },
    vanish(name) {
      const pod = cluster.pods.get(name);
      cluster.pods.delete(name);
      for (const [secret, { metadata }] of cluster.secrets) {
        if (metadata?.ownerReferences?.some(({ uid }) => uid === pod?.metadata?.uid))
          cluster.secrets.delete(secret);
      }
      if (pod !== undefined) cluster.tell({ type: "deleted", pod });
    },
    createPod(pod) {
      const name = nameOf(pod);
      cluster.calls.push(`createPod ${name}`);
      const there = cluster.pods.get(name);
      if (there !== undefined) return Promise.resolve(there);
      const made: V1Pod = {
        ...pod,
        metadata: { ...pod.metadata, uid: `uid-${++uids}`, creationTimestamp: new Date() },
      };
      cluster.made.set(name, (cluster.made.get(name) ?? 0) + 1);
      cluster.pods.set(name, made);
      cluster.tell({ type: "changed", pod: made });
      startPods();
      return Promise.resolve(made);
    },
    deletePod(name, { uid }) {
      cluster.calls.push(`deletePod ${name}`);
      const pod = cluster.pods.get(name);
      if (pod === undefined || (uid !== undefined && uid !== pod.metadata?.uid)) return Promise.resolve();
      const deleting = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date() } };
      cluster.pods.set(name, deleting);
      cluster.tell({ type: "changed", pod: deleting });
      setImmediate(() => cluster.vanish(name));
      return Promise.resolve();
    },
    getPod(name) {
      cluster.calls.push(`getPod ${name}`);
      return Promise.resolve(cluster.pods.get(name));
    },
    readLog(pod, container) {
      cluster.calls.push(`readLog ${pod} ${container}`);
      return Promise.resolve(cluster.journals.get(`${pod}/${container}`));
    },
    createSecret(secret) {
      cluster.calls.push(`createSecret ${nameOf(secret)}`);
      const there = cluster.secrets.get(nameOf(secret));
      if (there === undefined) cluster.secrets.set(nameOf(secret), secret);
      startPods();
      return Promise.resolve(there ?? secret);
    },
    getSecret: (name) => Promise.resolve(cluster.secrets.get(name)),
    async *watchPods(_selector, _options, signal) {
      const waiting: PodChange[] = [{ type: "listed", pods: [...cluster.pods.values()] }];
      let wake = Promise.withResolvers<void>();
      const watcher = (change: PodChange) => {
        waiting.push(change);
        wake.resolve();
      };
      watchers.add(watcher);
      const ended = once(signal, "abort").then(() => undefined);
      try {
        while (!signal.aborted) {
          const change = waiting.shift();
          if (change !== undefined) {
            yield change;
            continue;
          }
          await Promise.race([wake.promise, ended]);
          wake = Promise.withResolvers();
        }
      } finally {
        watchers.delete(watcher);
      }
    },
  };
  return cluster;
}

export const onNode = {
  conditions: [{ type: "PodScheduled", status: "True" }],
} satisfies Partial<NonNullable<V1Pod["status"]>>;

export const containerEnded = (name: string, exitCode: number, reason: string): V1ContainerStatus => ({
  name,
  image: "",
  imageID: "",
  ready: false,
  restartCount: 0,
  state: { terminated: { exitCode, reason } },
});

/** What the supervisor of a task with one executor tells. */
export const journal: readonly Report[] = [
  makeReport(1, { type: "executor-started", executor: 0 }),
  makeReport(2, executorEnded(0)),
  makeReport(3, { type: "finished", outcome: "complete" }),
];

/**
 * The life of a pod whose executor succeeds: scheduled, its reports into the journal and, one by one, to `post`, then over.
 * `post` answers whether the sender should go on (it does not wait for a service that is down).
 */
export const successfulLife =
  (post: (task: string, attempt: number, reports: readonly Report[]) => Promise<void>) =>
  async (pod: V1Pod, cluster: StandIn): Promise<void> => {
    const name = nameOf(pod);
    const task = pod.metadata?.labels?.[labels.task] ?? "";
    const attempt = Number(pod.metadata?.labels?.[labels.attempt]);
    cluster.update(name, onNode);
    for (const report of journal) {
      const key = `${name}/${containers.supervisor}`;
      cluster.journals.set(key, `${cluster.journals.get(key) ?? ""}${JSON.stringify(report)}\n`);
      await post(task, attempt, [report]);
    }
    cluster.update(name, { containerStatuses: [containerEnded(containers.supervisor, 0, "Completed")] });
  };
