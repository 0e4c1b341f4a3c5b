// What lies around the operations: bases, unknown paths, wrong methods, health, service-info, the OpenAPI document.
import { describe, expect, test } from "bun:test";
import { storeFailures } from "../../src/api/problem.ts";
import { StoreError } from "../../src/store/store-error.ts";
import { makeOffer } from "../support/make.ts";
import { base, given } from "./given.ts";

const task = { executors: [{ image: "busybox", command: ["true"] }] };

describe("bases", () => {
  test.each(["/ga4gh/tes/v1", "/v1"])("%s serves all five operations", async (root) => {
    await using app = given();
    const created = await app.ask("POST", `${root}/tasks`, { body: JSON.stringify(task) });
    const { id } = created.body as { id: string };
    const statuses = [
      created.status,
      (await app.ask("GET", `${root}/service-info`)).status,
      (await app.ask("GET", `${root}/tasks`)).status,
      (await app.ask("GET", `${root}/tasks/${id}`)).status,
      (await app.ask("POST", `${root}/tasks/${id}:cancel`)).status,
    ];
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
  });

  test.each([
    "/tasks",
    "/service-info",
    "/ga4gh/tes/v1",
    "/ga4gh/tes/v1/",
    "/ga4gh/tes/v1/task",
    "/v1/tasks/a/b",
  ])("%s is not served: py-tes would post a task again there", async (path) => {
    await using app = given();
    const answer = await app.ask("GET", path);
    expect([answer.status, answer.body]).toEqual([
      404,
      { status: 404, message: `There is nothing at ${path}; TES is at /ga4gh/tes/v1` },
    ]);
  });
});

describe("wrong methods", () => {
  test.each([
    { method: "PUT", path: "/tasks", allow: "GET, HEAD, POST" },
    { method: "DELETE", path: "/tasks/abc", allow: "GET, HEAD" },
    { method: "POST", path: "/tasks/abc", allow: "GET, HEAD" },
    { method: "PUT", path: "/tasks/abc:cancel", allow: "POST" },
    { method: "DELETE", path: "/tasks/abc%3Acancel", allow: "POST" },
    { method: "POST", path: "/service-info", allow: "GET, HEAD" },
  ])("$method $path is 405, allowed: $allow", async ({ method, path, allow }) => {
    await using app = given();
    for (const root of ["/ga4gh/tes/v1", "/v1"]) {
      const answer = await app.ask(method, `${root}${path}`);
      expect([answer.status, answer.headers.get("allow"), answer.body]).toEqual([
        405,
        allow,
        { status: 405, message: `${method} is not possible here, only ${allow}` },
      ]);
    }
  });

  test("HEAD is as GET without a body", async () => {
    await using app = given();
    for (const path of [`${base}/tasks`, `${base}/service-info`, "/docs"]) {
      const text = await (await app.fetch(path)).text();
      const answer = await app.ask("HEAD", path);
      expect([answer.status, answer.body]).toEqual([200, undefined]);
      expect(answer.headers.get("content-length")).toBe(String(Buffer.byteLength(text)));
    }
  });
});

describe("health", () => {
  test("alive, ready, stopping", async () => {
    let ready = true;
    await using app = given({ isReady: () => ready });
    expect((await app.ask("GET", "/healthz")).status).toBe(200);
    expect((await app.ask("GET", "/readyz")).status).toBe(200);
    ready = false;
    expect((await app.ask("GET", "/healthz")).status).toBe(200);
    const { status, body } = await app.ask("GET", "/readyz?exclude=create");
    expect([status, body]).toEqual([503, { status: "not ready", reason: "The service is stopping" }]);
  });

  test("a store that cannot be written: not ready, in words; ready for what only reads", async () => {
    let asked = 0;
    const check = () => {
      asked += 1;
      return Promise.reject(new StoreError("full", "/var/x"));
    };
    await using app = given({ store: { check } });
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.ask("GET", "/readyz")));
    expect(answers.map(({ status, body }) => [status, body])).toEqual(
      answers.map(() => [503, { status: "not ready", reason: storeFailures.full }]),
    );
    expect(asked).toBe(1);
    expect((await app.ask("GET", "/readyz?exclude=create")).status).toBe(200);
    expect((await app.ask("GET", "/healthz")).status).toBe(200);
  });

  test("a store that does not answer: not ready, after a bounded time, and not asked again meanwhile", async () => {
    let asked = 0;
    const hang = () => {
      asked += 1;
      return new Promise<never>(() => undefined);
    };
    await using app = given({ store: { check: hang, getLine: hang } });
    for (const path of ["/readyz", "/readyz", "/readyz?exclude=create"]) {
      const { status, body } = await app.ask("GET", path);
      expect([status, body]).toEqual([
        503,
        { status: "not ready", reason: "The database did not answer within 2 s" },
      ]);
    }
    expect(asked).toBe(2);
  }, 30_000);
});

test("service-info says what GA4GH and TES ask for", async () => {
  await using app = given();
  const { status, body } = await app.ask("GET", `${base}/service-info`);
  expect([status, body]).toEqual([
    200,
    {
      id: "org.example.tes",
      name: "Example",
      type: { group: "org.ga4gh", artifact: "tes", version: "1.1.0" },
      organization: { name: "Example", url: "https://example.org" },
      version: "1.2.3",
      storage: ["s3://bucket"],
      tesResources_backend_parameters: ["wall_seconds"],
    },
  ]);
});

test("what tasks may ask for is told: the keys in service-info, figures and choices in the document and its page", async () => {
  const offer = makeOffer({ max: { cpuCores: 8 }, gpusMax: 2, priorityClasses: ["low"] });
  await using app = given({ settings: { offer } });
  const info = await app.ask("GET", `${base}/service-info`);
  expect(info.body).toMatchObject({
    tesResources_backend_parameters: ["wall_seconds", "gpu", "priority_class"],
  });
  const words =
    "A task may ask for at most cpu_cores 8. Its backend_parameters may be wall_seconds (at most 3600), gpu (at most 2 in a task), priority_class (low).";
  const document = await app.ask("GET", "/openapi.json");
  expect(document.body).toMatchObject({ info: { description: expect.stringContaining(words) } });
  const page = await app.fetch("/docs");
  expect(await page.text()).toContain(words);
});

interface OpenApi {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

describe("the OpenAPI document", () => {
  test("names the five operations at the paths of the spec", async () => {
    await using app = given();
    const { status, body } = await app.ask("GET", "/openapi.json");
    const { openapi, servers, paths } = body as OpenApi;
    expect([status, openapi, servers]).toEqual([200, "3.1.0", [{ url: "/ga4gh/tes/v1" }]]);
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId}: ${method} ${path}`),
    );
    expect(operations.sort()).toEqual([
      "CancelTask: post /tasks/{id}:cancel",
      "CreateTask: post /tasks",
      "GetServiceInfo: get /service-info",
      "GetTask: get /tasks/{id}",
      "ListTasks: get /tasks",
    ]);
  });

  test("every reference in it leads somewhere", async () => {
    await using app = given();
    const { body } = await app.ask("GET", "/openapi.json");
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    const { schemas } = (body as OpenApi).components;
    expect(references.length).toBeGreaterThan(5);
    expect(references.map(([, name = ""]) => name).filter((name) => !(name in schemas))).toEqual([]);
  });
});
