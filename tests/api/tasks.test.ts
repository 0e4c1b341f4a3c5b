// The five operations of TES over HTTP, as clients send them, and the form of every refusal.
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { storeFailures } from "../../src/api/problem.ts";
import { StoreError, type StoreErrorKind } from "../../src/store/store-error.ts";
import { limits } from "../../src/tes/limits.ts";
import { newRun } from "../../src/tes/record.ts";
import { makeOffer, now } from "../support/make.ts";
import { base, type Given, given } from "./given.ts";

const task = { executors: [{ image: "busybox", command: ["true"] }] };
const text = JSON.stringify(task);
const idOf = (body: unknown): string => (body as { id: string }).id;

describe("CreateTask", () => {
  test("answers 200 and the id, which is safe everywhere; the task is stored and looked at", async () => {
    await using app = given();
    const { status, body } = await app.create({ ...task, name: "n", id: "mine", state: "COMPLETE" });
    expect([status, body]).toEqual([200, { id: expect.stringMatching(/^[a-z2-7]{16}$/) }]);
    const id = idOf(body);
    expect(app.poked).toEqual([id]);
    expect(await app.store.get(id)).toMatchObject({
      id,
      state: "QUEUED",
      live: true,
      creationTime: now.toISOString(),
      task: { ...task, name: "n" },
    });
  });

  test("ids are never alike", async () => {
    await using app = given();
    const answers = await Promise.all(Array.from({ length: 50 }, () => app.create(task)));
    expect(new Set(answers.map(({ body }) => idOf(body))).size).toBe(50);
  });

  test.each<{ title: string; headers: Record<string, string> }>([
    { title: "with a charset (Nextflow)", headers: { "content-type": "application/json; charset=utf-8" } },
    { title: "without a content type", headers: {} },
    { title: "with another content type", headers: { "content-type": "text/plain" } },
    { title: "with an odd one", headers: { "content-type": "application/x-www-form-urlencoded" } },
    {
      title: 'with the Authorization of snakemake and Toil, "None:None"',
      headers: { authorization: "Basic Tm9uZTpOb25l" },
    },
    { title: "with that of the funnel command line", headers: { authorization: "Basic Og==" } },
    { title: "with a token that nobody knows", headers: { authorization: "Bearer x" } },
    { title: "with an Accept that we do not serve", headers: { accept: "text/html" } },
  ])("takes a body $title", async ({ headers }) => {
    await using app = given();
    const { status } = await app.ask("POST", `${base}/tasks`, {
      headers,
      body: new TextEncoder().encode(text),
    });
    expect(status).toBe(200);
  });

  test("keeps content of 128 KiB (Snakemake) and answers it in FULL", async () => {
    await using app = given();
    const content = randomBytes(65_536).toString("hex");
    const { body } = await app.create({ ...task, inputs: [{ path: "/tmp/x", content }] });
    const full = await app.ask("GET", `${base}/tasks/${idOf(body)}?view=FULL`);
    expect(full.body).toMatchObject({ inputs: [{ path: "/tmp/x", type: "FILE", content }] });
  });

  test("keeps backend parameters that are offered as they were sent", async () => {
    await using app = given({ settings: { offer: makeOffer({ gpusMax: 1 }) } });
    const resources = { backend_parameters: { GPU: "1" }, backend_parameters_strict: true };
    const { body } = await app.create({ ...task, resources });
    const full = await app.ask("GET", `${base}/tasks/${idOf(body)}?view=FULL`);
    expect(full.body).toMatchObject({ resources });
  });

  test("warns of backend parameters that are not supported, and does not return them", async () => {
    await using app = given();
    const { body } = await app.create({ ...task, resources: { backend_parameters: { a: "b" } } });
    const full = await app.ask("GET", `${base}/tasks/${idOf(body)}?view=FULL`);
    expect(full.body).toMatchObject({
      resources: { backend_parameters: {} },
      logs: [{ system_logs: [expect.stringContaining('backend parameter "a" is not supported')] }],
    });
  });
});

interface Refusal {
  readonly title: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly status: number;
  readonly message: unknown;
  readonly errors?: readonly unknown[];
}

