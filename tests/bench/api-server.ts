// The service without a cluster: the app on a real store, and the real reconciler, whose actions do nothing.
import process from "node:process";
import { createApp } from "../../src/api/app.ts";
import { createBodyBudget } from "../../src/api/body-budget.ts";
import { serve } from "../../src/serve.ts";
import { openStore } from "../../src/store/open.ts";
import { limits } from "../../src/tes/limits.ts";
import { createIdleReconciler } from "../support/idle-reconciler.ts";
import { makeSettings, silent } from "../support/make.ts";

/** Signs page tokens, so that the bench can make those of deep pages. */
export const tokenKey = "bench";

const bodiesBytesMax = 32 * 1024 * 1024;

async function main(database: string): Promise<void> {
  const store = await openStore(database);
  const clock = () => new Date();
  const over = new AbortController();
  const reconciler = createIdleReconciler(store);
  const app = createApp({
    store,
    reconciler,
    podSettings: makeSettings(),
    bodies: createBodyBudget(bodiesBytesMax),
    reportBodies: createBodyBudget(bodiesBytesMax),
    tokenKey,
    reportKey: () => "key",
    corsOrigins: [],
    internalSince: clock().toISOString(),
    tokensBefore: clock().toISOString(),
    info: {
      id: "bench",
      name: "bench",
      organization: { name: "bench", url: "https://example.org" },
      storage: [],
      version: "0",
    },
    clock,
    log: silent,
    isReady: () => true,
  });
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    bodyBytesMax: limits.bodyBytesMax,
    fetch: (request) => app.fetch(request),
  });
  process.on("SIGTERM", () => over.abort());
  process.stdout.write(`${server.port}\n`);
  await reconciler.run(over.signal);
  await server.stop();
  await store.close();
  process.exit(0);
}

if (import.meta.main) await main(process.argv[2] ?? "");
