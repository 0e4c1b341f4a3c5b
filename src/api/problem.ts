// Errors as answers: the kind decides the status, the body names every fault.
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Logger } from "../log.ts";
import { StoreError, type StoreErrorKind } from "../store/store-error.ts";
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

/** What each failure of the store means to a client. Only where nothing was stored is that promised. */
export const storeFailures: Readonly<Record<StoreErrorKind, string>> = {
  full: "The database's disk is full; nothing was stored",
  "read-only": "The database is read-only; nothing was stored",
  unavailable: "The database is not available; nothing was stored",
  "outcome-unknown":
    "The database's answer was lost: it is not known whether it was stored. Send the request again",
};

/** When to ask again what could not be answered now. */
const retryAfterSeconds = 5;

/**
 * Any thrown error as `{status, message, errors?}`. What nobody foresaw is a 500 without details; those are logged, as is what
 * the store failed of.
 */
export function problem(context: Context, error: Error, log: Logger): Response {
  if (error instanceof TesError) {
    if (error.cause instanceof StoreError) logFailure(context, error, log);
    const errors = error.faults.length === 0 ? {} : { errors: error.faults };
    return send(context, statusOf(error.kind), { message: error.message, ...errors });
  }
  if (error instanceof HTTPException) return send(context, error.status, { message: error.message });
  logFailure(context, error, log);
  if (error instanceof StoreError) return send(context, 503, { message: storeFailures[error.kind] });
  return send(context, 500, { message: "Internal error" });
}

function logFailure(context: Context, error: Error, log: Logger): void {
  const { method, path } = context.req;
  log.error("request failed", { request: context.get("requestId"), method, path, error });
}

function send(context: Context, status: ContentfulStatusCode, body: object): Response {
  if (status === 503) context.header("Retry-After", String(retryAfterSeconds));
  return context.json({ status, ...body }, status);
}
