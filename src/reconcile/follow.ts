// follow: what a pod tells that runs and whose reports do not arrive, from its journal.
import type { PodFacts } from "../pod/observe.ts";
import type { Decision, Situation } from "./decide.ts";

/** Between two looks: ever longer, as a task that has run for an hour will not end in the next second. */
const pauseSeconds = { min: 2, max: 60 } as const;
const pauseShare = 0.25;

/**
 * Without a callback URL the journal is read at each change of the pod and now and then in between, so that RUNNING and the
 * ends of executors are told while the task runs. With one, only if nothing came of it for long.
 */
export function follow(
  { record, now, policy }: Situation,
  facts: PodFacts,
  rest: Decision & { do: "rest" },
): Decision {
  if (facts.supervisorSince === undefined) return rest;
  const seconds = (now.getTime() - facts.supervisorSince.getTime()) / 1000;
  const wake = rest.wakeAfterSeconds ?? Number.POSITIVE_INFINITY;
  if (policy.reportSecondsMax > 0) {
    if (record.run.acknowledged.supervisor > 0) return rest;
    const left = policy.reportSecondsMax - seconds;
    if (left > 0) return { do: "rest", wakeAfterSeconds: Math.min(left, wake) };
  }
  const pause = Math.min(pauseSeconds.max, Math.max(pauseSeconds.min, seconds * pauseShare));
  return { do: "follow-journal", againAfterSeconds: Math.min(pause, wake) };
}
