// createInternalApp: what pods and Prometheus ask of the service, at a port that clients do not need.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppDependencies } from "./app.ts";
import { addMetricsRoute } from "./metrics.ts";
import { newApp } from "./new-app.ts";
import { addHealthRoutes } from "./readiness.ts";
import { addReportRoute } from "./reports.ts";

type InternalDependencies = Pick<
  AppDependencies,
  "store" | "reconciler" | "reportKey" | "tokensBefore" | "reportBodies" | "metrics" | "isReady" | "log"
>;

export function createInternalApp(dependencies: InternalDependencies): OpenAPIHono {
  const { metrics, log, store, isReady } = dependencies;
  const app = newApp("this port has /metrics and takes the reports of pods", log, metrics);
  if (metrics !== undefined) addMetricsRoute(app, metrics);
  addReportRoute(app, dependencies);
  addHealthRoutes(app, store, isReady);
  return app;
}
