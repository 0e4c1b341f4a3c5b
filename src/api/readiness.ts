// Readiness: whether requests should be sent here, and if not, why. Cheap however often it is asked, and never hangs.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { TaskStore } from "../store/store.ts";
import { StoreError } from "../store/store-error.ts";
import { storeFailures } from "./problem.ts";

const cacheMilliseconds = 1000;
const checkMillisecondsMax = 2000;

/** A check whose result counts for a second. One that hangs is not started a second time. */
function cached(check: () => Promise<unknown>): () => Promise<string | undefined> {
  let latest: { readonly reason: Promise<string | undefined>; readonly at: number } | undefined;
  let isUnderWay = false;

  async function run(): Promise<string | undefined> {
    isUnderWay = true;
    try {
      await check();
      return undefined;
    } catch (error) {
      return storeFailures[error instanceof StoreError ? error.kind : "unavailable"];
    } finally {
      isUnderWay = false;
    }
  }

  return async () => {
    if (latest === undefined || (!isUnderWay && performance.now() - latest.at >= cacheMilliseconds)) {
      latest = { reason: run(), at: performance.now() };
    }
    const { promise: late, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(
      () => resolve(`The database did not answer within ${checkMillisecondsMax / 1000} s`),
      checkMillisecondsMax,
    );
    try {
      return await Promise.race([latest.reason, late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** No task has it, so this reads one index page. */
const noTask = "";

/** Adds `/healthz`, and `/readyz` with all its checks, or with `?exclude=create` only those that reads need. */
export function addHealthRoutes(app: OpenAPIHono, store: TaskStore, isServing: () => boolean): void {
  const reads = cached(() => store.getLine(noTask));
  const creates = cached(() => store.check());
  app.get("/healthz", (context) => context.json({ status: "alive" }));
  app.get("/readyz", async (context) => {
    const isExcluded = context.req.queries("exclude")?.includes("create") ?? false;
    const reason = isServing() ? await (isExcluded ? reads() : creates()) : "The service is stopping";
    if (reason === undefined) return context.json({ status: "ready" });
    return context.json({ status: "not ready", reason }, 503);
  });
}
