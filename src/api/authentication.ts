// Authentication: whoever wants anything of TES but service-info has to be somebody, if the operator names users.
import type { MiddlewareHandler } from "hono";
import { TesError } from "../tes/errors.ts";

/** The user of an Authorization header, or undefined if it is nobody's. */
type Authenticate = (authorization: string | undefined) => string | undefined;

declare module "hono" {
  interface ContextVariableMap {
    /** Who the request comes from; absent where nobody needs a login. */
    user?: string;
  }
}

/** What clients look at before they have a login (TES 1.1 leaves it to the service). */
const open = /^(?:\/ga4gh\/tes)?\/v1(?:\/tasks)?\/service-info$/;

export function requireUser(authenticate: Authenticate): MiddlewareHandler {
  return async (context, next) => {
    if (open.test(context.req.path)) return await next();
    const user = authenticate(context.req.header("authorization"));
    if (user !== undefined) {
      context.set("user", user);
      return await next();
    }
    context.header("WWW-Authenticate", 'Bearer realm="tespod"');
    context.header("WWW-Authenticate", 'Basic realm="tespod", charset="UTF-8"', { append: true });
    throw new TesError("unauthorized", "A login is needed: a bearer token, or user and password");
  };
}
