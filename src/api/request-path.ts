// requestPath: the path that all of the app routes, guards and answers a request by.
import { getPath } from "hono/utils/url";

/** Slashes before and within the base, that come of joining a base URL which ends in one. */
const base = /^\/+(?:(ga4gh)\/+(tes)\/+)?(v1)(?=\/|$)\/*/;

/**
 * The request's path without slashes that clients double at the base or leave at the end: "//ga4gh/tes//v1/tasks/" is
 * "/ga4gh/tes/v1/tasks". Those between are parts of it. To be given to the app as a whole, so that guards see what routes see.
 */
export function requestPath(request: Request): string {
  const path = getPath(request).replace(base, (_, ...names: (string | undefined)[]) => {
    const found = names.slice(0, 3).filter((name) => name !== undefined);
    return `/${found.join("/")}/`;
  });
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end -= 1;
  return path.slice(0, end);
}
