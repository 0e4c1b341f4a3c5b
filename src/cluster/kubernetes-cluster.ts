// kubernetesCluster: the calls of Cluster over a transport.
import type { CoreV1Api, V1Pod } from "@kubernetes/client-node";
import { type Cluster, ClusterError } from "./cluster.ts";
import { createDeadline } from "./deadline.ts";
import { readLogTail } from "./log.ts";
import { podSource } from "./pod-source.ts";
import { StatusError, toClusterError } from "./status-error.ts";
import { CALL_SECONDS, coreApi, type Transport } from "./transport.ts";
import { watchPods } from "./watch.ts";

/** The Cluster over a transport that is there already. */
export function kubernetesCluster(
  transport: Transport,
  namespace: string,
  callSeconds = CALL_SECONDS,
): Cluster {
  const api = (signal: AbortSignal) => coreApi(transport, signal);
  const call = boundedCall(callSeconds);
  return {
    createPod: async (body, signal) => {
      const name = nameOf(body);
      return await call(`Cannot create pod "${name}"`, signal, async (limit) => {
        try {
          return await api(limit).createNamespacedPod({ namespace, body });
        } catch (error) {
          if (!hasReason(error, "AlreadyExists")) throw error;
          return await readExistingPod(api(limit), namespace, name);
        }
      });
    },

    deletePod: (name, { graceSeconds, uid }, signal) =>
      call(`Cannot delete pod "${name}"`, signal, async (limit) => {
        const preconditions = uid === undefined ? {} : { preconditions: { uid } };
        const body = { gracePeriodSeconds: graceSeconds, ...preconditions };
        try {
          await api(limit).deleteNamespacedPod({ name, namespace, body });
        } catch (error) {
          if (!(await isGone(error, uid, () => readPod(api(limit), namespace, name)))) throw error;
        }
      }),

    getPod: (name, signal) =>
      call(`Cannot read pod "${name}"`, signal, (limit) => readPod(api(limit), namespace, name)),

    readLog: (pod, container, bytesMax, signal) =>
      call(`Cannot read the log of container "${container}" of pod "${pod}"`, signal, (limit) =>
        readLogTail(transport, { namespace, pod, container }, bytesMax, limit),
      ),

    createSecret: async (body, signal) => {
      const name = nameOf(body);
      return await call(`Cannot create secret "${name}"`, signal, async (limit) => {
        try {
          return await api(limit).createNamespacedSecret({ namespace, body });
        } catch (error) {
          if (!hasReason(error, "AlreadyExists")) throw error;
          return await api(limit).readNamespacedSecret({ name, namespace });
        }
      });
    },

    getSecret: (name, signal) =>
      call(`Cannot read secret "${name}"`, signal, (limit) =>
        api(limit).readNamespacedSecret({ name, namespace }).catch(undefinedIfNotFound),
      ),

    watchPods: (selector, options, signal) =>
      watchPods(podSource(transport, namespace, selector), options, signal),
  };
}

/** One call within its bound. Whatever goes wrong comes out as a ClusterError or as the reason of `signal`. */
function boundedCall(seconds: number) {
  return async <Result>(
    action: string,
    signal: AbortSignal,
    run: (limit: AbortSignal) => Promise<Result>,
  ): Promise<Result> => {
    signal.throwIfAborted();
    using deadline = createDeadline(signal);
    deadline.start(seconds * 1000);
    try {
      return await run(deadline.signal);
    } catch (error) {
      signal.throwIfAborted();
      throw toClusterError(action, error);
    }
  };
}

async function readPod(api: CoreV1Api, namespace: string, name: string): Promise<V1Pod | undefined> {
  return await api.readNamespacedPod({ name, namespace }).catch(undefinedIfNotFound);
}

/** The pod that has the name already. One that is on its way out is no pod to count on: its name is free again soon. */
async function readExistingPod(api: CoreV1Api, namespace: string, name: string): Promise<V1Pod> {
  const pod = await readPod(api, namespace, name);
  if (pod !== undefined && pod.metadata?.deletionTimestamp === undefined) return pod;
  throw new ClusterError(
    "unavailable",
    `Cannot create pod "${name}": an earlier pod of that name is going away`,
  );
}

/**
 * True if the refusal to delete means that the pod is gone: there is none, or its name belongs to one of another uid.
 * The API server words the latter differently from place to place, so the pod is read.
 */
async function isGone(
  error: unknown,
  uid: string | undefined,
  read: () => Promise<V1Pod | undefined>,
): Promise<boolean> {
  if (hasReason(error, "NotFound")) return true;
  return uid !== undefined && hasReason(error, "Conflict") && (await read())?.metadata?.uid !== uid;
}

function nameOf(object: { metadata?: { name?: string | undefined } | undefined }): string {
  const name = object.metadata?.name;
  if (name === undefined)
    throw new TypeError("Cannot create an object without a name: creating must be idempotent");
  return name;
}

function hasReason(error: unknown, reason: string): boolean {
  return error instanceof StatusError && error.status.reason === reason;
}

/** Only the API server's own word counts: a proxy's 404 says nothing about the object. */
function undefinedIfNotFound(error: unknown): undefined {
  if (!hasReason(error, "NotFound")) throw error;
}
