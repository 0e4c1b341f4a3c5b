// What GA4GH's compliance suite asks of a server, and the interoperability bugs of other servers, each held here.

import { describe, expect, test } from "bun:test";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { newRun } from "../../src/tes/record.ts";
import { now } from "../support/make.ts";
import { base, type Given, given } from "./given.ts";

const task = { executors: [{ image: "alpine", command: ["echo", "hello"] }] };
const idOf = (body: unknown): string => (body as { id: string }).id;

async function listed(app: Given, query: string): Promise<string[]> {
  const { status, body } = await app.ask("GET", `${base}/tasks?${query}`);
  expect(status).toBe(200);
  return (body as { tasks: { id: string }[] }).tasks.map(({ id }) => id);
}

describe("tag_key and tag_value, zipped by position", () => {
  test.each<{ query: string; tags: Record<string, string> | undefined; match: boolean }>([
    { query: "tag_key=foo&tag_value=bar", tags: { foo: "bar" }, match: true },
    { query: "tag_key=foo&tag_value=bar", tags: { foo: "bat" }, match: false },
    { query: "tag_key=foo&tag_value=", tags: { foo: "" }, match: true },
    { query: "tag_key=foo&tag_value=", tags: { foo: "bar" }, match: true },
    { query: "tag_key=foo&tag_value=", tags: {}, match: false },
    { query: "tag_key=foo&tag_value=", tags: undefined, match: false },
    {
      query: "tag_key=foo&tag_value=bar&tag_key=baz&tag_value=bat",
      tags: { foo: "bar", baz: "bat" },
      match: true,
    },
    { query: "tag_key=foo&tag_value=bar", tags: { foo: "bar", baz: "bat" }, match: true },
    { query: "tag_key=foo&tag_key=baz&tag_value=bar&tag_value=bat", tags: { foo: "bar" }, match: false },
    { query: "tag_key=a&tag_key=b&tag_value=x", tags: { a: "x", b: "any" }, match: true },
    { query: "tag_key=a&tag_key=b&tag_value=x", tags: { a: "y", b: "x" }, match: false },
  ])("$query of $tags: $match", async ({ query, tags, match }) => {
    await using app = given();
    const id = idOf((await app.create({ ...task, ...(tags === undefined ? {} : { tags }) })).body);
    expect(await listed(app, query)).toEqual(match ? [id] : []);
  });
});

describe("the suite", () => {
  test("creates with 200, not 201, and takes the first of the list for the newest (stjude-rust-labs/planetary#42)", async () => {
    await using app = given();
    await app.create(task);
    const { status, body } = await app.create(task);
    expect(status).toBe(200);
    expect((await listed(app, "view=BASIC"))[0]).toBe(idOf(body));
  });

  test("creates with URLs that lead nowhere, of any scheme that is served (microsoft/ga4gh-tes#787)", async () => {
    const root = normalizePath("/p");
    const files = { claim: "c", root, bases: [root] };
    await using app = given({ settings: { files } });
    const urls = ["s3://my-object-store/file1", "file:///p/f", "/p/f", "https://h/?a=b%20c", "ftp://h/a"];
    for (const url of urls) {
      const files = { inputs: [{ url, path: "/data/in" }], outputs: [{ url, path: "/data/out" }] };
      expect((await app.create({ ...task, ...files })).status).toBe(200);
    }
  });

  test("backend_parameters_strict refuses what is unknown at create", async () => {
    await using app = given();
    const resources = { backend_parameters: { VmSize: "x" }, backend_parameters_strict: true };
    expect((await app.create({ ...task, resources })).status).toBe(400);
    expect(await listed(app, "")).toEqual([]);
  });

  test.each(["{", '{"executors":[]}', '{"executors":[{"image":"a"}]}', '{"name":"x"}', "[]"])(
    "the body %s is 400",
    async (body) => {
      await using app = given();
      expect((await app.ask("POST", `${base}/tasks`, { body })).status).toBe(400);
    },
  );
});

describe("bugs of other servers", () => {
  test("cancel of an unknown id is 404, not 200 (calypr/funnel#178)", async () => {
    await using app = given();
    expect((await app.ask("POST", `${base}/tasks/nothing:cancel`)).status).toBe(404);
  });

  test.each(["COMPLETE", "SYSTEM_ERROR"] as const)(
    "cancel of a task that is %s is harmless (ga4gh/ga4gh-sdk#46, TES#161)",
    async (state) => {
      await using app = given();
      await app.put("over", { state, live: false });
      expect((await app.ask("POST", `${base}/tasks/over:cancel`)).status).toBe(200);
      expect((await app.ask("GET", `${base}/tasks/over`)).body).toEqual({ id: "over", state });
    },
  );

  test("filters are heeded, each and all together (microsoft/ga4gh-tes#480, calypr/funnel#685)", async () => {
    await using app = given();
    const wanted = idOf((await app.create({ ...task, name: "a-1", tags: { k: "v" } })).body);
    await app.create({ ...task, name: "a-2", tags: { k: "w" } });
    await app.create({ ...task, name: "b-1", tags: { k: "v" } });
    expect(await listed(app, "name_prefix=a-&tag_key=k&tag_value=v&state=QUEUED")).toEqual([wanted]);
    expect(await listed(app, "name_prefix=a-&tag_key=k&tag_value=v&state=RUNNING")).toEqual([]);
  });

  test("a log that only began has both of its lists, so that no client takes it for another kind (calypr/funnel#641, TESK#107)", async () => {
    await using app = given();
    const run = { ...newRun(1), created: true, nodeName: "n" };
    await app.put("begun", { state: "INITIALIZING", run });
    const { body } = await app.ask("GET", `${base}/tasks/begun?view=FULL`);
    expect(body).toMatchObject({ logs: [{ logs: [], outputs: [], metadata: { node: "n" } }] });
    expect(JSON.stringify(body)).not.toContain("null");
  });

  test("only executors that ran have a log (the suite counts one against two)", async () => {
    await using app = given();
    const time = now.toISOString();
    const executors = [{ executor: 0, startTime: time, endTime: time, exitCode: 127 }];
    await app.put("failed", {
      state: "EXECUTOR_ERROR",
      live: false,
      run: { ...newRun(1), executors, startTime: time },
    });
    const { body } = await app.ask("GET", `${base}/tasks/failed?view=BASIC`);
    expect((body as { logs: { logs: unknown[] }[] }).logs[0]?.logs).toHaveLength(1);
  });
});
