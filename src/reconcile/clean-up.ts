// Clean-up: what follows a task that is over and may have left its folder in a shared claim, or parts of uploads in S3. Pure.
import { type UnfinishedUpload, UPLOADS_LEFT } from "../../sidecar/contract/uploads.ts";
import { podName } from "../pod/names.ts";
import { isOver, type PodFacts } from "../pod/observe.ts";
import { systemLog, type TaskRecord } from "../tes/record.ts";
import type { Decision, Situation } from "./decide.ts";

/** For so long a pod that removes the folder is waited for: without a node, say. */
const cleanUpSecondsMax = 600;

/** The supervisor removes the folder before its last word; one that never said it was killed, or never started. */
export const mayHaveLeft = ({ run }: TaskRecord): boolean =>
  run.folderLeft === true || (run.nodeName !== undefined && run.outcome === undefined);

const openUploads = ({ run }: TaskRecord): readonly UnfinishedUpload[] => run.uploads ?? [];

const isNeeded = (record: TaskRecord, { sharedClaim }: Situation["policy"]): boolean =>
  (sharedClaim && mayHaveLeft(record)) || openUploads(record).length > 0;

/** The record of a task that is over, once its pod is gone: done, or with another pod to come that cleans up. */
export function afterPod({ record, policy, now }: Situation): TaskRecord {
  if (!isNeeded(record, policy)) return { ...record, live: false };
  const { podUid: _, ...run } = record.run;
  return { ...record, run: { ...run, created: false, cleanUp: { since: now.toISOString() } } };
}

/**
 * Creates the pod that cleans up, once; waits for its end, with a bound; removes it. What fails is told, and left.
 * Undefined if there is nothing to clean up.
 */
export function decideCleanUp(situation: Situation): Decision | undefined {
  const { record, sight, policy, now } = situation;
  const { run } = record;
  if (run.cleanUp === undefined) return undefined;
  const secondsLeft = cleanUpSecondsMax - (now.getTime() - Date.parse(run.cleanUp.since)) / 1000;
  if (sight === "unknown") return { do: "rest" };
  if (sight !== "absent") return followCleanUp(situation, sight, secondsLeft);
  const owed = isNeeded(record, policy) && !run.created && secondsLeft > 0;
  return owed ? { do: "create" } : done(record);
}

const done = (record: TaskRecord): Decision => ({
  do: "change",
  record: { ...record, live: false },
  systemLogs: [],
});

function followCleanUp({ record, policy, now }: Situation, facts: PodFacts, secondsLeft: number): Decision {
  const { run } = record;
  if (facts.deleting) {
    // Whatever becomes of it, it is no pod of a live task any more, and is removed as such.
    return secondsLeft > 0 ? { do: "rest", wakeAfterSeconds: secondsLeft } : done(record);
  }
  if (!isOver(facts) && secondsLeft > 0) return { do: "rest", wakeAfterSeconds: secondsLeft };
  const exitCode = facts.supervisor?.exitCode;
  if (exitCode === 0 || run.cleanUp?.failed) return { do: "delete", graceSeconds: 0 };
  const how = isOver(facts)
    ? `ended with exit code ${exitCode ?? "unknown"}`
    : `did not end in ${cleanUpSecondsMax} s`;
  const cleanUp = { since: run.cleanUp?.since ?? now.toISOString(), failed: true } as const;
  const isFolderGone = !policy.sharedClaim || !mayHaveLeft(record) || exitCode === UPLOADS_LEFT;
  const lines = [...(isFolderGone ? [] : [folderLeft(record, how)]), ...uploadsLeft(record, how)];
  return {
    do: "change",
    record: { ...record, run: { ...run, cleanUp } },
    systemLogs: lines.map((line) => systemLog(line, now.toISOString())),
  };
}

const folderLeft = ({ id, run }: TaskRecord, how: string): string =>
  `Folder "${podName(id, run.attempt)}" may be left in the claim: the pod that removes it ${how}`;

/** So many are named, and the others counted. */
const namedMax = 10;

/** For the user, who sees the object's place; for the operator, what helps in the end. */
export function uploadsLeft(record: TaskRecord, how: string): string[] {
  const uploads = openUploads(record);
  const rule = "a lifecycle rule of the bucket that aborts incomplete multipart uploads removes them";
  const lines = uploads
    .slice(0, namedMax)
    .map(({ url }) => `Parts of an upload to "${url}" may be left: the pod that aborts it ${how}; ${rule}`);
  const more = uploads.length - namedMax;
  return more > 0 ? [...lines, `The same of ${more} more uploads`] : lines;
}
