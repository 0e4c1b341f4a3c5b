// Cluster: what the service needs of the place where pods run, and how that place fails.
import type { V1Pod, V1Secret } from "@kubernetes/client-node";

/**
 * Why a call failed.
 * - `refused`: the object is not acceptable (4xx); trying again changes nothing.
 * - `quota`: a ResourceQuota or LimitRange of the namespace is exhausted; later it may fit.
 * - `throttled`: 429; wait `retryAfterSeconds`.
 * - `unavailable`: 5xx, a cut connection, a timeout; the call may or may not have been carried out.
 */
export type ClusterErrorKind = "refused" | "quota" | "throttled" | "unavailable";

/** The only error the methods of Cluster throw, but for an AbortError when their signal ends them. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  readonly kind: ClusterErrorKind;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    kind: ClusterErrorKind,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number | undefined } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/**
 * What became known of the pods. `listed` is the whole truth at one moment: a pod that is not in it does not exist.
 * `changed` and `deleted` are hints in between, each carrying the pod as last seen.
 */
export type PodChange =
  | { readonly type: "listed"; readonly pods: readonly V1Pod[] }
  | { readonly type: "changed"; readonly pod: V1Pod }
  | { readonly type: "deleted"; readonly pod: V1Pod };

/** No method retries by itself; each is one call with a bound of its own (30 s), ended sooner by `signal`. */
export interface Cluster {
  /** Creates the pod by its name. Idempotent: a pod of that name that is there already is left as it is and returned. */
  createPod(pod: V1Pod, signal: AbortSignal): Promise<V1Pod>;
  /** Deletes the pod; one that is gone already is no error. With `uid`, only the pod of that uid. */
  deletePod(
    name: string,
    options: { graceSeconds: number; uid?: string | undefined },
    signal: AbortSignal,
  ): Promise<void>;
  /** One pod now, or undefined. */
  getPod(name: string, signal: AbortSignal): Promise<V1Pod | undefined>;
  /**
   * The container's log, at most its last `bytesMax` bytes: empty if the kubelet says that it has not started yet, undefined if
   * pod or container never were or left no log.
   */
  readLog(pod: string, container: string, bytesMax: number, signal: AbortSignal): Promise<string | undefined>;
  /** Creates the Secret by its name. Idempotent like createPod. */
  createSecret(secret: V1Secret, signal: AbortSignal): Promise<V1Secret>;
  /** One Secret now, or undefined. */
  getSecret(name: string, signal: AbortSignal): Promise<V1Secret | undefined>;
  /**
   * Lists and watches the pods with the label selector for as long as `signal` lets it. Never throws but for the signal:
   * a watch that is closed, cut, silent or too old is renewed, and failures are told to `onTrouble` and retried with backoff.
   */
  watchPods(
    selector: string,
    options: { onTrouble: (error: ClusterError) => void },
    signal: AbortSignal,
  ): AsyncIterable<PodChange>;
}
