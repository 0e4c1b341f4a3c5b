// StatusError: an answer of the API server that is not 2xx, and how answers and broken calls become ClusterErrors.
import { ClusterError, type ClusterErrorKind } from "./cluster.ts";

/** What is used of the Status object (meta/v1) that the API server sends as the body of an error. */
export interface Status {
  readonly code: number;
  /** Machine-readable, as "AlreadyExists"; undefined if the body was no Status: then something in between answered. */
  readonly reason: string | undefined;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
}

export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly status: Status;

  constructor(status: Status) {
    super(status.message);
    this.status = status;
  }
}

/** Enough for every message of the API server, and little enough for a log line should a proxy send a page. */
const MESSAGE_CHARS_MAX = 4000;

/** The Status of an answer, from its code, headers and body, whoever sent it. */
export function readStatus(code: number, headers: Headers, body: string): Status {
  const parsed = parseStatus(body);
  const retryAfter = headers.get("retry-after");
  return {
    code,
    reason: parsed === undefined ? undefined : (parsed.reason ?? "Unknown"),
    message: (parsed?.message ?? `HTTP ${code} ${body}`).trim().slice(0, MESSAGE_CHARS_MAX),
    retryAfterSeconds: wholeSeconds(retryAfter) ?? parsed?.details?.retryAfterSeconds,
  };
}

interface StatusBody {
  readonly kind?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

function parseStatus(body: string): StatusBody | undefined {
  try {
    const value = JSON.parse(body) as StatusBody | null;
    return value?.kind === "Status" ? value : undefined;
  } catch {
    // Not JSON: a proxy or a load balancer answered, and the caller is told so by the missing reason.
    return undefined;
  }
}

/** RFC 9110 allows a date too; kube-apiserver sends seconds only. */
function wholeSeconds(header: string | null): number | undefined {
  return header !== null && /^\d+$/.test(header) ? Number(header) : undefined;
}

/** `action` reads as in `Cannot create pod "x"`. A ClusterError is handed on as it is. */
export function toClusterError(action: string, error: unknown): ClusterError {
  if (error instanceof ClusterError) return error;
  if (error instanceof StatusError) {
    const { message, retryAfterSeconds } = error.status;
    return new ClusterError(kindOf(error.status), `${action}: ${message}`, {
      cause: error,
      retryAfterSeconds,
    });
  }
  const words = error instanceof Error ? error.message : String(error);
  const message = words.replace(/\s*For more information, pass `verbose: true`.*$/, ""); // the runtime's advice to programmers
  return new ClusterError("unavailable", `${action}: ${message}`, { cause: error });
}

/** The second as long as nobody has counted yet what a new ResourceQuota limits. */
const quotaIsFull = /exceeded quota|status unknown for quota/;

/**
 * Said with a code of the server's own faults, and final all the same: what etcd, or the API server's client of it, does not take
 * for its size; and what an admission webhook judged, with whatever code it chose.
 */
const isFinal =
  /etcdserver: request is too large|trying to send message larger than max|^admission webhook .* denied the request/s;

function kindOf(status: Status): ClusterErrorKind {
  if (status.code === 429) return "throttled";
  if (status.code === 403 && quotaIsFull.test(status.message)) return "quota";
  return isRefusal(status) ? "refused" : "unavailable";
}

/**
 * True if the API server itself judged the object, so that the same call later would meet the same answer. docs/failures.md lists
 * these answers, and tests/with-cluster/kubernetes/final-answers.test.ts makes them.
 */
function isRefusal(status: Status): boolean {
  // The size limit is the one thing that a proxy in between rightly judges.
  if (status.reason === undefined) return status.code === 413;
  if (status.code >= 400 && isFinal.test(status.message)) return true;
  if (status.code < 400 || status.code >= 500) return false;
  // Credentials that ran out, or a role not bound yet, are faults of this service's set-up and not of the object.
  if (status.code === 401 || / cannot \w+ resource /.test(status.message)) return false;
  // 409 Conflict is a race inside the API server, as when two pods are charged to one ResourceQuota at once.
  return status.code !== 408 && !(status.code === 409 && status.reason === "Conflict");
}
