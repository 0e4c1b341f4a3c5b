// createApp: the HTTP interface for clients, from what it needs to a fetch handler.
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Logger } from "../log.ts";
import type { Reconciler } from "../reconcile/reconcile.ts";
import { describeOffer } from "../tes/offer.ts";
import { requireUser } from "./authentication.ts";
import type { BodyBudget } from "./body-budget.ts";
import { allowOrigins } from "./cross-origin.ts";
import { addDocumentRoutes } from "./document.ts";
import { rejectOtherMethods } from "./methods.ts";
import type { MetricsOfApi } from "./metrics.ts";
import { newApp } from "./new-app.ts";
import { addOldReportRoute } from "./old-reports.ts";
import { addHealthRoutes } from "./readiness.ts";
import { addServiceInfoRoute, type ServiceInfo } from "./service-info.ts";
import { addTaskRoutes, cancelPath, type TaskRoutes } from "./tasks.ts";

export interface AppDependencies extends Omit<TaskRoutes, "release"> {
  readonly reconciler: Reconciler;
  readonly info: ServiceInfo;
  /** Sites whose pages may use TES; none by default. */
  readonly corsOrigins: readonly string[];
  /** Undefined until the cluster was reached for the first time. */
  readonly reportKey: () => string | undefined;
  readonly reportBodies: BodyBudget;
  readonly log: Logger;
  /** The user of an Authorization header. Without it nobody needs a login, and any is ignored. */
  readonly authenticate?: (authorization: string | undefined) => string | undefined;
  /** When this service first had an internal port: reports of older tasks are taken here too. ISO 8601. */
  readonly internalSince: string;
  /** None are served without. */
  readonly metrics?: MetricsOfApi;
  /** Whether requests should be sent here. */
  readonly isReady: () => boolean;
}

/** Where TES is served: the spec's base, and the one the funnel command line insists on. */
const bases = ["/ga4gh/tes/v1", "/v1"] as const;

export function createApp(dependencies: AppDependencies): OpenAPIHono {
  const { info, corsOrigins, log } = dependencies;
  const tes = new OpenAPIHono();
  addServiceInfoRoute(tes, info, dependencies.podSettings.offer);
  addTaskRoutes(tes, { ...dependencies, release: info.version });
  rejectOtherMethods(tes, {
    "/service-info": "GET, HEAD",
    "/tasks": "GET, HEAD, POST",
    [cancelPath]: "POST",
    "/tasks/:id": "GET, HEAD",
  });

  const app = newApp(`TES is at ${bases[0]}`, log, dependencies.metrics);
  if (corsOrigins.length > 0) {
    for (const path of [...bases.map((base) => `${base}/*`), "/openapi.json"])
      app.use(path, allowOrigins(corsOrigins));
  }
  if (dependencies.authenticate !== undefined) {
    const guard = requireUser(dependencies.authenticate);
    for (const base of bases) app.use(`${base}/*`, guard);
  }
  for (const base of bases) app.route(base, tes);
  addOldReportRoute(app, { ...dependencies, since: dependencies.internalSince });
  addHealthRoutes(app, dependencies.store, dependencies.isReady);
  addDocumentRoutes(app, tes, { base: bases[0], remarks: describeOffer(dependencies.podSettings.offer) });
  return app;
}
