// Clean-up: what is owed to a task that is over and may have left its folder in a shared claim. Pure.
import { podName } from "../pod/names.ts";
import { isOver, type PodFacts } from "../pod/observe.ts";
import { systemLog, type TaskRecord } from "../tes/record.ts";
import type { Decision, Situation } from "./decide.ts";

/** For so long a pod that removes the folder is waited for: without a node, say. */
const cleanUpSecondsMax = 600;

/** The supervisor removes the folder before its last word; one that never said it was killed, or never started. */
export const mayHaveLeft = ({ run }: TaskRecord): boolean =>
  run.folderLeft === true || (run.nodeName !== undefined && run.outcome === undefined);

/** The record of a task that is over, once its pod is gone: done, or with another pod to come that cleans up. */
export function afterPod({ record, policy, now }: Situation): TaskRecord {
  if (!policy.sharedClaim || !mayHaveLeft(record)) return { ...record, live: false };
  const { podUid: _, ...run } = record.run;
  return { ...record, run: { ...run, created: false, cleanUp: { since: now.toISOString() } } };
}

/**
 * Creates the pod that cleans up, once; waits for its end, with a bound; removes it. What fails is told, and left.
 * Undefined if there is nothing to clean up.
 */
export function decideCleanUp({ record, sight, policy, now }: Situation): Decision | undefined {
  const { run } = record;
  if (run.cleanUp === undefined) return undefined;
  const secondsLeft = cleanUpSecondsMax - (now.getTime() - Date.parse(run.cleanUp.since)) / 1000;
  if (sight === "unknown") return { do: "rest" };
  if (sight !== "absent") return followCleanUp(record, sight, secondsLeft, now);
  const owed = policy.sharedClaim && !run.created && secondsLeft > 0;
  return owed ? { do: "create" } : done(record);
}

const done = (record: TaskRecord): Decision => ({
  do: "change",
  record: { ...record, live: false },
  systemLogs: [],
});

function followCleanUp(record: TaskRecord, facts: PodFacts, secondsLeft: number, now: Date): Decision {
  const { run } = record;
  if (facts.deleting) {
    // Whatever becomes of it, it is no pod of a live task any more, and is removed as such.
    return secondsLeft > 0 ? { do: "rest", wakeAfterSeconds: secondsLeft } : done(record);
  }
  if (!isOver(facts) && secondsLeft > 0) return { do: "rest", wakeAfterSeconds: secondsLeft };
  if (facts.supervisor?.exitCode === 0 || run.cleanUp?.failed) return { do: "delete", graceSeconds: 0 };
  const how = isOver(facts)
    ? `ended with exit code ${facts.supervisor?.exitCode ?? "unknown"}`
    : `did not end in ${cleanUpSecondsMax} s`;
  const message = `Folder "${podName(record.id, run.attempt)}" may be left in the claim: the pod that removes it ${how}`;
  const cleanUp = { since: run.cleanUp?.since ?? now.toISOString(), failed: true } as const;
  return {
    do: "change",
    record: { ...record, run: { ...run, cleanUp } },
    systemLogs: [systemLog(message, now.toISOString())],
  };
}
