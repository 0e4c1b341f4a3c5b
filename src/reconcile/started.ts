// Whether an executor of the current attempt was started, as far as it can be known. Pure.
import { failedStarts, type PodFacts, type Trouble } from "../pod/observe.ts";
import type { TaskRecord } from "../tes/record.ts";
import type { Situation } from "./decide.ts";
import { isHeld } from "./hold.ts";

/** "unknown": another pod could be the second one that runs it. */
export type Started = "yes" | "no" | "unknown";

/**
 * "no" only by proof: the last word of the pod, what its containers left, an end that no executor can have come before, or
 * our own word that was not given while the first executor waits for it.
 */
export function started(situation: Situation): Started {
  const { record, sight, last, looked, now } = situation;
  const { run } = record;
  if (run.released > 0) return "yes";
  // The pod's last word: all that it told before is held.
  if (run.outcome !== undefined) return "no";
  const facts = typeof sight === "string" ? last?.facts : sight;
  const told = facts && toldAtTheEnd(facts, record);
  if (told !== undefined) return told;
  if (facts !== undefined && hasNoStart(facts, record)) return "no";
  const isUnbound = typeof sight === "string" && last?.isFinal && last.facts.nodeName === undefined;
  if (isUnbound || looked === "unbound") return "no";
  return !run.ready && isHeld(run, facts, now) ? "no" : "unknown";
}

/** By the supervisor's termination message, which is written at its very end. */
function toldAtTheEnd({ supervisor }: PodFacts, { run }: TaskRecord): Started | undefined {
  const final = supervisor?.final;
  if (final?.released !== undefined) return final.released > 0 ? "yes" : "no";
  // An earlier version does not count them; but if we hold every line that it wrote, none of them says so.
  return final?.lastSequence === run.acknowledged.supervisor ? "no" : undefined;
}

/** The kubelet's word for a container of which it knows nothing any more. */
const lost = "ContainerStatusUnknown";

/** A pod that its node refused as soon as it was given to it. A kubelet may refuse it again later, when it was restarted. */
const isRejected = ({ failed }: PodFacts, { run }: TaskRecord): boolean =>
  run.acknowledged.supervisor === 0 && /^Pod was rejected: /.test(failed?.message ?? "");

function hasNoStart(facts: PodFacts, record: TaskRecord): boolean {
  const { supervisor, stageIn, trouble } = facts;
  const { run } = record;
  if (stageIn !== undefined && stageIn.exitCode !== 0 && stageIn.reason !== lost) return true;
  if (supervisor !== undefined && failedStarts.has(supervisor.reason)) return true;
  if (trouble !== undefined && isFirstNeverBegun(trouble, record)) return true;
  // Its line of the first start follows the start at once, but a kill may come between the two.
  if (supervisor !== undefined && supervisor.reason !== lost && run.journalHeld && !run.ready) return true;
  return isRejected(facts, record);
}

/**
 * A start that was cancelled while it was under way may have begun all the same, for a moment: long enough for one that does
 * not wait for our word.
 */
const isFirstNeverBegun = ({ executor, reason, message }: Trouble, { run }: TaskRecord): boolean =>
  executor === 0 &&
  failedStarts.has(reason) &&
  !run.ready &&
  (run.hold !== undefined || /failed to create|unable to start container process/i.test(message));
