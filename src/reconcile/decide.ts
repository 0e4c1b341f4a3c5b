// decide: what is owed to a task, given its record and its pod as they are. Pure; the whole failure policy is here.
import type { Outcome } from "../../sidecar/contract/report.ts";
import { podName } from "../pod/names.ts";
import { isOver, type PodFacts } from "../pod/observe.ts";
import { systemLog, type TaskRecord, withState } from "../tes/record.ts";
import { isTerminal, type State } from "../tes/state.ts";
import { absence, secondsToAbsence } from "./absent.ts";
import { afterPod, decideCleanUp } from "./clean-up.ts";
import { follow } from "./follow.ts";
import { holdOnNode } from "./hold.ts";
import { isLost, secondsToLoss } from "./lost.ts";
import { noteImages } from "./note-images.ts";
import { isClaimFault, isPodsFault, patienceSeconds } from "./patience.ts";
import { finish, preempted, replan, retryOr } from "./retry.ts";
import { causesOf, tell, type WaitingReason } from "./waiting.ts";

/** The pod as last seen; "absent" from a complete list; "unknown" while there was no list yet. */
export type Sight = PodFacts | "absent" | "unknown";

/** A pod that is gone, as it was seen last; `isFinal` if that is how it was when it went. */
export interface LastSight {
  readonly facts: PodFacts;
  readonly isFinal: boolean;
}

export type Decision =
  /** Nothing to do until something changes, or until the time is up. */
  | { readonly do: "rest"; readonly wakeAfterSeconds?: number }
  | { readonly do: "create" }
  /** The pod was created and is in no list: ask for it by name before calling it gone. */
  | { readonly do: "confirm" }
  | { readonly do: "read-journal" }
  /** Find out from the node whether the pod, which is still there, may have started an executor; then decide again. */
  | { readonly do: "look" }
  /** Take from the journal what a pod that still runs has told so far, and look again later. */
  | { readonly do: "follow-journal"; readonly againAfterSeconds: number }
  | { readonly do: "delete"; readonly graceSeconds: number }
  /** Save this, then decide again. */
  | { readonly do: "change"; readonly record: TaskRecord; readonly systemLogs: readonly string[] };

export interface Situation {
  readonly record: TaskRecord;
  readonly sight: Sight;
  /** The pod was asked for by name and is not there. */
  readonly gone: boolean;
  readonly last?: LastSight | undefined;
  /** What the decision before this one, "look", has brought: whether the pod has a node by now. */
  readonly looked?: "bound" | "unbound" | undefined;
  readonly now: Date;
  readonly policy: Policy;
}

export interface Policy {
  /** Pods tried for one task as long as no executor was released. */
  readonly attemptsMax: number;
  /** Whether another one is tried also where it is not known whether an executor was started: it may then run twice. */
  readonly retryUnknown: boolean;
  readonly imagePullSecondsMax: number;
  readonly containerStartSecondsMax: number;
  /** For the claim of a pod to be bound, and for a node to start the first container of a pod that it was given. */
  readonly podStartSecondsMax: number;
  readonly cancelGraceSeconds: number;
  /** For the first report of a supervisor that runs; 0 if none will come, as pods are not told where to. */
  readonly reportSecondsMax: number;
  /** Whether tasks have folders of one claim, which outlive their pods. */
  readonly sharedClaim: boolean;
  /** The state of a task that the system took away; PREEMPTED makes stored versions of Nextflow poll for ever. */
  readonly preemptedState: "SYSTEM_ERROR" | "PREEMPTED";
}

/** Order of judgement: terminal, canceling, the supervisor's word, the pod's absence, its end, its troubles, its progress. */
export function decide(situation: Situation): Decision {
  const { record, sight, policy } = situation;
  const { run, state } = record;
  if (!record.live) return rest;
  if (isTerminal(state)) {
    const noted = noteImages(record, sight);
    if (noted !== record) return { do: "change", record: noted, systemLogs: [] };
    return decideCleanUp(situation) ?? clear(situation, afterPod(situation), finishedGraceSeconds);
  }
  if (state === "CANCELING") {
    return clear(situation, withState(record, "CANCELED", situation.now), policy.cancelGraceSeconds);
  }
  const outcome = run.outcome?.outcome;
  if (outcome === "replan") return replan(situation);
  if (outcome !== undefined && outcome !== "interrupted") return finish(situation, stateOf(outcome));
  return typeof sight === "string" ? decideUnseen(situation) : decideSeen(situation, sight);
}

