// With users, each operation wants one of them; without, whatever is sent is ignored (tests/api/clients.test.ts).
import { describe, expect, test } from "bun:test";
import { parseUsers, userOf } from "../../src/users.ts";
import { base, type Given, given } from "./given.ts";

const known = parseUsers(
  '[{"user": "ci", "token": "token-of-ci"}, {"user": "a", "password": "password"}, {"user": "a", "token": "token-of-a"}]',
);
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

  const create = (app: Given, authorization: string | undefined, key: string) =>
    app.ask("POST", `${base}/tasks`, {
      headers: { "idempotency-key": key, ...(authorization === undefined ? {} : { authorization }) },
      body: task,
    });

  test("an Idempotency-Key is its user's: two users get two tasks, each its own again, whatever body the other sent", async () => {
    await using app = given({ authenticate });
    const [ci, a] = await Promise.all(logins.map((login) => create(app, login, "k")));
    expect([ci?.status, a?.status]).toEqual([200, 200]);
    expect(ci?.body).not.toEqual(a?.body);
    for (const [index, first] of [ci, a].entries())
      expect((await create(app, logins[index], "k")).body).toEqual(first?.body);
    expect(await app.store.liveIds()).toHaveLength(2);
    const other = {
      headers: { "idempotency-key": "k2", authorization: logins[0] ?? "" },
      body: task.replace("true", "false"),
    };
    expect((await app.ask("POST", `${base}/tasks`, other)).status).toBe(200);
    expect((await create(app, logins[1], "k2")).status).toBe(200);
    expect((await create(app, logins[0], "k2")).status).toBe(422);
  });

  test("by password or by token, a user is the same user to an Idempotency-Key", async () => {
    await using app = given({ authenticate });
    const first = await create(app, "Bearer token-of-a", "k");
    expect(first.status).toBe(200);
    expect((await create(app, logins[1], "k")).body).toEqual(first.body);
  });

  test("no key sent where nobody needs a login is a user's, however it is spelled", async () => {
    await using app = given({ authenticate });
    const ofUser = (await create(app, logins[0], "k")).body;
    const { createOnce, liveIds } = app.store;
    await using free = given({ store: { createOnce } });
    for (const key of ["k", "ci:k", "ci%20k"]) {
      const { status, body } = await create(free, logins[0], key);
      expect({ key, status, same: Bun.deepEquals(body, ofUser) }).toEqual({ key, status: 200, same: false });
      expect((await create(free, undefined, key)).body).toEqual(body);
    }
    expect((await create(free, logins[0], "ci k")).status).toBe(400);
    expect(await liveIds()).toHaveLength(4);
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
