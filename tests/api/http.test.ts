// What HTTP has to offer besides the operations: tags, compression, CORS, request ids, caching, keys of creates, documentation.
import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { limits } from "../../src/tes/limits.ts";
import { inSeconds, now } from "../support/make.ts";
import { base, type Given, given } from "./given.ts";

const task = { executors: [{ image: "busybox", command: ["true"] }] };
const idOf = (body: unknown): string => (body as { id: string }).id;
const views = ["MINIMAL", "BASIC", "FULL"] as const;

async function tagOf(app: Given, path: string): Promise<string> {
  const { status, headers } = await app.ask("GET", path);
  expect([path, status, headers.get("cache-control")]).toEqual([path, 200, "private, no-cache"]);
  const etag = headers.get("etag") ?? "";
  expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
  return etag;
}

const askAgain = (app: Given, path: string, etag: string, method = "GET") =>
  app.ask(method, path, { headers: { "if-none-match": etag } });

describe("ETag", () => {
  test.each(views)("of a task in %s: 304 until it changes, 200 then", async (view) => {
    await using app = given();
    const id = idOf((await app.create(task)).body);
    const path = `${base}/tasks/${id}?view=${view}`;
    const etag = await tagOf(app, path);
    const same = await askAgain(app, path, etag);
    expect([same.status, same.body, same.headers.get("etag")]).toEqual([304, undefined, etag]);
    expect(same.headers.get("cache-control")).toBe("private, no-cache");
    await app.ask("POST", `${base}/tasks/${id}:cancel`);
    const changed = await askAgain(app, path, etag);
    expect([changed.status, changed.body]).toEqual([
      200,
      expect.objectContaining({ id, state: "CANCELING" }),
    ]);
    expect(changed.headers.get("etag")).not.toBe(etag);
  });

  test.each(views)("of a list in %s: 304 until a task comes or changes", async (view) => {
    await using app = given();
    const id = idOf((await app.create(task)).body);
    const path = `${base}/tasks?view=${view}&page_size=1`;
    const first = await tagOf(app, path);
    expect((await askAgain(app, path, first)).status).toBe(304);
    await app.ask("POST", `${base}/tasks/${id}:cancel`);
    const second = await tagOf(app, path);
    expect((await askAgain(app, path, first)).status).toBe(200);
    // The page's only task is another then, and so is its token.
    await app.create(task);
    expect((await askAgain(app, path, second)).status).toBe(200);
    expect(new Set([first, second, await tagOf(app, path)]).size).toBe(3);
  });

  test("a list of none is told from a list of one", async () => {
    await using app = given();
    const none = await tagOf(app, `${base}/tasks`);
    await app.create(task);
    expect((await askAgain(app, `${base}/tasks`, none)).status).toBe(200);
  });

  test.each<{ title: string; header: (etag: string) => string; status: number }>([
    { title: "the tag", header: (etag) => etag, status: 304 },
    { title: "the tag as a strong one", header: (etag) => etag.slice(2), status: 304 },
    { title: "one of several", header: (etag) => `"a", ${etag} , W/"b"`, status: 304 },
    { title: "any", header: () => "*", status: 304 },
    { title: "another", header: () => 'W/"a"', status: 200 },
    { title: "a part of it", header: (etag) => etag.slice(0, -3), status: 200 },
    { title: "nothing", header: () => "", status: 200 },
  ])("If-None-Match with $title: $status", async ({ header, status }) => {
    await using app = given();
    const id = idOf((await app.create(task)).body);
    for (const path of [`${base}/tasks/${id}`, `${base}/tasks/${id}?view=FULL`, `${base}/service-info`]) {
      const etag = (await app.ask("GET", path)).headers.get("etag") ?? "";
      expect((await askAgain(app, path, header(etag))).status).toBe(status);
    }
  });

  test("views of one task have tags of their own; an unknown task has none", async () => {
    await using app = given();
    const id = idOf((await app.create(task)).body);
    const tags = await Promise.all(views.map((view) => tagOf(app, `${base}/tasks/${id}?view=${view}`)));
    expect(new Set(tags).size).toBe(3);
    const unknown = await askAgain(app, `${base}/tasks/none`, "*");
    expect([unknown.status, unknown.headers.get("etag")]).toEqual([404, null]);
  });

  test("MINIMAL reads no document, and a 304 for FULL nothing large", async () => {
    const read: string[] = [];
    const note = (name: string) => () =>
      Promise.reject(new Error(`${name} was read`)).finally(() => read.push(name));
    await using app = given({ store: { get: note("get"), getFull: note("getFull"), list: note("list") } });
    const id = idOf((await app.create(task)).body);
    for (const path of [`${base}/tasks/${id}`, `${base}/tasks`]) {
      expect((await askAgain(app, path, await tagOf(app, path))).status).toBe(304);
    }
    expect(read).toEqual([]);

    let fullReads = 0;
    await using other = given();
    const real = other.store.getFull;
    Object.assign(other.store, { getFull: (task: string) => real(task).finally(() => fullReads++) });
    const path = `${base}/tasks/${idOf((await other.create(task)).body)}?view=FULL`;
    const etag = await tagOf(other, path);
    expect(fullReads).toBe(1);
    expect((await askAgain(other, path, etag)).status).toBe(304);
    expect(fullReads).toBe(1);
  });

  test("HEAD has it, too", async () => {
    await using app = given();
    const id = idOf((await app.create(task)).body);
    const path = `${base}/tasks/${id}?view=BASIC`;
    const etag = await tagOf(app, path);
    const head = await app.ask("HEAD", path);
    expect([head.status, head.body, head.headers.get("etag")]).toEqual([200, undefined, etag]);
    expect((await askAgain(app, path, etag, "HEAD")).status).toBe(304);
  });
});

