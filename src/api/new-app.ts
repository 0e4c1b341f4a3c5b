// newApp: what both ports have in common: errors as answers, a request id, no caching, and every answer counted.
import { OpenAPIHono } from "@hono/zod-openapi";
import { requestId } from "hono/request-id";
import { getPath } from "hono/utils/url";
import type { Logger } from "../log.ts";
import { TesError } from "../tes/errors.ts";
import { countAnswers, type MetricsOfApi } from "./metrics.ts";
import { problem } from "./problem.ts";
import { requestPath } from "./request-path.ts";

/** `hint` ends the answer to an unknown path: what is served here. */
export function newApp(hint: string, log: Logger, metrics: MetricsOfApi | undefined): OpenAPIHono {
  const app = new OpenAPIHono({ getPath: requestPath });
  app.onError((error, context) => problem(context, error, log));
  app.notFound((context) => {
    const error = new TesError("not-found", `There is nothing at ${getPath(context.req.raw)}; ${hint}`);
    return problem(context, error, log);
  });
  if (metrics !== undefined) countAnswers(app, metrics);
  app.use(requestId({ limitLength: 128 }), (context, next) => {
    // Only what says otherwise may be cached: not errors, ids and health.
    context.header("Cache-Control", "no-store");
    return next();
  });
  return app;
}
