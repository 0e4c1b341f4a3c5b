// With users, each operation wants one of them; without, whatever is sent is ignored (tests/api/clients.test.ts).
import { describe, expect, test } from "bun:test";
import { parseUsers, userOf } from "../../src/users.ts";
import { base, given } from "./given.ts";

const known = parseUsers('[{"user": "ci", "token": "token-of-ci"}, {"user": "a", "password": "password"}]');
const authenticate = (authorization: string | undefined) => userOf(known, authorization);
const task = JSON.stringify({ executors: [{ image: "busybox", command: ["true"] }] });
const logins = ["Bearer token-of-ci", `Basic ${Buffer.from("a:password").toString("base64")}`];

const operations: readonly { method: string; path: string; body?: string }[] = [
  { method: "POST", path: "/tasks", body: task },
  { method: "GET", path: "/tasks" },
  { method: "HEAD", path: "/tasks" },
  { method: "GET", path: "/tasks/known" },
  { method: "GET", path: "/tasks/known?view=FULL" },
  { method: "POST", path: "/tasks/known:cancel" },
  { method: "POST", path: "/tasks/known%3Acancel" },
];
const rows = ["/ga4gh/tes/v1", "/v1"].flatMap((root) => operations.map((row) => ({ root, ...row })));

describe("with users", () => {
  test.each(rows)(
    "$method $root$path: 401 and nothing done for nobody, 200 for each of them",
    async (row) => {
      await using app = given({ authenticate });
      await app.put("known");
      const ask = (authorization?: string) =>
        app.ask(row.method, row.root + row.path, {
          ...(row.body === undefined ? {} : { body: row.body }),
          ...(authorization === undefined ? {} : { headers: { authorization } }),
        });
      for (const authorization of [undefined, "Bearer wrong-token", "Basic Tm9uZTpOb25l"]) {
        const { status, headers } = await ask(authorization);
        expect(status).toBe(401);
        expect(headers.get("www-authenticate")).toBe(
          'Bearer realm="tespod", Basic realm="tespod", charset="UTF-8"',
        );
      }
      expect(app.poked).toEqual([]);
      expect(await app.store.liveStates()).toEqual({ QUEUED: 1 });
      for (const login of logins) expect((await ask(login)).status).toBe(200);
    },
  );

  test("an unknown task is 401 for nobody, so that no id can be guessed", async () => {
    await using app = given({ authenticate });
    expect((await app.ask("GET", `${base}/tasks/none`)).status).toBe(401);
  });

  test.each([
    `${base}/service-info`,
    "/v1/tasks/service-info",
    "/healthz",
    "/readyz",
    "/docs",
    "/openapi.json",
  ])("%s is for everybody", async (path) => {
    await using app = given({ authenticate });
    expect((await app.fetch(path)).status).toBe(200);
  });

  test("no path that ends so lets anybody in", async () => {
    await using app = given({ authenticate });
    for (const path of ["/tasks/known/service-info", "/tasks//service-info", "/tasks/%2Fservice-info"])
      expect((await app.fetch(base + path)).status).not.toBe(200);
  });

  test("a browser's preflight needs no login", async () => {
    await using app = given({ authenticate, corsOrigins: ["https://a.example"] });
    const headers = {
      origin: "https://a.example",
      "access-control-request-method": "GET",
      "access-control-request-headers": "authorization",
    };
    const { status } = await app.fetch(`${base}/tasks`, { method: "OPTIONS", headers });
    expect(status).toBe(204);
  });
});