describe("gzip", () => {
  const content = "x".repeat(100_000);

  test.each<{ title: string; accept?: string; coding: string | null }>([
    { title: "asked for", accept: "gzip", coding: "gzip" },
    { title: "one of several", accept: "br, gzip;q=0.5", coding: "gzip" },
    { title: "anything", accept: "*", coding: "gzip" },
    { title: "not asked for", coding: null },
    { title: "refused", accept: "gzip;q=0", coding: null },
    { title: "refused, all else taken", accept: "gzip;q=0, *", coding: null },
    { title: "another", accept: "br", coding: null },
  ])("of a large answer: $title", async ({ accept, coding }) => {
    await using app = given();
    const id = idOf((await app.create({ ...task, inputs: [{ path: "/in/a", content }] })).body);
    const headers = accept === undefined ? {} : { "accept-encoding": accept };
    for (const path of [`${base}/tasks/${id}?view=FULL`, `${base}/tasks?view=FULL`, "/openapi.json"]) {
      const response = await app.fetch(path, { headers });
      expect([response.status, response.headers.get("content-encoding")]).toEqual([200, coding]);
      expect(response.headers.get("vary")).toBe("Accept-Encoding");
      expect(response.headers.get("content-type")).toBe("application/json");
      const bytes = Buffer.from(await response.arrayBuffer());
      const plain = coding === null ? bytes : gunzipSync(bytes);
      expect(JSON.parse(plain.toString())).toEqual((await app.ask("GET", path)).body);
      expect(bytes.byteLength < plain.byteLength / 2).toBe(coding !== null);
    }
  });

  test("a small answer is sent as it is", async () => {
    await using app = given();
    await app.create(task);
    const { headers } = await app.ask("GET", `${base}/tasks`, { headers: { "accept-encoding": "gzip" } });
    expect([headers.get("content-encoding"), headers.get("vary")]).toEqual([null, null]);
  });
});

