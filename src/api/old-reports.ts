// Reports at the API's port: only from pods that were told of it before there was an internal port.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Logger } from "../log.ts";
import type { TaskStore } from "../store/store.ts";
import { addReportRoute, type ReportRoute, reportPattern } from "./reports.ts";

interface OldReports extends ReportRoute {
  readonly store: Pick<TaskStore, "get">;
  /** When this service first had an internal port: pods of tasks that were created later know it. ISO 8601. */
  readonly since: string;
  readonly log: Logger;
}

/** A task that was created before `since` may report here until its end. For any other there is nothing at this path. */
export function addOldReportRoute(app: OpenAPIHono, dependencies: OldReports): void {
  const { store, since, log } = dependencies;
  let told = false;
  app.post(reportPattern, async (context, next) => {
    const record = await store.get(context.req.param("id") ?? "");
    if (record !== undefined && record.creationTime < since) return await next();
    if (record !== undefined && !told) {
      told = true; // once: anybody may send such requests
      log.warn("a report came to the port of the API, which takes none", {
        task: record.id,
        hint: "TESPOD_CALLBACK_URL must lead to TESPOD_INTERNAL_PORT",
      });
    }
    return context.notFound();
  });
  addReportRoute(app, dependencies);
}