function decideSeen(situation: Situation, facts: PodFacts): Decision {
  const { record, now } = situation;
  const { run } = record;
  if (!run.created) return adopt(situation, facts);
  if (isLost(facts, now)) return decideOver(situation, facts);
  if (facts.disruption !== undefined && run.disruption === undefined && !run.journalRead)
    return noteDisruption(record, facts.disruption);
  if (isOver(facts)) return decideOver(situation, facts);
  if (facts.deleting) return awaitEnd(situation, facts);
  const owed = decideWaiting(situation, facts) ?? decideProgress(situation, facts);
  return owed.do === "rest" ? follow(situation, facts, owed) : owed;
}

const rest: Decision = { do: "rest" };

function awaitDeletion(facts: PodFacts, now: Date): Decision {
  const seconds = secondsToLoss(facts, now);
  return seconds === undefined ? rest : { do: "rest", wakeAfterSeconds: seconds };
}

/** Between two looks at the journal of a pod that is being deleted. */
const lookSeconds = 3;

/** As long as the pod is there, its journal says whether it has started an executor; it may be the only word of it. */
function awaitEnd(situation: Situation, facts: PodFacts): Decision {
  const { record, now } = situation;
  const { run } = record;
  if (run.nodeName === undefined && facts.nodeName !== undefined) return noteNode(situation, facts);
  const isSettled = run.released > 0 || run.outcome !== undefined || facts.nodeName === undefined;
  if (isSettled) return awaitDeletion(facts, now);
  const left = secondsToLoss(facts, now) ?? lookSeconds;
  return { do: "follow-journal", againAfterSeconds: Math.min(left, lookSeconds) };
}

/** A pod whose task is over has nothing left to save; its containers end by themselves. */
const finishedGraceSeconds = 5;

/** Takes the pod away, by force if it is lost, then saves `done`. */
function clear({ record, sight, now }: Situation, done: TaskRecord, graceSeconds: number): Decision {
  if (sight === "unknown" && record.run.created) return rest;
  if (typeof sight === "string") return { do: "change", record: done, systemLogs: [] };
  if (isLost(sight, now)) return { do: "delete", graceSeconds: 0 };
  return sight.deleting ? awaitDeletion(sight, now) : { do: "delete", graceSeconds };
}

function stateOf(outcome: Exclude<Outcome, "interrupted" | "replan">): State {
  switch (outcome) {
    case "complete":
      return "COMPLETE";
    case "executor-error":
      return "EXECUTOR_ERROR";
    case "system-error":
      return "SYSTEM_ERROR";
  }
}

function decideUnseen(situation: Situation): Decision {
  const { record, sight, gone } = situation;
  if (!record.run.created) return { do: "create" };
  if (sight === "unknown") return rest;
  if (!gone) return { do: "confirm" };
  if (record.run.disruption !== undefined) return preempted(situation, record.run.disruption);
  return retryOr(
    situation,
    "SYSTEM_ERROR",
    `Pod ${podName(record.id, record.run.attempt)} was deleted by something else`,
  );
}

/** Kept for when the pod is gone: it says why only as long as it is there, which may be shorter than one look at it. */
const noteDisruption = (record: TaskRecord, disruption: string): Decision => ({
  do: "change",
  record: { ...record, run: { ...record.run, disruption } },
  systemLogs: [],
});

/**
 * A pod of whose creation nothing was saved: the process died in between, or the answer was lost. Creating it again finds
 * it, and makes the Secret of its plan if that is still missing. One that ends is only noted, never made anew.
 */
function adopt({ record }: Situation, facts: PodFacts): Decision {
  if (!isOver(facts) && !facts.deleting) return { do: "create" };
  const run = { ...record.run, created: true, podUid: facts.uid };
  return { do: "change", record: { ...record, run }, systemLogs: [] };
}

/** The task's own limits of time and disk: another pod would only reach them again. Other reasons are the node's. */
const limitsReached: ReadonlySet<string> = new Set(["DeadlineExceeded", "Evicted"]);

/** The pod can do no more. Whatever it told is read first, if its node answers; then causes in order, first match wins. */
function decideOver(situation: Situation, facts: PodFacts): Decision {
  const { record, now } = situation;
  if (!record.run.journalRead && !isLost(facts, now)) return { do: "read-journal" };
  const disruption = facts.disruption ?? record.run.disruption;
  if (disruption !== undefined) return preempted(situation, disruption);
  if (facts.failed !== undefined && facts.failed.reason !== "") {
    const { reason, message } = facts.failed;
    const judge = limitsReached.has(reason) ? finish : retryOr;
    return judge(situation, "SYSTEM_ERROR", `Pod failed: ${reason} ${message}`.trimEnd());
  }
  return retryOr(situation, "SYSTEM_ERROR", describeEnd(record, facts));
}

