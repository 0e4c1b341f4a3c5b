// How long a pod may wait for what before its task is given up.
import { BIN, SHELL } from "../../sidecar/contract/paths.ts";
import type { PodFacts } from "../pod/observe.ts";
import type { Policy } from "./decide.ts";

/** Seconds for the kubelet to try once more where the registry's answer is already clear. */
const clearAnswerSeconds = 30;

/** Whether the scheduler waits for a claim of the pod, which is missing or not bound, and not for a node with room for it. */
export const isClaimFault = (unschedulable: string): boolean =>
  /persistentvolumeclaim|binding volumes/i.test(unschedulable);

/**
 * Whether another pod may do better. A claim may be bound for it; and an executor that could not be started for want of our own
 * shell was started too early: the kubelet, where it cannot read a Secret in time, goes on to the next container without the one
 * that lays everything out. An image is as wrong for the next pod.
 */
export const isPodsFault = ({ trouble }: PodFacts): boolean =>
  trouble === undefined || (trouble.executor !== undefined && trouble.message.includes(`${BIN}/${SHELL}`));

/** Undefined: without end, as for a pod that no node can take yet. */
export function patienceSeconds({ unschedulable, trouble }: PodFacts, policy: Policy): number | undefined {
  if (unschedulable !== undefined) return isClaimFault(unschedulable) ? policy.podStartSecondsMax : undefined;
  switch (trouble?.reason) {
    case undefined:
      return undefined;
    case "InvalidImageName":
    case "ErrImageNeverPull":
    case "StartError":
    case "ContainerCannotRun":
      return 0;
    case "ErrImagePull":
    case "ImagePullBackOff":
    case "ImageInspectError":
    case "RegistryUnavailable":
      return /not found|denied|unauthorized|manifest unknown/i.test(trouble.message)
        ? Math.min(clearAnswerSeconds, policy.imagePullSecondsMax)
        : policy.imagePullSecondsMax;
    default:
      return policy.containerStartSecondsMax;
  }
}
