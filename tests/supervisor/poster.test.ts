// POSTs of journal lines to a service that is slow, partial, or not there.
import { expect, test } from "bun:test";
import { createJournal, type JournalLine } from "../../sidecar/report/journal.ts";
import { createPoster } from "../../sidecar/report/poster.ts";
import { startReportServer } from "./report-server.ts";

function lines(count: number, message = "note"): JournalLine[] {
  const journal = createJournal("supervisor", () => undefined);
  return Array.from({ length: count }, () => journal.write({ type: "note", message }));
}

const open = (url: string, onCancel: () => void = () => undefined) =>
  createPoster({
    url,
    sign: (body) => `signature of ${body.length}`,
    onCancel,
    firstPauseMilliseconds: 5,
    lastPauseMilliseconds: 20,
  });

test("a batch is bounded, and all arrive in order", async () => {
  using server = startReportServer();
  const poster = open(server.url);
  for (const line of lines(40, "x".repeat(100_000))) poster.push(line);
  expect(await poster.settle(5000)).toBe(true);
  expect(server.events("supervisor")).toHaveLength(40);
  for (const { body } of server.requests) expect(body.length).toBeLessThanOrEqual(1024 * 1024);
});

test("a line larger than a batch goes alone", async () => {
  using server = startReportServer();
  const poster = open(server.url);
  for (const line of [...lines(1, "x".repeat(3_000_000))]) poster.push(line);
  expect(await poster.settle(5000)).toBe(true);
});

test.each([401, 403, 404, 410])(
  "an answer %d that is not the service's own, as of a proxy, is no refusal: the lines are sent again",
  async (status) => {
    using server = startReportServer();
    server.refuseWith = [status, status, status];
    server.refusal = JSON.stringify({ status, message: "no such host" });
    const poster = open(server.url, () => {
      throw new Error("Nobody cancelled");
    });
    for (const line of lines(3)) poster.push(line);
    expect(await poster.settle(5000)).toBe(true);
    expect(server.events("supervisor")).toHaveLength(3);
  },
);

test("the service's word that the attempt is over stops the pod, and nothing more is sent", async () => {
  using server = startReportServer();
  server.refuseWith = [410];
  server.refusal = JSON.stringify({ status: 410, message: "over", refused: "attempt" });
  const cancelled = Promise.withResolvers<void>();
  const poster = open(server.url, cancelled.resolve);
  const [first, second] = lines(2);
  if (first) poster.push(first);
  await cancelled.promise;
  if (second) poster.push(second);
  expect(await poster.settle(1000)).toBe(false);
  expect(server.requests).toHaveLength(1);
});

test("a token that the service refuses is sent once, and the task goes on", async () => {
  using server = startReportServer();
  server.refuseWith = [401, 401];
  server.refusal = JSON.stringify({ status: 401, message: "not valid", refused: "token" });
  let cancels = 0;
  const poster = open(server.url, () => {
    cancels++;
  });
  for (const line of lines(3)) poster.push(line);
  expect(await poster.settle(1000)).toBe(false);
  expect(server.requests).toHaveLength(1);
  expect(cancels).toBe(0);
});

test("a line is acknowledged when the service holds it, and not before", async () => {
  using server = startReportServer();
  server.refuseWith = [503];
  const poster = open(server.url);
  const acknowledged = poster.acknowledged(2);
  const [first, second] = lines(2);
  if (first) poster.push(first);
  expect(await poster.settle(5000)).toBe(true);
  expect(await Promise.race([acknowledged.then(() => "held"), Bun.sleep(20).then(() => "not held")])).toBe(
    "not held",
  );
  if (second) poster.push(second);
  await acknowledged;
  expect(server.events("supervisor")).toHaveLength(2);
});

test("what the service does not acknowledge is sent again", async () => {
  using server = startReportServer();
  server.refuseWith = [500, 502];
  const poster = open(server.url);
  for (const line of lines(3)) poster.push(line);
  expect(await poster.settle(5000)).toBe(true);
  expect(server.requests).toHaveLength(3);
});

test("a service that comes up later gets everything", async () => {
  const { port } = Bun.serve({ port: 0, fetch: () => new Response() });
  // A port that was free a moment ago, and is again.
  const free = Bun.serve({ port: 0, fetch: () => new Response() });
  const url = `http://127.0.0.1:${free.port}/`;
  await free.stop(true);
  const poster = open(url);
  for (const line of lines(3)) poster.push(line);
  expect(await poster.settle(50)).toBe(false);
  using server = startReportServer(Number(new URL(url).port));
  expect(await poster.settle(5000)).toBe(true);
  expect(server.events("supervisor")).toHaveLength(3);
  expect(port).toBeGreaterThan(0);
});

test("an answer that is none counts as a failure", async () => {
  let requests = 0;
  const server = Bun.serve({
    port: 0,
    fetch: () => {
      requests += 1;
      return requests < 3
        ? new Response("<html>a proxy</html>")
        : Response.json({ acknowledged: 1, cancel: false });
    },
  });
  const poster = open(server.url.href);
  for (const line of lines(1)) poster.push(line);
  expect(await poster.settle(5000)).toBe(true);
  expect(requests).toBe(3);
  await server.stop(true);
});

test("waiting has its bound", async () => {
  using server = startReportServer();
  server.delayMilliseconds = 120_000;
  const poster = open(server.url);
  for (const line of lines(1)) poster.push(line);
  expect(await poster.settle(50)).toBe(false);
});

test("too much that waits is left to the journal", async () => {
  const poster = open("http://127.0.0.1:1/");
  for (const line of lines(100, "x".repeat(100_000))) poster.push(line);
  expect(await poster.settle(1000)).toBe(false);
});

test("with nothing to say there is nothing to wait for", async () => {
  expect(await open("http://127.0.0.1:1/").settle(1000)).toBe(true);
});

test("a cancel is passed on", async () => {
  using server = startReportServer();
  server.cancel = true;
  const cancelled = Promise.withResolvers<void>();
  const poster = open(server.url, cancelled.resolve);
  for (const line of lines(1)) poster.push(line);
  await cancelled.promise;
  expect(await poster.settle(1000)).toBe(true);
});
