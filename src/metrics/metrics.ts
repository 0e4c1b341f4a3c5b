// Metrics: what an operator wants to know of the service, counted where it happens by standing before store and cluster.
import { type Cluster, ClusterError, type PodChange } from "../cluster/cluster.ts";
import type { Reconciler } from "../reconcile/reconcile.ts";
import type { TaskStore } from "../store/store.ts";
import { createRegistry, type Registry } from "./registry.ts";

export interface Metrics {
  /** For Prometheus. */
  text(): Promise<string>;
  /** The store, its commits timed. */
  store(store: TaskStore): TaskStore;
  /** The cluster, its calls counted, its creates under way and its last word noted. */
  cluster(cluster: Cluster): Cluster;
  /** The reconciler, its reports counted. */
  reconciler(reconciler: Reconciler): Reconciler;
  /** One answer to a client. */
  answered(operation: string, method: string, status: number): void;
}

/** Seconds; a commit is a fsync or a few, or a turn over a network. */
const commitBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;

export function createMetrics(clock: () => Date): Metrics {
  const registry = createRegistry();
  const requests = registry.counter(
    "tespod_http_requests_total",
    "Answers by operation, method and status code.",
  );
  const reports = registry.counter(
    "tespod_reports_total",
    "Reports that pods sent, by whether they were taken.",
  );
  return {
    text: () => registry.text(),
    store: (store) => timed(store, registry),
    cluster: (cluster) => counted(cluster, registry, clock),
    reconciler: (reconciler) => ({
      ...reconciler,
      async report(id, attempt, lines) {
        const answer = await reconciler.report(id, attempt, lines);
        reports.add({ taken: String(typeof answer === "object") }, lines.length);
        return answer;
      },
    }),
    answered: (operation, method, status) => requests.add({ operation, method, code: status }),
  };
}

function timed(store: TaskStore, registry: Registry): TaskStore {
  const seconds = registry.histogram(
    "tespod_store_commit_seconds",
    "From a write to its being on disk, by what was written.",
    commitBounds,
  );
  const failures = registry.counter("tespod_store_failures_total", "Writes that the store rejected.");
  registry.gauge("tespod_tasks", "Tasks that are not over and cleared away yet, by state.", async () =>
    Object.entries(await store.liveStates()).map(([state, value]) => ({ labels: { state }, value })),
  );
  async function time<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      const result = await work();
      seconds.observe((performance.now() - start) / 1000, { operation });
      return result;
    } catch (error) {
      failures.add({ operation });
      throw error;
    }
  }
  return {
    ...store,
    create: (record, additions) => time("create", () => store.create(record, additions)),
    createOnce: (record, additions, claim) =>
      time("create", () => store.createOnce(record, additions, claim)),
    save: (record, additions) => time("save", () => store.save(record, additions)),
  };
}

function counted(cluster: Cluster, registry: Registry, clock: () => Date): Cluster {
  const calls = registry.counter(
    "tespod_kubernetes_calls_total",
    "Calls of the Kubernetes API by kind and outcome.",
  );
  let creating = 0;
  let heard: Date | undefined;
  registry.gauge("tespod_pod_creates_in_flight", "Pods that are being created.", () => creating);
  registry.gauge(
    "tespod_watch_age_seconds",
    "Since the pods were last listed or one of them was told to have changed. Above 660 something is wrong.",
    () => (heard === undefined ? [] : (clock().getTime() - heard.getTime()) / 1000),
  );
  async function count<T>(call: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      calls.add({ call, outcome: "ok" });
      return result;
    } catch (error) {
      calls.add({ call, outcome: error instanceof ClusterError ? error.kind : "aborted" });
      throw error;
    }
  }
  async function* watch(...args: Parameters<Cluster["watchPods"]>): AsyncGenerator<PodChange> {
    for await (const change of cluster.watchPods(...args)) {
      heard = clock();
      yield change;
    }
  }
  return {
    async createPod(pod, signal) {
      creating += 1;
      try {
        return await count("create pod", () => cluster.createPod(pod, signal));
      } finally {
        creating -= 1;
      }
    },
    deletePod: (...args) => count("delete pod", () => cluster.deletePod(...args)),
    getPod: (...args) => count("get pod", () => cluster.getPod(...args)),
    readLog: (...args) => count("read log", () => cluster.readLog(...args)),
    createSecret: (...args) => count("create secret", () => cluster.createSecret(...args)),
    getSecret: (...args) => count("get secret", () => cluster.getSecret(...args)),
    watchPods: watch,
  };
}
