// How answers of the API server become ClusterErrors. The bodies are what a real kube-apiserver 1.34 sends.
import { describe, expect, test } from "bun:test";
import { ClusterError } from "../../../src/cluster/cluster.ts";
import { readStatus, StatusError, toClusterError } from "../../../src/cluster/status-error.ts";

function status(code: number, reason: string, message: string, details?: object): string {
  return JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    message,
    reason,
    details,
    code,
  });
}

function errorOf(code: number, body: string, headers: Record<string, string> = {}): ClusterError {
  return toClusterError(
    'Cannot create pod "x"',
    new StatusError(readStatus(code, new Headers(headers), body)),
  );
}

describe("the kind of an answer", () => {
  test.each([
    {
      what: "an exhausted ResourceQuota",
      code: 403,
      body: status(
        403,
        "Forbidden",
        'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
      ),
      kind: "quota",
    },
    {
      what: "a ResourceQuota that nobody has counted yet",
      code: 403,
      body: status(403, "Forbidden", 'pods "x" is forbidden: status unknown for quota: q, resources: pods'),
      kind: "quota",
    },
    {
      what: "a quota that the pod names no limits for",
      code: 403,
      body: status(
        403,
        "Forbidden",
        'pods "x" is forbidden: failed quota: q: must specify limits.cpu for: c',
      ),
      kind: "refused",
    },
    {
      what: "pod security",
      code: 403,
      body: status(
        403,
        "Forbidden",
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostNetwork',
      ),
      kind: "refused",
    },
    {
      what: "a role that is not bound",
      code: 403,
      body: status(
        403,
        "Forbidden",
        'pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "n"',
      ),
      kind: "unavailable",
    },
    {
      what: "an invalid pod",
      code: 422,
      body: status(422, "Invalid", 'Pod "x" is invalid: spec'),
      kind: "refused",
    },
    {
      what: "a namespace that is not there",
      code: 404,
      body: status(404, "NotFound", 'namespaces "n" not found'),
      kind: "refused",
    },
    { what: "a bad request", code: 400, body: status(400, "BadRequest", "unknown field"), kind: "refused" },
    {
      what: "too large a request",
      code: 413,
      body: status(413, "RequestEntityTooLarge", "limit is 3145728"),
      kind: "refused",
    },
    {
      what: "an object that etcd does not take for its size",
      code: 500,
      body: status(500, "", "etcdserver: request is too large"),
      kind: "refused",
    },
    {
      what: "an object that the API server's client of etcd does not take for its size",
      code: 500,
      body: status(
        500,
        "",
        "rpc error: code = ResourceExhausted desc = trying to send message larger than max (2457998 vs. 2097152)",
      ),
      kind: "refused",
    },
    {
      what: "an etcd that has no room left",
      code: 500,
      body: status(500, "", "etcdserver: mvcc: database space exceeded"),
      kind: "unavailable",
    },
    {
      what: "an admission webhook that denies with a code of its own choice",
      code: 500,
      body: status(500, "", 'admission webhook "policy.example.org" denied the request: no\nmore'),
      kind: "refused",
    },
    {
      what: "an admission webhook that cannot be called",
      code: 500,
      body: status(
        500,
        "InternalError",
        'Internal error occurred: failed calling webhook "policy.example.org": failed to call webhook',
      ),
      kind: "unavailable",
    },
    {
      what: "a proxy that quotes such words",
      code: 502,
      body: "etcdserver: request is too large",
      kind: "unavailable",
    },
    { what: "a proxy's size limit", code: 413, body: "<html>413</html>", kind: "refused" },
    { what: "a proxy's 404", code: 404, body: "<html>default backend</html>", kind: "unavailable" },
    { what: "a redirect", code: 302, body: "", kind: "unavailable" },
    {
      what: "credentials that ran out",
      code: 401,
      body: status(401, "Unauthorized", "Unauthorized"),
      kind: "unavailable",
    },
    {
      what: "a race inside the API server",
      code: 409,
      body: status(409, "Conflict", "Operation cannot be fulfilled on resourcequotas"),
      kind: "unavailable",
    },
    {
      what: "a name that is taken",
      code: 409,
      body: status(409, "AlreadyExists", 'pods "x" already exists'),
      kind: "refused",
    },
    { what: "throttling", code: 429, body: status(429, "TooManyRequests", "too many"), kind: "throttled" },
    {
      what: "a fault of the API server",
      code: 500,
      body: status(500, "InternalError", "etcd"),
      kind: "unavailable",
    },
    {
      what: "a load balancer without a backend",
      code: 503,
      body: "no server is available",
      kind: "unavailable",
    },
    { what: "a body that is the JSON null", code: 502, body: "null", kind: "unavailable" },
  ])("$what ($code) is $kind", ({ code, body, kind }) => {
    expect(errorOf(code, body).kind).toBe(kind as ClusterError["kind"]);
  });
});

test("the message is the API server's own, after what was tried", () => {
  const error = errorOf(422, status(422, "Invalid", 'Pod "x" is invalid: spec.containers: Required value'));
  expect(error.message).toBe('Cannot create pod "x": Pod "x" is invalid: spec.containers: Required value');
  expect(error.cause).toBeInstanceOf(StatusError);
});

test("a proxy's page is cut to what fits a log line", () => {
  expect(errorOf(502, "x".repeat(1_000_000)).message.length).toBeLessThan(5000);
});

describe("how long to wait", () => {
  test.each([
    { what: "the header", headers: { "Retry-After": "7" }, body: "", seconds: 7 },
    {
      what: "the Status",
      headers: {},
      body: status(429, "TooManyRequests", "m", { retryAfterSeconds: 3 }),
      seconds: 3,
    },
    {
      what: "the header before the Status",
      headers: { "Retry-After": "2" },
      body: status(429, "T", "m", { retryAfterSeconds: 3 }),
      seconds: 2,
    },
    {
      what: "a header that is a date, which says nothing",
      headers: { "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT" },
      body: "",
      seconds: undefined,
    },
    { what: "nothing", headers: {}, body: "", seconds: undefined },
  ])("is read from $what", ({ headers, body, seconds }) => {
    expect(errorOf(429, body, headers).retryAfterSeconds).toBe(seconds);
  });
});

test("what the network threw is unavailable, with its cause", () => {
  const cause = new Error("ECONNREFUSED");
  expect(toClusterError("Cannot list pods", cause)).toMatchObject({
    kind: "unavailable",
    message: "Cannot list pods: ECONNREFUSED",
    cause,
  });
});

test("the runtime's advice to programmers is left out", () => {
  const advice = "For more information, pass `verbose: true` in the second argument to fetch()";
  const cause = new Error(`The socket connection was closed unexpectedly. ${advice}`);
  expect(toClusterError("Cannot list pods", cause).message).toBe(
    "Cannot list pods: The socket connection was closed unexpectedly.",
  );
});

test("a ClusterError stays what it is", () => {
  const error = new ClusterError("quota", "full");
  expect(toClusterError("Cannot list pods", error)).toBe(error);
});
