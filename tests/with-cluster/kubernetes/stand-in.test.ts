// What a real API server cannot be made to do on demand: throttle, fail, hang, close and lie. A stand-in does it, on plain HTTP.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Cluster, ClusterError } from "../../../src/cluster/cluster.ts";
import { loadKubeconfig } from "../../../src/cluster/kubeconfig.ts";
import { kubernetesCluster } from "../../../src/cluster/kubernetes-cluster.ts";
import { podSource } from "../../../src/cluster/pod-source.ts";
import { createTransport, type Transport } from "../../../src/cluster/transport.ts";
import { type WatchBounds, watchPods } from "../../../src/cluster/watch.ts";
import { describeChange, idlePod, kubeconfigText, makeScratch, never, type Scratch } from "./support.ts";

type Answer = (request: Request, url: URL) => Response | Promise<Response>;

let scratch: Scratch;
let server: ReturnType<typeof Bun.serve>;
let answer: Answer;
let requests: string[];
let transport: Transport;
let cluster: Cluster;
let loads: number;

beforeEach(() => {
  scratch = makeScratch();
  requests = [];
  loads = 0;
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: (request) => {
      const url = new URL(request.url);
      requests.push(`${request.method} ${url.pathname}${url.searchParams.has("watch") ? " watch" : ""}`);
      return answer(request, url);
    },
  });
  const kubeconfig = scratch.write(
    "kubeconfig",
    // Plain HTTP is only allowed to those who say that they need no TLS.
    kubeconfigText(
      { server: `http://127.0.0.1:${server.port}`, "insecure-skip-tls-verify": true },
      { token: "t" },
    ),
  );
  transport = createTransport(() => {
    loads += 1;
    return loadKubeconfig({ kubeconfig });
  });
  cluster = kubernetesCluster(transport, "n");
});

afterEach(async () => {
  transport.close();
  await server.stop(true);
  scratch[Symbol.dispose]();
});

function status(code: number, reason: string, message: string): Response {
  return Response.json({ kind: "Status", status: "Failure", code, reason, message }, { status: code });
}

function podJson(name: string, resourceVersion: string): object {
  return { kind: "Pod", metadata: { name, resourceVersion } };
}

function podList(resourceVersion: string, ...names: string[]): Response {
  return Response.json({ metadata: { resourceVersion }, items: names.map((name) => podJson(name, "1")) });
}

