// Two ports: clients have the API at theirs; reports and figures are at the other.
import { describe, expect, test } from "bun:test";
import { reportPath } from "../../sidecar/contract/paths.ts";
import { reportSigner, reportToken, signatureHeader } from "../../sidecar/contract/token.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import { executorEnded, inSeconds, makeReport, now } from "../support/make.ts";
import { base, given, reportKey } from "./given.ts";

const metrics = () => createMetrics(() => now);
const nothingAt = (path: string, hint: string) => ({
  status: 404,
  message: `There is nothing at ${path}; ${hint}`,
});
const api = "TES is at /ga4gh/tes/v1";
const internal = "this port has /metrics and takes the reports of pods";

/** What a pod of the task sends. */
const body = JSON.stringify(makeReport(1, executorEnded(0)));
const report = (task: string) =>
  [
    "POST",
    reportPath(task, 1),
    { headers: { [signatureHeader]: reportSigner(reportKey, task, 1)(body) }, body },
  ] as const;

describe("the port of the API", () => {
  test("has no figures", async () => {
    await using app = given({ metrics: metrics() });
    const { status, body } = await app.ask("GET", "/metrics");
    expect([status, body]).toEqual([404, nothingAt("/metrics", api)]);
  });

  test("takes no report, whatever its token, and says once where they belong", async () => {
    await using app = given();
    await app.put("abc");
    for (const task of ["abc", "abc", "unknown"]) {
      const { status, body } = await app.ask(...report(task));
      expect([status, body]).toEqual([404, nothingAt(reportPath(task, 1), api)]);
    }
    expect((await app.store.get("abc"))?.run.executors).toEqual([]);
    expect(app.warned).toEqual([
      {
        message: "a report came to the port of the API, which takes none",
        task: "abc",
        hint: "TESPOD_CALLBACK_URL must lead to TESPOD_INTERNAL_PORT",
      },
    ]);
  });

  test("takes reports of tasks from before the internal port, and of no later ones", async () => {
    const since = inSeconds(60).toISOString();
    await using app = given({ internalSince: since, tokensBefore: since });
    await app.put("before", { creationTime: inSeconds(59).toISOString() });
    await app.put("after", { creationTime: inSeconds(60).toISOString() });
    expect(await app.ask(...report("before"))).toMatchObject({ status: 200, body: { acknowledged: 1 } });
    expect((await app.store.get("before"))?.run.executors).toHaveLength(1);
    expect((await app.ask(...report("after"))).status).toBe(404);
    const [method, path] = report("before");
    // As pods of the version without an internal port send it.
    const authorization = `Bearer ${reportToken(reportKey, "before", 1)}`;
    expect((await app.ask(method, path, { body, headers: { authorization } })).status).toBe(200);
    expect((await app.ask(method, path, { body })).status).toBe(401);
  });
});

describe("the internal port", () => {
  test("has figures, of both ports", async () => {
    await using app = given({ metrics: metrics() });
    await app.ask("GET", `${base}/tasks`);
    const response = await app.fetchInternal("/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const counted = (await response.text())
      .split("\n")
      .filter((line) => line.includes("http_requests_total{"));
    expect(counted).toEqual(['tespod_http_requests_total{operation="/tasks",method="GET",code="200"} 1']);
    const again = await (await app.fetchInternal("/metrics")).text();
    expect(again).toContain('tespod_http_requests_total{operation="/metrics",method="GET",code="200"} 1');
  });

  test.each([`${base}/tasks`, "/v1/tasks", "/v1/service-info", "/docs", "/openapi.json"])(
    "has no %s",
    async (path) => {
      await using app = given();
      const { status, body } = await app.askInternal("GET", path);
      expect([status, body]).toEqual([404, nothingAt(path, internal)]);
    },
  );

  test("says whether the service is ready, as the other does", async () => {
    let ready = true;
    await using app = given({ isReady: () => ready });
    const statuses = async () => [
      (await app.askInternal("GET", "/healthz")).status,
      (await app.askInternal("GET", "/readyz")).status,
    ];
    expect(await statuses()).toEqual([200, 200]);
    ready = false;
    expect(await statuses()).toEqual([200, 503]);
  });
});
