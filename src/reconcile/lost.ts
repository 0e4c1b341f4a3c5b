// Lost: a pod that is being deleted and never goes, as its node is cut off. Pure.
import type { PodFacts } from "../pod/observe.ts";

/**
 * A node that is cut off never tells that its pod is over, and the pod stays in the list for as long as the node does: so
 * long after the end of its grace it counts as lost.
 */
const lostAfterSeconds = 120;

/** Undefined if it is not known when the pod should have been gone. */
export const secondsToLoss = ({ deletionTime }: PodFacts, now: Date): number | undefined =>
  deletionTime && lostAfterSeconds - (now.getTime() - deletionTime.getTime()) / 1000;

export const isLost = (facts: PodFacts, now: Date): boolean => (secondsToLoss(facts, now) ?? 1) <= 0;
