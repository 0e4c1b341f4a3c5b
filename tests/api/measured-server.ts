// The service without a cluster, as a process of its own that tells how long its event loop was held and how much memory it has.
import process from "node:process";
import { createApp } from "../../src/api/app.ts";
import { createBodyBudget } from "../../src/api/body-budget.ts";
import { createInternalApp } from "../../src/api/internal.ts";
import { reportBodiesBytesMax } from "../../src/api/reports.ts";
import { serve } from "../../src/serve.ts";
import { openStore } from "../../src/store/open.ts";
import { limits } from "../../src/tes/limits.ts";
import { createIdleReconciler } from "../support/idle-reconciler.ts";
import { makeSettings, silent } from "../support/make.ts";
import { bodiesBytesMax, reportKey } from "./given.ts";

/** What `GET /` of the third port answers; `heldMilliseconds` is since it was last asked. */
export interface Measures {
  readonly heldMilliseconds: number;
  readonly residentMib: number;
}

const tickMilliseconds = 2;

/** The longest time between two turns of the event loop, less the time that a turn was meant to wait. */
function watchLoop(): () => number {
  let last = performance.now();
  let held = 0;
  setInterval(() => {
    const now = performance.now();
    held = Math.max(held, now - last - tickMilliseconds);
    last = now;
  }, tickMilliseconds);
  return () => {
    const result = held;
    held = 0;
    return result;
  };
}

async function main(database: string): Promise<void> {
  const store = await openStore(database);
  const clock = () => new Date();
  const over = new AbortController();
  const reconciler = createIdleReconciler(store);
  const shared = {
    store,
    reconciler,
    reportKey: () => reportKey,
    tokensBefore: new Date(0).toISOString(),
    reportBodies: createBodyBudget(reportBodiesBytesMax),
    log: silent,
    isReady: () => true,
  };
  const app = createApp({
    ...shared,
    podSettings: makeSettings(),
    bodies: createBodyBudget(bodiesBytesMax),
    tokenKey: "key",
    corsOrigins: [],
    internalSince: clock().toISOString(),
    info: {
      id: "x",
      name: "x",
      organization: { name: "x", url: "https://example.org" },
      storage: [],
      version: "0",
    },
    clock,
  });
  const internal = createInternalApp(shared);
  const listen = ({ fetch }: { fetch: (request: Request) => Response | Promise<Response> }) =>
    serve({
      hostname: "127.0.0.1",
      port: 0,
      bodyBytesMax: limits.bodyBytesMax,
      fetch: (request) => fetch(request),
    });
  const held = watchLoop();
  const monitor = {
    fetch: () => {
      const measures: Measures = {
        heldMilliseconds: held(),
        residentMib: process.memoryUsage.rss() / 1024 ** 2,
      };
      return Response.json(measures);
    },
  };
  const servers = [app, internal, monitor].map(listen);
  process.on("SIGTERM", () => over.abort());
  process.stdout.write(`${servers.map(({ port }) => port).join(" ")}\n`);
  await reconciler.run(over.signal);
  await Promise.all(servers.map((server) => server.stop()));
  await store.close();
  process.exit(0);
}

if (import.meta.main) await main(process.argv[2] ?? "");
