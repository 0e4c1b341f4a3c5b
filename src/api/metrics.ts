// The figures for Prometheus at /metrics, and every answer counted for them.
import type { OpenAPIHono } from "@hono/zod-openapi";

/** What the HTTP interface needs of the service's metrics. */
export interface MetricsOfApi {
  readonly text: () => Promise<string>;
  readonly answered: (operation: string, method: string, status: number) => void;
}

/** To be called before all routes are added. */
export function countAnswers(app: OpenAPIHono, { answered }: Pick<MetricsOfApi, "answered">): void {
  app.use(async (context, next) => {
    await next();
    answered(operationOf(context.req.path), methodOf(context.req.method), context.res.status);
  });
}

export function addMetricsRoute(app: OpenAPIHono, { text }: Pick<MetricsOfApi, "text">): void {
  app.get("/metrics", async (context) => {
    context.header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return context.body(await text());
  });
}

/** A closed set, whatever is asked for: paths hold ids. */
function operationOf(path: string): string {
  const tes = /^(?:\/ga4gh\/tes)?\/v1(\/.*)$/.exec(path)?.[1];
  if (tes === "/service-info" || tes === "/tasks") return tes;
  if (tes?.startsWith("/tasks/")) return /(?::|%3a)cancel$/i.test(tes) ? "/tasks/{id}:cancel" : "/tasks/{id}";
  if (path.startsWith("/internal/")) return "/internal";
  return ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"].includes(path) ? path : "other";
}

const methodOf = (method: string): string =>
  ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"].includes(method) ? method : "other";
