// CORS: pages of other sites that may use the service from a browser (TES 1.1, "CORS").
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";

const hourSeconds = 3600;

/** For pages of these origins, or of any if "*" is among them. Credentials are never taken from the browser's own store. */
export const allowOrigins = (origins: readonly string[]): MiddlewareHandler =>
  cors({
    origin: origins.includes("*") ? "*" : [...origins],
    allowMethods: ["GET", "HEAD", "POST"],
    allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-Id"],
    exposeHeaders: ["Allow", "ETag", "X-Request-Id"],
    maxAge: hourSeconds,
  });
