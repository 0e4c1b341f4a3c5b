// How long a pod may wait for what before its task is given up, and whether another pod may do better.
import { BIN, SHELL } from "../../sidecar/contract/paths.ts";
import type { PodFacts, Trouble } from "../pod/observe.ts";
import type { Policy } from "./decide.ts";
import { isFinalStart } from "./start-errors.ts";

/** Seconds for the kubelet to try once more where the registry's answer is already clear. */
const clearAnswerSeconds = 30;

/** Whether the scheduler waits for a claim of the pod, which is missing or not bound, and not for a node with room for it. */
export const isClaimFault = (unschedulable: string): boolean =>
  /persistentvolumeclaim|binding volumes/i.test(unschedulable);

interface Judgement {
  readonly seconds: (trouble: Trouble, policy: Policy) => number;
  /** Whether the next pod would meet the same. */
  readonly isFinal: (trouble: Trouble) => boolean;
}

const pullSeconds = ({ message }: Trouble, { imagePullSecondsMax }: Policy): number =>
  /not found|denied|unauthorized|manifest unknown/i.test(message)
    ? Math.min(clearAnswerSeconds, imagePullSecondsMax)
    : imagePullSecondsMax;
const startSeconds = (_: Trouble, { containerStartSecondsMax }: Policy): number => containerStartSecondsMax;

/** An image is as wrong for the next pod. */
const image: Judgement = { seconds: pullSeconds, isFinal: () => true };
const imageName: Judgement = { seconds: () => 0, isFinal: () => true };
/** The node could not ask its runtime, or the runtime its own store. */
const node: Judgement = { seconds: pullSeconds, isFinal: () => false };
/** The kubelet tries again by itself. */
const creation: Judgement = { seconds: startSeconds, isFinal: ({ message }) => isFinalStart(message) };
/** The container has ended, and no other is made in its place. */
const start: Judgement = { ...creation, seconds: () => 0 };

/** Every reason of observe's troubles: the kubelet's words, as they stand in its source (pkg/kubelet/images, kuberuntime). */
const judgements: Readonly<Record<string, Judgement>> = {
  InvalidImageName: imageName,
  ErrImageNeverPull: imageName,
  ErrImagePull: image,
  ImagePullBackOff: image,
  RegistryUnavailable: image,
  SignatureValidationFailed: image,
  ImageInspectError: node,
  CreateContainerConfigError: creation,
  CreateContainerError: creation,
  PreCreateHookError: creation,
  PreStartHookError: creation,
  RunContainerError: creation,
  StartError: start,
  ContainerCannotRun: start,
};

/**
 * Whether another pod may do better. A claim may be bound for it; and an executor that could not be started for want of our own
 * shell was started too early: the kubelet, where it cannot read a Secret in time, goes on to the next container without the one
 * that lays everything out.
 */
export function isPodsFault({ trouble }: PodFacts): boolean {
  if (trouble === undefined) return true;
  if (trouble.executor !== undefined && trouble.message.includes(`${BIN}/${SHELL}`)) return true;
  return judgements[trouble.reason]?.isFinal(trouble) === false;
}

/** Undefined: without end, as for a pod that no node can take yet. */
export function patienceSeconds({ unschedulable, trouble }: PodFacts, policy: Policy): number | undefined {
  if (unschedulable !== undefined) return isClaimFault(unschedulable) ? policy.podStartSecondsMax : undefined;
  return trouble && judgements[trouble.reason]?.seconds(trouble, policy);
}