describe("CORS", () => {
  const origin = "https://a.example";
  const preflight = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
  };

  test("is off by default: no header, and a preflight is refused", async () => {
    await using app = given();
    const { headers } = await app.ask("GET", `${base}/tasks`, { headers: { origin } });
    expect(headers.get("access-control-allow-origin")).toBeNull();
    expect((await app.ask("OPTIONS", `${base}/tasks`, { headers: preflight })).status).toBe(405);
  });

  test.each<{ title: string; corsOrigins: string[]; allowed: string | null }>([
    { title: "the site is one of them", corsOrigins: ["https://b.example", origin], allowed: origin },
    { title: "any site", corsOrigins: ["*"], allowed: "*" },
    { title: "another site", corsOrigins: ["https://b.example"], allowed: null },
    { title: "the site over http", corsOrigins: ["http://a.example"], allowed: null },
  ])("$title: answers, errors and preflights say so", async ({ corsOrigins, allowed }) => {
    await using app = given({ corsOrigins });
    for (const [method, path] of [
      ["GET", `${base}/tasks`],
      ["GET", "/v1/service-info"],
      ["GET", `${base}/tasks/none`],
      ["PUT", `${base}/tasks`],
      ["OPTIONS", `${base}/tasks`],
    ] as const) {
      const { headers } = await app.ask(method, path, {
        headers: method === "OPTIONS" ? preflight : { origin },
      });
      expect([path, headers.get("access-control-allow-origin")]).toEqual([path, allowed]);
      expect(headers.get("access-control-allow-credentials")).toBeNull();
    }
  });

  test("a preflight is told what may be sent, and pages what they may read", async () => {
    await using app = given({ corsOrigins: [origin] });
    const { status, headers } = await app.ask("OPTIONS", `${base}/tasks`, { headers: preflight });
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-methods")).toBe("GET,HEAD,POST");
    expect(headers.get("access-control-allow-headers")?.split(",")).toContain("Idempotency-Key");
    const answer = await app.ask("GET", `${base}/tasks`, { headers: { origin } });
    expect(answer.headers.get("access-control-expose-headers")?.split(",")).toContain("ETag");
    expect(answer.headers.get("vary")).toContain("Origin");
  });

  test("the way in for reports is for no page", async () => {
    await using app = given({ corsOrigins: ["*"] });
    for (const ask of [app.ask, app.askInternal]) {
      const { headers } = await ask("OPTIONS", "/internal/tasks/a/attempts/1/reports", {
        headers: preflight,
      });
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

describe("X-Request-Id", () => {
  const made = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
  test.each<{ title: string; sent?: string; expected: RegExp }>([
    { title: "taken from the client", sent: "req_1-a=B", expected: /^req_1-a=B$/ },
    { title: "made if there is none", expected: made },
    { title: "made instead of an odd one", sent: 'a"} b', expected: made },
    { title: "made instead of a long one", sent: "x".repeat(129), expected: made },
  ])("$title, on answers and errors", async ({ sent, expected }) => {
    await using app = given();
    const headers = sent === undefined ? {} : { "x-request-id": sent };
    for (const path of [`${base}/tasks`, `${base}/tasks/none`, "/nothing", "/healthz"]) {
      expect((await app.ask("GET", path, { headers })).headers.get("x-request-id")).toMatch(expected);
    }
  });

  test("stands with the error in the log", async () => {
    await using app = given({ store: { getLine: () => Promise.reject(new Error("disk")) } });
    const { status, headers } = await app.ask("GET", `${base}/tasks/a`);
    expect([status, app.logged]).toEqual([
      500,
      [expect.objectContaining({ request: headers.get("x-request-id"), error: expect.any(Error) })],
    ]);
  });
});

test("nobody keeps errors, new ids or health; what is the same for all is asked for again", async () => {
  await using app = given();
  const cacheOf = async (method: string, path: string, body?: string) =>
    (await app.ask(method, path, body === undefined ? {} : { body })).headers.get("cache-control");
  expect(await cacheOf("POST", `${base}/tasks`, JSON.stringify(task))).toBe("no-store");
  expect(await cacheOf("POST", `${base}/tasks`, "{}")).toBe("no-store");
  expect(await cacheOf("GET", `${base}/tasks/none`)).toBe("no-store");
  expect(await cacheOf("GET", "/readyz")).toBe("no-store");
  for (const path of [`${base}/service-info`, "/openapi.json", "/docs"]) {
    expect(await cacheOf("GET", path)).toBe("no-cache");
  }
});

describe("Idempotency-Key", () => {
  const post = (app: Given, key: string, body: unknown = task) =>
    app.ask("POST", `${base}/tasks`, { headers: { "idempotency-key": key }, body: JSON.stringify(body) });

  test("the same create again answers the same id and stores one task, which is looked at each time", async () => {
    await using app = given();
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(app, "k")));
    const [id] = await app.store.liveIds();
    expect(answers.map(({ status, body }) => [status, body])).toEqual(answers.map(() => [200, { id }]));
    expect(await app.store.liveIds()).toHaveLength(1);
    expect(app.poked).toEqual(answers.map(() => id ?? ""));
  });

  test("another body is 422 and stores nothing; another key, or none, is another task", async () => {
    await using app = given();
    await post(app, "k");
    const other = await post(app, "k", { ...task, name: "n" });
    expect([other.status, other.body]).toEqual([
      422,
      { status: 422, message: "Idempotency-Key was used with another body" },
    ]);
    expect(await app.store.liveIds()).toHaveLength(1);
    await post(app, "K");
    await app.create(task);
    await app.create(task);
    expect(await app.store.liveIds()).toHaveLength(4);
  });

  test("a create that was refused leaves its key free", async () => {
    await using app = given();
    expect((await post(app, "k", {})).status).toBe(400);
    expect((await post(app, "k")).status).toBe(200);
  });

  test("counts for a day", async () => {
    let time = now;
    await using app = given({ clock: () => time });
    const first = (await post(app, "k")).body;
    time = inSeconds(24 * 3600);
    expect((await post(app, "k")).body).toEqual(first);
    time = inSeconds(24 * 3600 + 1);
    expect((await post(app, "k")).body).not.toEqual(first);
  });

  test.each<{ title: string; key: string; status: number }>([
    { title: "a UUID", key: "0a4ee4d0-2f6e-4b4e-8f1c-9d6a8c1d2e3f", status: 200 },
    { title: "in quotes, as the draft of the header has it", key: '"a"', status: 200 },
    { title: "255 characters", key: "~".repeat(255), status: 200 },
    { title: "256 characters", key: "~".repeat(256), status: 400 },
    { title: "nothing", key: "", status: 400 },
    { title: "two words", key: "a b", status: 400 },
    { title: "not ASCII", key: "é", status: 400 },
  ])("of $title: $status", async ({ key, status }) => {
    await using app = given();
    const answer = await post(app, key);
    expect(answer.status).toBe(status);
    expect(await app.store.liveIds()).toHaveLength(status === 200 ? 1 : 0);
    if (status === 400) {
      expect(answer.body).toMatchObject({
        errors: [{ path: "Idempotency-Key", message: expect.any(String) }],
      });
    }
  });
});

describe("a page of a list is bounded in bytes", () => {
  interface List {
    readonly tasks: readonly { readonly id: string }[];
    readonly next_page_token?: string;
  }

  test.each(["BASIC", "FULL"] as const)("in %s: shorter pages, every task once, in order", async (view) => {
    await using app = given();
    const ids: string[] = [];
    const words = { description: "d".repeat(Math.ceil(limits.pageBytesMax / 5)) };
    for (let number = 0; number < 30; number++) {
      const isLarge = number % 3 === 0;
      const differences = isLarge ? { task: { ...task, ...words } } : {};
      await app.put(`t${number}`, differences as object);
      ids.unshift(`t${number}`);
    }
    // One that is larger than a page is a page of its own.
    await app.put("huge", { task: { ...task, description: "d".repeat(limits.pageBytesMax * 2) } as never });
    ids.unshift("huge");
    const seen: string[] = [];
    let token: string | undefined = "";
    let pages = 0;
    for (; token !== undefined; pages++) {
      const path: string = `${base}/tasks?view=${view}&page_size=100&page_token=${token}`;
      const { status, body } = await app.ask("GET", path);
      expect(status).toBe(200);
      const { tasks, next_page_token } = body as List;
      expect(tasks.length).toBeGreaterThan(0);
      if (tasks.length > 1)
        expect(JSON.stringify(tasks).length).toBeLessThanOrEqual(limits.pageBytesMax + 100);
      seen.push(...tasks.map(({ id }) => id));
      token = next_page_token;
    }
    expect(seen).toEqual(ids);
    expect(pages).toBe(4);
  });

  test("small tasks fill the page that was asked for, in every view", async () => {
    await using app = given();
    await Promise.all(Array.from({ length: 300 }, (_, number) => app.put(`t${number}`)));
    for (const view of views) {
      for (const size of [1, 15, 16, 17, 255, 299, 300]) {
        const { body } = await app.ask("GET", `${base}/tasks?view=${view}&page_size=${size}`);
        const { tasks, next_page_token } = body as List;
        expect([view, tasks.length, next_page_token === undefined]).toEqual([view, size, size === 300]);
      }
    }
  });

  test("unknown parameters are ignored, known ones without a value as well", async () => {
    await using app = given();
    await app.put("a");
    const query = "?x=1&page=7&__proto__=y&state=&view=&page_size=&page_token=&name_prefix=";
    const { status, body } = await app.ask("GET", `${base}/tasks${query}`);
    expect([status, body]).toEqual([200, { tasks: [{ id: "a", state: "QUEUED" }] }]);
  });

  test.each([
    "page_size=0",
    "page_size=-1",
    "page_size=1.5",
    "page_size=1e2",
    "page_size=99999999999999999999",
    "page_token=AAAA",
    "page_token=%00",
    "state=queued",
    "view=full",
    "name_prefix=a%00",
    "tag_key=a%00",
    "tag_key=a&tag_value=%00",
    "tag_value=a",
    `tag_key=${Array(33).fill("a").join("&tag_key=")}`,
  ])("%s is 400, and says where", async (query) => {
    await using app = given();
    const { status, body } = await app.ask("GET", `${base}/tasks?${query}`);
    const path = query.startsWith("tag_key=a&tag_value") ? "tag_value" : (query.split("=")[0] ?? "");
    expect([status, body]).toMatchObject([400, { errors: [{ path }] }]);
  });
});

describe("documentation", () => {
  test("is one page that has every operation and schema, and loads and runs nothing", async () => {
    await using app = given();
    const { status, headers, body } = await app.ask("GET", "/docs");
    const page = body as string;
    expect([status, headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
    expect(headers.get("content-security-policy")).toStartWith("default-src 'none'");
    const document = (await app.ask("GET", "/openapi.json")).body as {
      paths: Record<string, Record<string, { operationId: string }>>;
      components: { schemas: Record<string, { properties?: object }> };
    };
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    const names = [
      ...operations.map(({ operationId }) => operationId),
      ...Object.keys(document.components.schemas),
    ];
    for (const name of names) expect(page).toContain(`<section id="${name}">`);
    for (const { properties = {} } of Object.values(document.components.schemas)) {
      for (const field of Object.keys(properties)) expect(page).toContain(`<code>${field}</code>`);
    }
    const targets = [...page.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, target = ""]) => target);
    expect(
      targets.filter((target) => target !== "/openapi.json" && !names.includes(target.slice(1))),
    ).toEqual([]);
    expect(page).not.toMatch(/<script|<img|<link|@import|url\(|undefined|\[object/);
  });

  test("is where / leads to", async () => {
    await using app = given();
    const { status, headers } = await app.ask("GET", "/");
    expect([status, headers.get("location")]).toEqual([302, "/docs"]);
  });
});

test("a key that an object of its own has is a tag like any other, and __proto__ is refused", async () => {
  await using app = given();
  const tags = { constructor: "a", toString: "b", hasOwnProperty: "c" };
  const { body } = await app.create({ ...task, tags });
  expect((await app.store.getFull(idOf(body)))?.record.task.tags).toEqual(tags);
  const path = `${base}/tasks?tag_key=constructor&tag_value=a`;
  expect((await app.ask("GET", path)).body).toMatchObject({ tasks: [{ id: idOf(body) }] });
  const refused = await app.ask("POST", `${base}/tasks`, {
    body: JSON.stringify(task).replace("{", '{"tags":{"__proto__":"x"},'),
  });
  expect([refused.status, refused.body]).toEqual([
    400,
    { status: 400, message: 'No key can be "__proto__"' },
  ]);
});