/** What there is to say of a pod that ended for no cause that Kubernetes names. */
function describeEnd({ run }: TaskRecord, facts: PodFacts): string {
  if (facts.deleting) return `Pod ${facts.name} was deleted by something else`;
  if (run.outcome !== undefined) {
    return `Pod ${facts.name} was stopped by something else: ${run.outcome.message ?? "no reason given"}`;
  }
  const [name, end] = facts.supervisor ? ["supervisor", facts.supervisor] : ["stage-in", facts.stageIn];
  return `Container ${name} ended with exit code ${end?.exitCode ?? "unknown"} (${end?.reason || "no reason given"}) and left no report`;
}

/** The pod does not start: say why, once for each reason, and give up when its patience is over. */
function decideWaiting(situation: Situation, facts: PodFacts): Decision | undefined {
  const { record, now, policy } = situation;
  const waiting = waitingReason(facts, record) ?? absence(situation, facts);
  const known = record.run.waiting;
  if (waiting === undefined) {
    if (known === undefined) return undefined;
    const { waiting: _, ...run } = record.run;
    return { do: "change", record: { ...record, run }, systemLogs: [] };
  }
  const told = tell(known, waiting, now);
  if (told !== undefined) {
    const run = { ...record.run, waiting: told };
    return {
      do: "change",
      record: { ...record, run },
      systemLogs: [systemLog(waiting.message, now.toISOString())],
    };
  }
  const patience = patienceSeconds(facts, policy);
  if (patience === undefined || known === undefined) return undefined;
  const left = patience - (now.getTime() - Date.parse(known.since)) / 1000;
  if (left > 0) return { do: "rest", wakeAfterSeconds: left };
  const judge = isPodsFault(facts) ? retryOr : finish;
  const after = patience > 0 ? ` after ${patience} s` : "";
  return judge(situation, "SYSTEM_ERROR", `Given up${after}: ${waiting.message}`);
}

/** Why the pod waits; undefined if it does not, or only an executor whose turn has not come does. */
function waitingReason({ unschedulable, trouble }: PodFacts, { run }: TaskRecord): WaitingReason | undefined {
  if (unschedulable !== undefined) {
    const what = isClaimFault(unschedulable) ? "the claim" : "a node";
    const message = `Waiting for ${what}: ${unschedulable}`;
    return { reason: `Waiting for ${what}`, causes: causesOf(unschedulable), message };
  }
  if (trouble === undefined) return undefined;
  if (trouble.executor !== undefined && trouble.executor > run.executors.length) return undefined;
  const { container, reason, message } = trouble;
  return {
    reason: `${container} ${kindOf(reason)}`,
    message: `Container ${container} does not start: ${reason} ${message}`,
  };
}

/** The kubelet alternates between these two while it waits to try again; to a user they are one. */
const kindOf = (reason: string): string => (reason === "ImagePullBackOff" ? "ErrImagePull" : reason);

function decideProgress(situation: Situation, facts: PodFacts): Decision {
  const { record } = situation;
  if (!facts.scheduled || facts.nodeName === undefined) return rest;
  if (record.run.nodeName === undefined) return noteNode(situation, facts);
  return sooner(awaitBegin(situation, facts), secondsToAbsence(situation, facts));
}

function noteNode({ record, now }: Situation, facts: PodFacts): Decision {
  const { nodeName = "", name } = facts;
  const hold = holdOnNode(record.run.hold, facts);
  const run = { ...record.run, nodeName, podName: name, ...(hold === undefined ? {} : { hold }) };
  const message = systemLog(`Scheduled on node ${nodeName}`, now.toISOString());
  const started = record.state === "QUEUED" ? withState(record, "INITIALIZING", now) : record;
  return { do: "change", record: { ...started, run }, systemLogs: [message] };
}

function sooner(decision: Decision, seconds: number | undefined): Decision {
  if (decision.do !== "rest" || seconds === undefined) return decision;
  return { do: "rest", wakeAfterSeconds: Math.min(seconds, decision.wakeAfterSeconds ?? seconds) };
}

/** A node that cannot make a pod's sandbox or mount its volumes says so in events only, and tries for ever. */
function awaitBegin(situation: Situation, { startingSince, nodeName }: PodFacts): Decision {
  const { record, now, policy } = situation;
  const { acknowledged } = record.run;
  if (startingSince === undefined || acknowledged["stage-in"] + acknowledged.supervisor > 0) return rest;
  const left = policy.podStartSecondsMax - (now.getTime() - startingSince.getTime()) / 1000;
  if (left > 0) return { do: "rest", wakeAfterSeconds: left };
  const words = `Node ${nodeName} started no container of the pod in ${policy.podStartSecondsMax} s`;
  return retryOr(situation, "SYSTEM_ERROR", words);
}
