// The deployed service's figures, after it has run a task.
import { describe, expect, test } from "bun:test";
import { cluster, service } from "../../support/service.ts";
import { shell } from "./tasks.ts";

describe.skipIf(cluster === undefined)("metrics", () => {
  test("a task that ran shows in calls, commits, reports and answers", async () => {
    const { tes, url, internalUrl } = await service();
    expect((await tes.wait(await tes.create({ executors: [shell("true")] }))).state).toBe("COMPLETE");
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
    const text = await (await fetch(`${await internalUrl()}/metrics`)).text();
    for (const series of [
      'tespod_kubernetes_calls_total{call="create pod",outcome="ok"}',
      'tespod_store_commit_seconds_count{operation="create"}',
      'tespod_reports_total{taken="true"}',
      'tespod_http_requests_total{operation="/tasks",method="POST",code="200"}',
      "tespod_watch_age_seconds",
      "tespod_pod_creates_in_flight",
    ]) {
      const figure = text.split("\n").find((line) => line.startsWith(series));
      expect(`${series} is ${figure}`).toMatch(/ [\d.e-]+$/);
    }
  }, 180_000);
});
