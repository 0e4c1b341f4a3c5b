// The way in for reports of pods: who is believed, and what is answered.
import { describe, expect, test } from "bun:test";
import { reportPath } from "../../sidecar/contract/paths.ts";
import { reportToken } from "../../sidecar/contract/token.ts";
import { executorEnded, makeReport } from "../support/make.ts";
import { type Given, given, reportKey } from "./given.ts";

const lines = [makeReport(1, { type: "executor-started", executor: 0 }), makeReport(2, executorEnded(0))].map(
  (report) => JSON.stringify(report),
);

interface Post {
  readonly task?: string;
  readonly attempt?: number;
  readonly token?: string | undefined;
  readonly body?: string;
}

async function post(app: Given, { task = "abc", attempt = 1, body = lines.join("\n"), ...rest }: Post) {
  const token = "token" in rest ? rest.token : reportToken(reportKey, task, attempt);
  const { status, body: answer } = await app.askInternal("POST", reportPath(task, attempt), {
    headers: {
      "content-type": "application/x-ndjson",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
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
  message: "Report token is not valid for this task and attempt",
  refused: "token",
};

describe("refuses", () => {
  test.each<{ title: string; request: Post; status: number; answer: object }>([
    { title: "no token", request: { token: undefined }, status: 401, answer: notValid },
    { title: "an empty token", request: { token: "" }, status: 401, answer: notValid },
    { title: "garbage", request: { token: "x".repeat(64) }, status: 401, answer: notValid },
    {
      title: "a token of another task",
      request: { token: reportToken(reportKey, "xyz", 1) },
      status: 401,
      answer: notValid,
    },
    {
      title: "a token of another attempt",
      request: { token: reportToken(reportKey, "abc", 2) },
      status: 401,
      answer: notValid,
    },
    {
      title: "a token of another key",
      request: { token: reportToken("other", "abc", 1) },
      status: 401,
      answer: notValid,
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
