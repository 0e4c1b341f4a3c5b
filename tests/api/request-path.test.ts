// The path that requests are routed by: doubled slashes at the base and slashes at the end are clients' own.
import { describe, expect, test } from "bun:test";
import { requestPath } from "../../src/api/request-path.ts";
import { parseUsers, userOf } from "../../src/users.ts";
import { base, type Given, given } from "./given.ts";

test.each([
  ["/v1/tasks", "/v1/tasks"],
  ["//ga4gh/tes/v1/tasks", "/ga4gh/tes/v1/tasks"],
  ["/ga4gh//tes///v1//tasks", "/ga4gh/tes/v1/tasks"],
  ["/ga4gh/tes/v1/tasks/", "/ga4gh/tes/v1/tasks"],
  ["//v1//tasks//", "/v1/tasks"],
  ["/v1", "/v1"],
  ["/v1//", "/v1"],
  ["//", "/"],
  ["/docs/", "/docs"],
  ["/v1/tasks//service-info", "/v1/tasks//service-info"],
  ["/v1x//tasks", "/v1x//tasks"],
  ["/x//v1/tasks", "/x//v1/tasks"],
  ["//healthz", "//healthz"],
  ["/v1/tasks/a%2Fb", "/v1/tasks/a%2Fb"],
])("%s is %s", (path, expected) => {
  expect(requestPath(new Request(`http://host${path}?a=//b/`))).toBe(expected);
});

const task = JSON.stringify({ executors: [{ image: "busybox", command: ["true"] }] });

const request = async (app: Given, method: string, path: string, init: RequestInit = {}) => {
  const response = await app.fetch(path, { ...init, method });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as unknown };
};

describe("without users", () => {
  test.each(["//ga4gh/tes/v1/tasks", "/ga4gh/tes//v1/tasks", `${base}/tasks/`, "//v1/tasks/"])(
    "%s takes tasks, lists them, and answers for them",
    async (path) => {
      await using app = given();
      const { status, body } = await request(app, "POST", path, { body: task });
      expect(status).toBe(200);
      const { id } = body as { id: string };
      expect((await request(app, "GET", path)).body).toMatchObject({ tasks: [{ id }] });
      const one = `${path.replace(/\/$/, "")}/${id}`;
      expect((await request(app, "GET", `${one}/`)).body).toEqual({ id, state: "QUEUED" });
      expect((await request(app, "POST", `${one}:cancel/`)).status).toBe(200);
    },
  );
});

describe("with users", () => {
  const known = parseUsers('[{"user": "a", "token": "token-of-a-user"}]');
  const authenticate = (authorization: string | undefined) => userOf(known, authorization);
  const roots = ["//ga4gh/tes/v1", "/ga4gh//tes/v1", "/ga4gh/tes/v1/", "///v1", "/v1//"];
  test.each(
    roots.flatMap((root) =>
      ["/tasks", "/tasks/", "//tasks", "/tasks/known", "/tasks/known/"].map((path) => root + path),
    ),
  )("%s wants a login in every spelling", async (path) => {
    await using app = given({ authenticate });
    await app.put("known");
    for (const method of ["GET", "HEAD", "POST"])
      expect({ method, status: (await request(app, method, path)).status }).toEqual({ method, status: 401 });
    const headers = { authorization: "Bearer token-of-a-user" };
    expect((await request(app, "GET", path, { headers })).status).toBe(200);
    expect(await app.store.liveStates()).toEqual({ QUEUED: 1 });
  });

  test.each(["//ga4gh/tes/v1/service-info", "/v1/service-info/"])("%s is for everybody", async (path) => {
    await using app = given({ authenticate });
    expect((await app.fetch(path)).status).toBe(200);
  });
});
