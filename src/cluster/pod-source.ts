// podSource: the two calls that a watch of pods is made of, against a namespace.
import { createDeadline } from "./deadline.ts";
import { CALL_SECONDS, coreApi, type Transport } from "./transport.ts";
import type { PodSource } from "./watch.ts";

/** The pods of the namespace that the label selector matches. */
export function podSource(transport: Transport, namespace: string, selector: string): PodSource {
  return {
    list: async ({ limit, continueToken }, signal) => {
      using deadline = createDeadline(signal);
      deadline.start(CALL_SECONDS * 1000);
      return await coreApi(transport, deadline.signal).listNamespacedPod({
        namespace,
        labelSelector: selector,
        limit,
        ...(continueToken === undefined ? {} : { _continue: continueToken }),
      });
    },
    open: (resourceVersion, seconds, signal) => {
      const query = new URLSearchParams({
        watch: "true",
        allowWatchBookmarks: "true",
        labelSelector: selector,
        resourceVersion,
        timeoutSeconds: String(seconds),
      });
      const url = `${transport.server}/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?${query}`;
      return transport.send(url, { signal });
    },
  };
}