describe("CreateTask refuses, and stores nothing", () => {
  test.each<Refusal>([
    { title: "no body", body: "", status: 400, message: expect.stringContaining("Body is not valid JSON: ") },
    {
      title: "half a body",
      body: text.slice(0, -1),
      status: 400,
      message: expect.stringContaining("Body is not valid JSON: "),
    },
    {
      title: "a character that is not UTF-8",
      body: new TextEncoder().encode(text).map((byte) => (byte === "b".charCodeAt(0) ? 0xff : byte)),
      status: 400,
      message: "Body is not valid UTF-8",
    },
    {
      title: "no JSON",
      body: "executors=1",
      status: 400,
      message: expect.stringContaining("Body is not valid JSON: "),
    },
    {
      title: "null",
      body: "null",
      status: 400,
      message: "Task is not valid",
      errors: [{ path: "", message: expect.stringContaining("expected object") }],
    },
    {
      title: "faults in several places, each with its path",
      body: JSON.stringify({ executors: [{ command: [] }], volumes: ["x"] }),
      status: 400,
      message: "Task is not valid",
      errors: [
        { path: "executors[0].image", message: "Required" },
        { path: "executors[0].command", message: "Must have at least one element" },
        { path: "volumes[0]", message: "Must be an absolute path" },
      ],
    },
    {
      title: "unknown backend parameters with strict",
      body: JSON.stringify({
        ...task,
        resources: { backend_parameters: { a: "b" }, backend_parameters_strict: true },
      }),
      status: 400,
      message: "Task is not valid",
      errors: [{ path: "resources.backend_parameters.a", message: "Is not supported" }],
    },
    {
      title: "a known backend parameter with a value that it cannot have",
      body: JSON.stringify({ ...task, resources: { backend_parameters: { wall_seconds: "3601" } } }),
      status: 400,
      message: "Task is not valid",
      errors: [
        {
          path: "resources.backend_parameters.wall_seconds",
          message: "3601 is more than the maximum of 3600",
        },
      ],
    },
    {
      title: "figures and zones that Kubernetes could not even be told",
      body: JSON.stringify({ ...task, resources: { cpu_cores: 1e10, zones: ["a", "not a zone"] } }),
      status: 400,
      message: "Task is not valid",
      errors: [
        { path: "resources.cpu_cores", message: expect.stringContaining("1000000000") },
        { path: "resources.zones[1]", message: expect.stringContaining("letters, digits") },
      ],
    },
    {
      title: "JSON without a bottom",
      body: `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      status: 400,
      message: expect.any(String),
    },
    {
      title: "a task that no pod could carry",
      body: JSON.stringify({
        ...task,
        inputs: [
          { path: "/a/b", content: randomBytes(700_000).toString("hex").slice(0, limits.contentBytesMax) },
          { path: "/a/c", content: randomBytes(520_000).toString("hex") },
          { path: "/a/d", content: randomBytes(520_000).toString("hex") },
        ],
      }),
      status: 413,
      message: expect.stringContaining("Task is too large for a pod"),
    },
  ])("$title: $status", async ({ body, status, message, errors }) => {
    await using app = given();
    const answer = await app.ask("POST", `${base}/tasks`, { body });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toStartWith("application/json");
    expect(answer.body as object).toEqual({ status, message, ...(errors === undefined ? {} : { errors }) });
    expect(await app.store.liveIds()).toEqual([]);
    expect(app.poked).toEqual([]);
  });

  const tooLarge = { status: 413, message: `Body is larger than ${limits.bodyBytesMax} bytes` };

  test("a body over the limit by its declared length, unread", async () => {
    await using app = given();
    const answer = await app.ask("POST", `${base}/tasks`, {
      headers: { "content-length": String(limits.bodyBytesMax + 1) },
      body: text,
    });
    expect([answer.status, answer.body]).toEqual([413, tooLarge]);
  });

  test("a body over the limit that does not declare it, without reading on", async () => {
    await using app = given();
    let sent = 0;
    const chunk = new Uint8Array(1024 * 1024).fill(0x20);
    const stream = new ReadableStream({
      pull(controller) {
        sent += chunk.byteLength;
        if (sent > limits.bodyBytesMax * 4) return controller.close();
        controller.enqueue(chunk);
      },
    });
    const answer = await app.ask("POST", `${base}/tasks`, { body: stream, duplex: "half" } as RequestInit);
    expect([answer.status, answer.body]).toEqual([413, tooLarge]);
    expect(sent).toBeLessThanOrEqual(limits.bodyBytesMax + 4 * chunk.byteLength);
  });

  test("a failure that nobody foresaw: 500, without its words, which are logged, and without a promise", async () => {
    await using app = given({ store: { create: () => Promise.reject(new Error("disk /var/x is full")) } });
    const answer = await app.create(task);
    expect([answer.status, answer.body]).toEqual([500, { status: 500, message: "Internal error" }]);
    expect(app.logged).toEqual([
      expect.objectContaining({ method: "POST", path: `${base}/tasks`, error: expect.any(Error) }),
    ]);
    expect(app.poked).toEqual([]);
  });

  test.each<{ kind: StoreErrorKind; message: string }>([
    { kind: "full", message: "The database's disk is full; nothing was stored" },
    { kind: "read-only", message: "The database is read-only; nothing was stored" },
    { kind: "unavailable", message: "The database is not available; nothing was stored" },
    {
      kind: "outcome-unknown",
      message:
        "It is not known whether the task was stored: look for it in the list before you send it again, and send creates with an Idempotency-Key, which makes that safe",
    },
  ])("a store that fails as $kind: 503 with Retry-After, in words", async ({ kind, message }) => {
    await using app = given({ store: { create: () => Promise.reject(new StoreError(kind, "/var/x")) } });
    const answer = await app.create(task);
    expect([answer.status, answer.headers.get("retry-after"), answer.body]).toEqual([
      503,
      "5",
      { status: 503, message },
    ]);
    expect(app.logged).toHaveLength(1);
    expect(app.poked).toEqual([]);
  });

  test("with an Idempotency-Key, one whose outcome is unknown is to be sent with it again", async () => {
    const lost = new StoreError("outcome-unknown", "lost");
    await using app = given({ store: { createOnce: () => Promise.reject(lost) } });
    const answer = await app.ask("POST", `${base}/tasks`, {
      headers: { "idempotency-key": "k" },
      body: JSON.stringify(task),
    });
    expect([answer.status, answer.body]).toEqual([
      503,
      {
        status: 503,
        message: "It is not known whether the task was stored: send it again with the same Idempotency-Key",
      },
    ]);
  });

  test("a cancel whose outcome is unknown promises nothing", async () => {
    const lost = new StoreError("outcome-unknown", "lost");
    await using app = given({ store: { save: () => Promise.reject(lost) } });
    await app.put("a");
    const answer = await app.ask("POST", `${base}/tasks/a:cancel`);
    expect([answer.status, answer.body]).toMatchObject([503, { message: storeFailures["outcome-unknown"] }]);
  });
});

describe("GetTask", () => {
  const withInput = { ...task, inputs: [{ path: "/in/a", content: "x" }] };
  const basic = {
    id: expect.any(String),
    state: "QUEUED",
    ...task,
    inputs: [{ path: "/in/a", type: "FILE" }],
    creation_time: now.toISOString(),
  };

  test.each([
    { query: "", body: { id: expect.any(String), state: "QUEUED" } },
    { query: "?view=", body: { id: expect.any(String), state: "QUEUED" } },
    { query: "?view=MINIMAL", body: { id: expect.any(String), state: "QUEUED" } },
    { query: "?view=BASIC", body: basic },
    { query: "?view=FULL", body: { ...basic, inputs: [{ path: "/in/a", type: "FILE", content: "x" }] } },
  ])("with '$query'", async ({ query, body }) => {
    await using app = given();
    const id = idOf((await app.create(withInput)).body);
    const answer = await app.ask("GET", `${base}/tasks/${id}${query}`);
    expect([answer.status, answer.body]).toEqual([200, body]);
  });

  test.each(["MINIMAL", "BASIC", "FULL"])("of an unknown id is 404 in %s", async (view) => {
    await using app = given();
    const answer = await app.ask("GET", `${base}/tasks/none?view=${view}`);
    expect([answer.status, answer.body]).toEqual([404, { status: 404, message: 'There is no task "none"' }]);
  });

  test("with an unknown view is 400", async () => {
    await using app = given();
    const answer = await app.ask("GET", `${base}/tasks/none?view=minimal`);
    expect([answer.status, answer.body]).toEqual([
      400,
      {
        status: 400,
        message: "Query is not valid",
        errors: [{ path: "view", message: "Must be one of MINIMAL, BASIC, FULL" }],
      },
    ]);
  });
});

interface List {
  readonly tasks: readonly { readonly id: string; readonly state: string }[];
  readonly next_page_token?: string;
}

async function listOf(app: Given, query: string): Promise<List> {
  const { status, body } = await app.ask("GET", `${base}/tasks${query}`);
  expect(status).toBe(200);
  return body as List;
}

describe("ListTasks", () => {
  test("of nothing is an empty list and no token", async () => {
    await using app = given();
    expect(await listOf(app, "")).toEqual({ tasks: [] });
  });

  test("newest first, in each view", async () => {
    await using app = given();
    const older = idOf((await app.create({ ...task, inputs: [{ path: "/in/a", content: "x" }] })).body);
    const newer = idOf((await app.create(task)).body);
    const [creation_time, state] = [now.toISOString(), "QUEUED"];
    expect(await listOf(app, "")).toEqual({
      tasks: [
        { id: newer, state },
        { id: older, state },
      ],
    } as List);
    const basic = { state, ...task, creation_time };
    expect(await listOf(app, "?view=BASIC")).toEqual({
      tasks: [
        { id: newer, ...basic },
        { id: older, ...basic, inputs: [{ path: "/in/a", type: "FILE" }] },
      ],
    } as List);
    expect(await listOf(app, "?view=FULL")).toEqual({
      tasks: [
        { id: newer, ...basic },
        { id: older, ...basic, inputs: [{ path: "/in/a", type: "FILE", content: "x" }] },
      ],
    } as List);
  });

  test("pages by token, in any view, with its filters, until there are no more", async () => {
    await using app = given();
    const ids: string[] = [];
    for (const name of ["a1", "b1", "a2", "b2", "a3"])
      ids.unshift(idOf((await app.create({ ...task, name })).body));
    const wanted = [ids[0], ids[2], ids[4]];
    const seen: string[] = [];
    let query = "?name_prefix=a&page_size=1";
    for (const view of ["MINIMAL", "BASIC", "FULL"]) {
      const { tasks, next_page_token } = await listOf(app, `${query}&view=${view}`);
      seen.push(...tasks.map(({ id }) => id));
      expect(next_page_token === undefined).toBe(view === "FULL");
      await app.create({ ...task, name: "a-new" });
      query = `?name_prefix=a&page_size=1&page_token=${next_page_token}`;
    }
    expect(seen).toEqual(wanted as string[]);
  });

  test("by tags, by position; by state", async () => {
    await using app = given();
    const one = idOf((await app.create({ ...task, tags: { a: "x", b: "y" } })).body);
    await app.create({ ...task, tags: { a: "x" } });
    expect((await listOf(app, "?tag_key=a&tag_key=b&tag_value=x")).tasks.map(({ id }) => id)).toEqual([one]);
    expect((await listOf(app, "?state=QUEUED")).tasks).toHaveLength(2);
    expect((await listOf(app, "?state=RUNNING")).tasks).toHaveLength(0);
  });

  test.each([
    { query: "?state=DONE", path: "state" },
    { query: "?view=ALL", path: "view" },
    { query: "?page_size=2048", path: "page_size" },
    { query: "?page_token=x", path: "page_token" },
  ])("$query is 400 at $path", async ({ query, path }) => {
    await using app = given();
    const answer = await app.ask("GET", `${base}/tasks${query}`);
    expect([answer.status, answer.body]).toEqual([
      400,
      { status: 400, message: "Query is not valid", errors: [{ path, message: expect.any(String) }] },
    ]);
  });
});

describe("CancelTask", () => {
  const json = { "content-type": "application/json" };
  test.each<{ title: string; suffix: string; init: RequestInit }>([
    { title: "no body", suffix: ":cancel", init: {} },
    {
      title: "a JSON content type and no body (py-tes, funnel)",
      suffix: ":cancel",
      init: { headers: json, body: "" },
    },
    { title: "{}", suffix: ":cancel", init: { headers: json, body: "{}" } },
    { title: "null (the Rust client)", suffix: ":cancel", init: { headers: json, body: "null" } },
    { title: "an encoded colon", suffix: "%3Acancel", init: {} },
    { title: "an encoded colon in lower case", suffix: "%3acancel", init: {} },
    { title: "garbage, which nobody reads", suffix: ":cancel", init: { body: "{" } },
  ])("with $title", async ({ suffix, init }) => {
    await using app = given();
    const id = idOf((await app.create(task)).body);
    for (let times = 0; times < 2; times++) {
      const answer = await app.ask("POST", `${base}/tasks/${id}${suffix}`, init);
      expect([answer.status, answer.body]).toEqual([200, {}]);
      expect(await app.store.getLine(id)).toMatchObject({ state: "CANCELING" });
    }
  });

  test.each(["COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED", "PREEMPTED"] as const)(
    "of a task that is %s is 200 and changes nothing",
    async (state) => {
      await using app = given();
      await app.put("done", { state, live: false });
      const before = await app.store.getFull("done");
      const answer = await app.ask("POST", `${base}/tasks/done:cancel`);
      expect([answer.status, answer.body]).toEqual([200, {}]);
      expect(await app.store.getFull("done")).toEqual(before);
    },
  );

  test("of an unknown task is 404", async () => {
    await using app = given();
    const answer = await app.ask("POST", `${base}/tasks/none:cancel`);
    expect([answer.status, answer.body]).toEqual([404, { status: 404, message: 'There is no task "none"' }]);
  });
});

test("a task that runs shows its logs", async () => {
  await using app = given();
  const run = { ...newRun(1), created: true, nodeName: "n1", released: 1, startTime: now.toISOString() };
  await app.put("running", { state: "RUNNING", run });
  const { body } = await app.ask("GET", `${base}/tasks/running?view=BASIC`);
  expect(body).toMatchObject({
    state: "RUNNING",
    logs: [{ logs: [], outputs: [], metadata: { node: "n1" }, start_time: now.toISOString() }],
  });
});
