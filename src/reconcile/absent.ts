// absent: a container that the task waits for and its node does not tell of, as while an image is pulled. Pure.
import { executorContainer } from "../pod/names.ts";
import type { PodFacts } from "../pod/observe.ts";
import type { TaskRecord } from "../tes/record.ts";
import type { Situation } from "./decide.ts";
import type { WaitingReason } from "./waiting.ts";

/** An image that is on the node is no reason to wait so long. */
const silentSeconds = 10;

/** Why the task waits, once it has long enough. What keeps the container away, the kubelet says in events only. */
export function absence(situation: Situation, facts: PodFacts): WaitingReason | undefined {
  const absent = absentContainer(situation.record, facts);
  return absent !== undefined && secondsLeft(absent, situation.now) <= 0 ? absent : undefined;
}

/** Until it has waited long enough; undefined if it does not wait, or has already. */
export function secondsToAbsence({ record, now }: Situation, facts: PodFacts): number | undefined {
  const absent = absentContainer(record, facts);
  const seconds = absent && secondsLeft(absent, now);
  return seconds !== undefined && seconds > 0 ? seconds : undefined;
}

interface Absent extends WaitingReason {
  readonly since: Date;
}

const secondsLeft = ({ since }: Absent, now: Date): number =>
  silentSeconds - (now.getTime() - since.getTime()) / 1000;

/** What was heard just now may itself be old, as after this process was stopped: from then on its node has time to tell more. */
function sinceHeard(absent: Absent, { run }: TaskRecord, { heardAt }: PodFacts): Absent {
  const isTold = run.waiting?.reason === absent.reason;
  return heardAt === undefined || isTold || heardAt <= absent.since ? absent : { ...absent, since: heardAt };
}

/** The status may be older than the reports: the kubelet writes it between two steps, and a pull is one of them. */
function absentContainer(record: TaskRecord, facts: PodFacts): Absent | undefined {
  const { startingSince, nodeName } = facts;
  const { acknowledged } = record.run;
  const tells = (what: string, why: string) =>
    `Node ${nodeName} tells of no container ${what} after ${silentSeconds} s: ${why}`;
  if (startingSince !== undefined && acknowledged["stage-in"] + acknowledged.supervisor === 0) {
    const message = tells("of the pod", "an image may still be pulled, or a volume not be mounted");
    return sinceHeard({ since: startingSince, reason: "no container", message }, record, facts);
  }
  const turn = turnOf(record, facts);
  if (turn === undefined || turn.executor < (facts.creatingFrom ?? Number.POSITIVE_INFINITY))
    return undefined;
  const name = executorContainer(turn.executor);
  const image = record.task.executors[turn.executor]?.image;
  const message = tells(name, `its image "${image}" may still be pulled`);
  return sinceHeard({ since: turn.since, reason: `no ${name}`, message }, record, facts);
}

/** The executor that is to be released as soon as its container is there, and since when. */
function turnOf(
  { task, run }: TaskRecord,
  { stageIn }: PodFacts,
): { executor: number; since: Date } | undefined {
  const executor = run.released;
  if (executor >= task.executors.length || run.executors.length < executor) return undefined;
  const last = run.executors.at(-1);
  if (last === undefined) {
    const since = run.stagedTime ?? (stageIn?.exitCode === 0 ? stageIn.endTime : undefined);
    return since === undefined ? undefined : { executor, since: new Date(since) };
  }
  if (last.exitCode !== 0 && !task.executors[last.executor]?.ignore_error) return undefined;
  return { executor, since: new Date(last.endTime) };
}
