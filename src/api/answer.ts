// answer: JSON and HTML bodies with their tag, compressed where that is asked for and worth it.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Context } from "hono";

/** Smaller bodies fit a few packets anyway. */
const gzipBytesMin = 4096;
/** The fastest level: lists shrink tenfold all the same. */
const gzipLevel = 1;
const compress = promisify(gzip);

export const privateCache = "private, no-cache";
export const publicCache = "no-cache";

interface Answer {
  readonly text: string;
  /** Of what is in it (RFC 9110, 8.8.3): a weak one, since compression does not change it. */
  readonly etag?: string;
  /** By default nobody keeps it. */
  readonly cache?: typeof privateCache | typeof publicCache;
  readonly type?: "application/json" | "text/html; charset=UTF-8";
}

/** The answer 200 with this text, or 304 without it if the client has it already. */
export async function answer(context: Context, given: Answer): Promise<Response> {
  const { text, etag, cache, type = "application/json" } = given;
  if (etag !== undefined && isKnown(context, etag)) return notModified(context, etag, cache);
  label(context, etag, cache);
  context.header("Content-Type", type);
  const isLarge = text.length >= gzipBytesMin;
  if (isLarge) context.header("Vary", "Accept-Encoding", { append: true });
  if (context.req.method === "HEAD") {
    // The body is dropped on its way out, and its length would be taken for 0.
    context.header("Content-Length", String(Buffer.byteLength(text)));
    return context.body(text);
  }
  if (!isLarge || !takesGzip(context.req.header("accept-encoding"))) return context.body(text);
  context.header("Content-Encoding", "gzip");
  return context.body(new Uint8Array(await compress(text, { level: gzipLevel })));
}

/** 304 (RFC 9110, 15.4.5), with the headers that the 200 would have had. */
export function notModified(context: Context, etag: string, cache: Answer["cache"]): Response {
  label(context, etag, cache);
  return context.body(null, 304);
}

function label(context: Context, etag: string | undefined, cache: Answer["cache"]): void {
  if (etag !== undefined) context.header("ETag", etag);
  if (cache !== undefined) context.header("Cache-Control", cache);
}

/** Whether If-None-Match names the tag. Our tags hold no comma, so it can be cut there. */
export function isKnown(context: Context, etag: string): boolean {
  const known = context.req.header("if-none-match");
  if (known === undefined) return false;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, "");
  return known.split(",").some((tag) => tag.trim() === "*" || opaque(tag) === opaque(etag));
}

/** A tag of what the parts say. Each must stand for its part of the answer as a whole. */
export const etagOf = (...parts: readonly (string | number | undefined)[]): string =>
  `W/"${createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 22)}"`;

function takesGzip(accepted: string | undefined): boolean {
  if (accepted === undefined) return false;
  const weights = new Map(
    accepted.split(",").map((item) => {
      const [coding = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith("q="));
      return [coding, weight === undefined ? 1 : Number(weight.slice(2))];
    }),
  );
  return (weights.get("gzip") ?? weights.get("*") ?? 0) > 0;
}