/** A watch's body: these lines, then silence, or its end. */
function lines(events: unknown[], then: "silence" | "end"): Response {
  const body = new ReadableStream({
    start: (controller) => {
      for (const event of events) controller.enqueue(new TextEncoder().encode(`${JSON.stringify(event)}\n`));
      if (then === "end") controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

async function errorOf(promise: Promise<unknown>): Promise<ClusterError> {
  return (await promise.catch((error: unknown) => error)) as ClusterError;
}

describe("a call", () => {
  test.each([
    {
      what: "that is throttled",
      reply: () => new Response("slow down", { status: 429, headers: { "retry-after": "7" } }),
      error: { kind: "throttled", retryAfterSeconds: 7 },
    },
    {
      what: "that a load balancer answers",
      reply: () => new Response("no healthy upstream", { status: 503 }),
      error: { kind: "unavailable", message: 'Cannot create pod "p": HTTP 503 no healthy upstream' },
    },
    {
      what: "that etcd is too slow for",
      reply: () => status(500, "InternalError", "etcdserver: request timed out"),
      error: { kind: "unavailable", message: 'Cannot create pod "p": etcdserver: request timed out' },
    },
    {
      what: "that meets a race for the quota",
      reply: () => status(409, "Conflict", 'Operation cannot be fulfilled on resourcequotas "q"'),
      error: { kind: "unavailable" },
    },
    {
      what: "that is sent elsewhere",
      reply: () => Response.redirect("/elsewhere", 307),
      error: { kind: "unavailable" },
    },
    {
      what: "that gets half an answer",
      reply: () =>
        new Response('{"kind":"Pod","meta', { status: 201, headers: { "content-type": "application/json" } }),
      error: { kind: "unavailable" },
    },
  ])("$what is made once and says so", async ({ reply, error }) => {
    answer = reply;
    expect(await errorOf(cluster.createPod(idlePod("p"), never))).toMatchObject(error);
    expect(requests).toEqual(["POST /api/v1/namespaces/n/pods"]);
  });

  test("that finds nothing, by the word of a proxy only, does not say that the pod is gone", async () => {
    answer = () => new Response("default backend - 404", { status: 404 });
    expect(await errorOf(cluster.getPod("p", never))).toMatchObject({ kind: "unavailable" });
    expect(await errorOf(cluster.deletePod("p", { graceSeconds: 0 }, never))).toMatchObject({
      kind: "unavailable",
    });
    expect(await errorOf(cluster.readLog("p", "c", 10, never))).toMatchObject({ kind: "unavailable" });
  });

  test("whose pod exists, and is gone when it is read, is to be tried again", async () => {
    answer = ({ method }) =>
      method === "POST" ? status(409, "AlreadyExists", "exists") : status(404, "NotFound", "gone");
    expect(await errorOf(cluster.createPod(idlePod("p"), never))).toMatchObject({ kind: "unavailable" });
  });

  test("that is unauthorized makes the credentials be read anew, once for many at a time", async () => {
    answer = () => status(401, "Unauthorized", "Unauthorized");
    const errors = await Promise.all(Array.from({ length: 10 }, () => errorOf(cluster.getPod("p", never))));
    expect(errors.map(({ kind }) => kind)).toEqual(Array(10).fill("unavailable"));
    expect(loads).toBe(2);
  });

  test("for a log that the kubelet has no more gives none", async () => {
    const excuse = "unable to retrieve container logs for containerd://0a1b2c";
    answer = () => new Response(excuse);
    expect(await cluster.readLog("p", "c", 1000, never)).toBeUndefined();
    answer = () => new Response(`${excuse} is what I printed`);
    expect(await cluster.readLog("p", "c", 1000, never)).toContain("printed");
  });

  test("carries no credential in its error", async () => {
    answer = () => status(403, "Forbidden", "no");
    const error = await errorOf(cluster.createPod(idlePod("p"), never));
    expect(Bun.inspect(error)).not.toContain("Bearer");
    await server.stop(true);
    expect(Bun.inspect(await errorOf(cluster.createPod(idlePod("p"), never)))).not.toContain("Bearer");
  });
});

describe("a watch", () => {
  let ending: AbortController;
  let troubles: ClusterError[];

  beforeEach(() => {
    ending = new AbortController();
    troubles = [];
  });

  afterEach(() => ending.abort());

  /** The first changes, described. */
  async function watch(count: number, bounds: Partial<WatchBounds> = {}): Promise<string[]> {
    const seen: string[] = [];
    const options = { onTrouble: (error: ClusterError) => troubles.push(error), bounds };
    for await (const change of watchPods(podSource(transport, "n", "a=b"), options, ending.signal)) {
      if (seen.push(describeChange(change)) === count) break;
    }
    return seen;
  }

  /** One reply per watch, the last one again and again; lists always succeed. */
  function watches(...replies: (() => Response | Promise<Response>)[]): Answer {
    let opened = 0;
    let listed = 0;
    return (_request, url) => {
      if (!url.searchParams.has("watch")) {
        listed += 1;
        return podList(String(listed * 100), `list-${listed}`);
      }
      const reply = replies[Math.min(opened, replies.length - 1)];
      opened += 1;
      return reply?.() ?? new Response(null, { status: 500 });
    };
  }

  const added = (name: string, version: string) => ({ type: "ADDED", object: podJson(name, version) });
  const alive = () => lines([added("after", "999")], "silence");
  const fast = { backoffSecondsMin: 0.01 };

  test.each([
    { what: "a fault of the API server", reply: () => status(500, "InternalError", "boom"), message: "boom" },
    {
      what: "a role that is not bound",
      reply: () => status(403, "Forbidden", "pods is forbidden"),
      message: "forbidden",
    },
    {
      what: "an error amid the events",
      reply: () =>
        lines([{ type: "ERROR", object: { code: 500, reason: "InternalError", message: "boom" } }], "end"),
      message: "boom",
    },
    { what: "a line that is no event", reply: () => new Response("<html>\n"), message: "JSON" },
    {
      what: "a line that does not end",
      reply: () => new Response("x".repeat(5000)),
      message: "longer than 1000",
    },
  ])("that meets $what tells of it and lists anew", async ({ reply, message }) => {
    answer = watches(reply, alive);
    expect(await watch(3, { ...fast, lineCharsMax: 1000 })).toEqual([
      "listed list-1",
      "listed list-2",
      "changed after",
    ]);
    expect(troubles).toHaveLength(1);
    expect(troubles[0]?.message).toContain(message);
  });

  test.each([
    {
      where: "as an event",
      reply: () => lines([{ type: "ERROR", object: { code: 410, reason: "Expired" } }], "end"),
    },
    { where: "as the answer", reply: () => status(410, "Expired", "too old resource version") },
  ])("that is told $where that its version is too old lists anew without trouble", async ({ reply }) => {
    answer = watches(reply, alive);
    expect(await watch(3)).toEqual(["listed list-1", "listed list-2", "changed after"]);
    expect(troubles).toEqual([]);
  });

  test("whose list expires between two pages begins the list again, and tells of no part of it", async () => {
    let lists = 0;
    answer = (_request, url) => {
      if (url.searchParams.has("watch")) return alive();
      lists += 1;
      if (lists === 2) return status(410, "Expired", "The provided continue parameter is too old");
      const more = lists === 1 || lists === 3;
      return Response.json({
        metadata: { resourceVersion: "5", ...(more ? { continue: `page-${lists}` } : {}) },
        items: [podJson(`from-${lists}`, "1")],
      });
    };
    expect(await watch(2, fast)).toEqual(["listed from-3 from-4", "changed after"]);
    expect(troubles).toEqual([]);
  });

  test("whose list is no list of pods is a trouble, not the news that there are no pods", async () => {
    let lists = 0;
    answer = (_request, url) => {
      if (url.searchParams.has("watch")) return alive();
      lists += 1;
      if (lists === 1) return Response.json({});
      if (lists === 2) return Response.json({ metadata: {}, items: [] });
      if (lists === 3) return new Response("<html>", { headers: { "content-type": "text/html" } });
      return podList("5", "real");
    };
    expect(await watch(2, fast)).toEqual(["listed real", "changed after"]);
    expect(troubles).toHaveLength(3);
  });

  test("that is throttled waits as long as it is told", async () => {
    answer = watches(() => new Response("", { status: 429, headers: { "retry-after": "1" } }), alive);
    const start = performance.now();
    expect(await watch(3, fast)).toEqual(["listed list-1", "listed list-2", "changed after"]);
    expect(performance.now() - start).toBeGreaterThan(990);
    expect(troubles).toMatchObject([{ kind: "throttled", retryAfterSeconds: 1 }]);
  });

  test("that is closed with something said goes on from there, at once and without a new list", async () => {
    const versions: (string | null)[] = [];
    const replies = watches(
      () => lines([added("one", "101")], "end"),
      () => lines([{ type: "BOOKMARK", object: { metadata: { resourceVersion: "150" } } }], "end"),
      alive,
    );
    answer = (request, url) => {
      if (url.searchParams.has("watch")) versions.push(url.searchParams.get("resourceVersion"));
      return replies(request, url);
    };
    // A wait would outlast the test.
    const bounds = { backoffSecondsMin: 1000, backoffSecondsMax: 1000 };
    expect(await watch(3, bounds)).toEqual(["listed list-1", "changed one", "changed after"]);
    expect(versions).toEqual(["100", "101", "150"]);
    expect(troubles).toEqual([]);
  });

  test("that is closed again and again as soon as it is opened asks ever more seldom, and tells of it", async () => {
    answer = watches(() => lines([], "end"));
    const watching = watch(2, { backoffSecondsMin: 0.05, backoffSecondsMax: 0.4 });
    while (troubles.length === 0) await Bun.sleep(10);
    expect(requests.filter((request) => request.endsWith("watch"))).toHaveLength(4);
    expect(troubles[0]).toMatchObject({ kind: "unavailable" });
    ending.abort();
    await expect(watching).rejects.toThrow(/abort/i);
  });

  test("that gets no answer at all gives up on it after its bound", async () => {
    answer = watches(() => new Promise<Response>(() => undefined), alive);
    expect(await watch(2, { ...fast, connectSeconds: 0.2 })).toEqual(["listed list-1", "changed after"]);
    expect(troubles).toMatchObject([
      { kind: "unavailable", message: "Cannot watch pods: No answer in 0.2 s" },
    ]);
  });
});
