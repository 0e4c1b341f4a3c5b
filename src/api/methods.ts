// rejectOtherMethods: a path that there is, asked with a method it does not take.
import type { OpenAPIHono } from "@hono/zod-openapi";
import { TesError } from "../tes/errors.ts";

/** Answers 405 and the methods that the path takes (RFC 9110, 15.5.6). To be called after the paths' own handlers. */
export function rejectOtherMethods(app: OpenAPIHono, allowed: Readonly<Record<string, string>>): void {
  for (const [path, methods] of Object.entries(allowed)) {
    app.all(path, (context) => {
      context.header("Allow", methods);
      throw new TesError("method", `${context.req.method} is not possible here, only ${methods}`);
    });
  }
}
