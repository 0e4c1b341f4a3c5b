// Errors as answers: the kind decides the status, the body names every fault.
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Logger } from "../log.ts";
import { TesError, type TesErrorKind } from "../tes/errors.ts";

function statusOf(kind: TesErrorKind): ContentfulStatusCode {
  switch (kind) {
    case "invalid":
      return 400;
    case "unauthorized":
      return 401;
    case "not-found":
      return 404;
    case "method":
      return 405;
    case "too-large":
      return 413;
    case "reused":
      return 422;
    case "unavailable":
      return 503;
  }
}

/** Any thrown error as `{status, message, errors?}`. What nobody foresaw is a 500 without details; those are logged. */
export function problem(context: Context, error: Error, log: Logger): Response {
  if (error instanceof TesError) {
    const status = statusOf(error.kind);
    const errors = error.faults.length === 0 ? {} : { errors: error.faults };
    return context.json({ status, message: error.message, ...errors }, status);
  }
  if (error instanceof HTTPException) {
    return context.json({ status: error.status, message: error.message }, error.status);
  }
  const { method, path } = context.req;
  log.error("request failed", { request: context.get("requestId"), method, path, error });
  return context.json({ status: 500, message: "Internal error; nothing was stored" }, 500);
}
