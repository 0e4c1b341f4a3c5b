// Stops: containers of a pod that is stopped are told so group by group, for some runtimes hang over dozens of stops at once.
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { stopDelaySeconds } from "../../sidecar/contract/stop-delay.ts";

/** The kubelet itself waits so long before it tells the executor's container to stop (KEP-3960); the pod's grace pays for it. */
export function stopHook(executor: number): Pick<V1Container, "lifecycle"> {
  const seconds = stopDelaySeconds(executor);
  return seconds === 0 ? {} : { lifecycle: { preStop: { sleep: { seconds } } } };
}

const isDelayed = ({ lifecycle }: V1Container): boolean => lifecycle?.preStop?.sleep !== undefined;

export const hasStopHooks = ({ spec }: V1Pod): boolean => spec?.containers.some(isDelayed) ?? false;

/** The same pod, whose containers are all told at once. */
export function withoutStopHooks(pod: V1Pod): V1Pod {
  if (pod.spec === undefined) return pod;
  const containers = pod.spec.containers.map((container) => {
    if (!isDelayed(container)) return container;
    const { lifecycle: _, ...rest } = container;
    return rest;
  });
  return { ...pod, spec: { ...pod.spec, containers } };
}
