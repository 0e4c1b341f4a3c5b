// The figures of a service, from its store, its cluster and its answers.
import { describe, expect, test } from "bun:test";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { ClusterError } from "../../src/cluster/cluster.ts";
import { createMetrics, type Metrics } from "../../src/metrics/metrics.ts";
import { noAdditions } from "../../src/tes/record.ts";
import { base, given } from "../api/given.ts";
import { createStandIn } from "../reconcile/cluster-stand-in.ts";
import { openWatchedStore } from "../reconcile/service.ts";
import { inSeconds, makeRecord, makeReport, now } from "../support/make.ts";

const signal = new AbortController().signal;
const pod = { metadata: { name: "p" } };

/** The lines that begin so, without the figure of seconds that no test knows. */
async function lines(metrics: Metrics, name: string): Promise<string[]> {
  return (await metrics.text()).split("\n").filter((line) => line.startsWith(name));
}

test("writes are timed and failures counted; tasks are counted by state", async () => {
  await using store = openWatchedStore();
  const metrics = createMetrics(() => now);
  const timed = metrics.store(store);
  const record = makeRecord();
  await timed.create(record, noAdditions);
  await timed.save({ ...record, state: "RUNNING" }, noAdditions);
  await expect(timed.create(record, noAdditions)).rejects.toThrow();
  expect(await lines(metrics, "tespod_store_commit_seconds_count")).toEqual([
    'tespod_store_commit_seconds_count{operation="create"} 1',
    'tespod_store_commit_seconds_count{operation="save"} 1',
  ]);
  expect(await lines(metrics, "tespod_store_failures_total")).toEqual([
    'tespod_store_failures_total{operation="create"} 1',
  ]);
  expect(await lines(metrics, "tespod_tasks")).toEqual(['tespod_tasks{state="RUNNING"} 1']);
});

describe("of the cluster", () => {
  test("calls by kind and outcome, and creates under way", async () => {
    const metrics = createMetrics(() => now);
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow: Cluster = {
      ...createStandIn(),
      createPod: () => promise.then(() => pod),
      getPod: () => Promise.reject(new ClusterError("throttled", "wait")),
    };
    const cluster = metrics.cluster(slow);
    const creating = cluster.createPod(pod, signal);
    expect(await lines(metrics, "tespod_pod_creates_in_flight")).toEqual(["tespod_pod_creates_in_flight 1"]);
    resolve();
    await creating;
    await expect(cluster.getPod("p", signal)).rejects.toThrow("wait");
    expect(await lines(metrics, "tespod_pod_creates_in_flight")).toEqual(["tespod_pod_creates_in_flight 0"]);
    expect(await lines(metrics, "tespod_kubernetes_calls_total")).toEqual([
      'tespod_kubernetes_calls_total{call="create pod",outcome="ok"} 1',
      'tespod_kubernetes_calls_total{call="get pod",outcome="throttled"} 1',
    ]);
  });

  test("the age of the watch begins with the first list", async () => {
    let time = now;
    const metrics = createMetrics(() => time);
    const cluster = metrics.cluster(createStandIn());
    expect(await lines(metrics, "tespod_watch_age_seconds")).toEqual([]);
    for await (const change of cluster.watchPods("", { onTrouble: () => undefined }, signal)) {
      expect(change.type).toBe("listed");
      break;
    }
    time = inSeconds(7);
    expect(await lines(metrics, "tespod_watch_age_seconds")).toEqual(["tespod_watch_age_seconds 7"]);
  });
});

test("reports, taken and not", async () => {
  const metrics = createMetrics(() => now);
  const reconciler = metrics.reconciler({
    poke: () => undefined,
    cancel: () => Promise.resolve(true),
    run: () => Promise.resolve(),
    report: (id) => Promise.resolve(id === "known" ? { acknowledged: 2, cancel: false } : undefined),
  });
  const reports = [1, 2].map((sequence) => makeReport(sequence, { type: "note", message: "n" }));
  await reconciler.report("known", 1, reports);
  await reconciler.report("other", 1, reports.slice(1));
  expect(await lines(metrics, "tespod_reports_total")).toEqual([
    'tespod_reports_total{taken="true"} 2',
    'tespod_reports_total{taken="false"} 1',
  ]);
});

test("answers are counted by operation, never by id", async () => {
  const metrics = createMetrics(() => now);
  await using app = given({ metrics });
  await app.ask("GET", `${base}/tasks/one`);
  await app.ask("GET", "/v1/tasks/two?view=FULL");
  await app.ask("POST", `${base}/tasks/three%3Acancel`);
  await app.ask("GET", `${base}/tasks`);
  await app.ask("PUT", `${base}/tasks`);
  await app.ask("GET", "/somewhere/else");
  const text = await metrics.text();
  expect(text.split("\n").filter((line) => line.startsWith("tespod_http_requests_total{"))).toEqual([
    'tespod_http_requests_total{operation="/tasks/{id}",method="GET",code="404"} 2',
    'tespod_http_requests_total{operation="/tasks/{id}:cancel",method="POST",code="404"} 1',
    'tespod_http_requests_total{operation="/tasks",method="GET",code="200"} 1',
    'tespod_http_requests_total{operation="/tasks",method="PUT",code="405"} 1',
    'tespod_http_requests_total{operation="other",method="GET",code="404"} 1',
  ]);
});
