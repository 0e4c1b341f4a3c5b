// The way in for reports of pods: who is believed, and what is answered.
import { describe, expect, test } from "bun:test";
import { reportPath } from "../../sidecar/contract/paths.ts";
import { reportSigner, reportToken, signatureHeader } from "../../sidecar/contract/token.ts";
import { executorEnded, inSeconds, makeReport } from "../support/make.ts";
import { type Given, given, reportKey } from "./given.ts";

const lines = [makeReport(1, { type: "executor-started", executor: 0 }), makeReport(2, executorEnded(0))].map(
  (report) => JSON.stringify(report),
);

interface Post {
  readonly task?: string;
  readonly attempt?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const text = lines.join("\n");
const signed = (body: string, { key = reportKey, task = "abc", attempt = 1 } = {}) => ({
  [signatureHeader]: reportSigner(key, task, attempt)(body),
});
const token = ({ key = reportKey, task = "abc", attempt = 1 } = {}) => ({
  authorization: `Bearer ${reportToken(key, task, attempt)}`,
});

async function post(app: Given, { task = "abc", attempt = 1, body = text, headers }: Post) {
  const { status, body: answer } = await app.askInternal("POST", reportPath(task, attempt), {
    headers: { "content-type": "application/x-ndjson", ...(headers ?? signed(body, { task, attempt })) },
    body,
  });
  return { status, answer };
}

test("good reports are held, and the answer says up to where", async () => {
  await using app = given();
  await app.put("abc");
  expect(await post(app, {})).toEqual({ status: 200, answer: { acknowledged: 2, cancel: false } });
  expect(await app.store.get("abc")).toMatchObject({ state: "RUNNING", run: { released: 1 } });
  // Again, as after an answer that was lost.
  expect(await post(app, {})).toEqual({ status: 200, answer: { acknowledged: 2, cancel: false } });
  expect((await app.store.getFull("abc"))?.additions.tails).toHaveLength(1);
});

test("lines that are no reports are passed over, as in a journal", async () => {
  await using app = given();
  await app.put("abc");
  const body = ["error: it died", "", ...lines, '{"version":1'].join("\n");
  expect(await post(app, { body })).toEqual({ status: 200, answer: { acknowledged: 2, cancel: false } });
});

test("the pod of a task that is canceled is told to stop", async () => {
  await using app = given();
  await app.put("abc", { state: "CANCELING" });
  expect(await post(app, {})).toEqual({ status: 200, answer: { acknowledged: 2, cancel: true } });
});

test("the pod of a task that the service has ended is told to stop", async () => {
  await using app = given();
  await app.put("abc", { state: "SYSTEM_ERROR" });
  expect(await post(app, {})).toEqual({ status: 200, answer: { acknowledged: 2, cancel: true } });
});

test("the pod of a task that ended by the pod's own word is not told to stop", async () => {
  await using app = given();
  await app.put("abc");
  const finished = JSON.stringify(makeReport(3, { type: "finished", outcome: "complete" }));
  const body = [...lines, finished].join("\n");
  expect(await post(app, { body })).toEqual({ status: 200, answer: { acknowledged: 3, cancel: false } });
  expect(await post(app, { body })).toEqual({ status: 200, answer: { acknowledged: 3, cancel: false } });
});

test("that the first executor may start is on disk before the answer", async () => {
  await using app = given();
  await app.put("abc");
  const body = JSON.stringify(makeReport(1, { type: "ready" }));
  expect(await post(app, { body })).toEqual({ status: 200, answer: { acknowledged: 1, cancel: false } });
  expect(await app.store.get("abc")).toMatchObject({ state: "QUEUED", run: { ready: true, released: 0 } });
});

const notValid = {
  status: 401,
  message: "Report is not signed for this task and attempt",
  refused: "token",
};

describe("refuses", () => {
  test.each<{ title: string; request: Post; status: number; answer: object }>([
    ...[
      { title: "no signature", headers: {} },
      { title: "an empty signature", headers: { [signatureHeader]: "" } },
      { title: "garbage", headers: { [signatureHeader]: `${"0".repeat(64)}.${"0".repeat(64)}` } },
      { title: "a signature of another task", headers: signed(text, { task: "xyz" }) },
      { title: "a signature of another attempt", headers: signed(text, { attempt: 2 }) },
      { title: "a signature of another key", headers: signed(text, { key: "other" }) },
      { title: "the token of an earlier version", headers: token() },
    ].map(({ title, headers }) => ({ title, request: { headers }, status: 401, answer: notValid })),
    {
      title: "another body than was signed, in words that let its pod try again",
      request: { headers: signed(`${text}\n`) },
      status: 400,
      answer: { status: 400, message: "Body is not the one that was signed" },
    },
    {
      title: "an attempt that is not the task's, in words that stop its pod",
      request: { attempt: 2 },
      status: 410,
      answer: { status: 410, message: 'Attempt 2 of task "abc" is over', refused: "attempt" },
    },
    {
      title:
        "an unknown task, in words that let its pod try again, as the store may be one that is being restored",
      request: { task: "xyz" },
      status: 404,
      answer: { status: 404, message: 'There is no task "xyz"' },
    },
    {
      title: "no report",
      request: { body: "{}\n" },
      status: 400,
      answer: { status: 400, message: "Body holds no report" },
    },
    {
      title: "more than a pod sends at once",
      request: { body: "x".repeat(8 * 1024 * 1024 + 1) },
      status: 413,
      answer: { status: 413, message: `Body is larger than ${8 * 1024 * 1024} bytes` },
    },
  ])("$title: $status", async ({ request, status, answer }) => {
    await using app = given();
    await app.put("abc");
    const before = await app.store.getFull("abc");
    expect(await post(app, request)).toEqual({ status, answer });
    expect(await app.store.getFull("abc")).toEqual(before);
  });

  test("what is not signed before its body is read", async () => {
    await using app = given();
    const body = "x".repeat(8 * 1024 * 1024 + 1);
    expect(await post(app, { headers: {}, body })).toEqual({ status: 401, answer: notValid });
  });

  test("all until the key is known: 503, so that the pod tries again", async () => {
    await using app = given({ reportKey: () => undefined });
    await app.put("abc");
    expect((await post(app, {})).status).toBe(503);
  });

  test("an attempt that is no number: there is no such path", async () => {
    await using app = given();
    expect((await app.askInternal("POST", "/internal/tasks/abc/attempts/one/reports")).status).toBe(404);
  });
});

describe("tokens of earlier versions", () => {
  const [before, after] = [inSeconds(59).toISOString(), inSeconds(60).toISOString()];

  test("are taken for tasks that were created before signatures, and for no later ones", async () => {
    await using app = given({ tokensBefore: after });
    await app.put("before", { creationTime: before });
    await app.put("after", { creationTime: after });
    const send = async (task: string, key = reportKey) =>
      (await post(app, { task, headers: token({ task, key }) })).status;
    expect([await send("before"), await send("before", "other")]).toEqual([200, 401]);
    expect([await send("after"), await send("after")]).toEqual([401, 401]);
    // The store may be one that is being restored: the pod is to try again.
    expect(await send("unknown")).toBe(404);
    expect(await post(app, { task: "after" })).toMatchObject({ status: 200 });
    expect(app.warned).toEqual([
      {
        message: "a pod of an earlier version reports on a task that is not, and is refused",
        task: "after",
        hint: "TESPOD_SIDECAR_IMAGE must be of the service's own version",
      },
    ]);
  });
});
