// decide, row by row: what each failure of the design shows as, and what is owed in every state.
import { describe, expect, test } from "bun:test";
import { failedStarts, observe, type PodFacts } from "../../src/pod/observe.ts";
import { type Decision, decide, type Sight } from "../../src/reconcile/decide.ts";
import { causesOf } from "../../src/reconcile/waiting.ts";
import type { Run } from "../../src/tes/record.ts";
import type { State } from "../../src/tes/state.ts";
import { inSeconds, makeFacts, makePolicy, makeRecord, now, secondsAgo } from "../support/make.ts";

interface Row {
  readonly title: string;
  readonly state?: State;
  readonly live?: boolean;
  readonly run?: Partial<Run>;
  readonly sight?: Sight;
  readonly gone?: boolean;
  readonly looked?: "bound" | "unbound";
  readonly policy?: Parameters<typeof makePolicy>[0];
  readonly expected: unknown;
}

/** A decision with its record cut down to what a row speaks of. */
function summary(decision: Decision): unknown {
  if (decision.do !== "change") return decision;
  const { record, systemLogs } = decision;
  const { attempt, created, waiting, nodeName, podUid, disruption, redirected, mounted } = record.run;
  return {
    do: "change",
    state: record.state,
    ...(record.live ? {} : { live: false }),
    ...(attempt === 1 ? {} : { attempt, created }),
    ...(waiting === undefined ? {} : { waiting: waiting.reason }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(podUid === undefined ? {} : { podUid }),
    ...(disruption === undefined ? {} : { disruption }),
    ...(redirected === undefined ? {} : { redirected }),
    ...(mounted === undefined ? {} : { mounted }),
    // Without the time that each line begins with.
    ...(systemLogs.length === 0 ? {} : { says: systemLogs.map((line) => line.replace(/^\S+ /, "")) }),
  };
}

const run = ({ title: _, expected: __, ...row }: Row): Decision => {
  const { state = "QUEUED", live = true, sight = "absent", gone = false } = row;
  const record = makeRecord({ state, live, run: row.run ?? {} });
  return decide({ record, sight, gone, looked: row.looked, now, policy: makePolicy(row.policy) });
};

const check = (row: Row): void => expect(summary(run(row))).toEqual(row.expected);

/** The pod was created, seen on its node, and the task told so. */
const underWay: Partial<Run> = { created: true, podUid: "uid-1", nodeName: "n1" };
const begun: Partial<Run> = { ...underWay, released: 1, startTime: secondsAgo(10) };
const onNode = (differences: Partial<PodFacts> = {}): PodFacts =>
  makeFacts({ scheduled: true, nodeName: "n1", ...differences });
const ended = (exitCode: number, reason: string) => ({ supervisor: { exitCode, reason } });
const rest = { do: "rest" };
/** Its first executor waits for our word. */
const held: Partial<Run> = { hold: { from: secondsAgo(14), seconds: 20 } };
const notHeld: Partial<Run> = { hold: { from: secondsAgo(15), seconds: 20 } };
const identity = { nodeName: "n1", podUid: "uid-1" };

describe("before there is a pod", () => {
  test.each<Row>([
    { title: "a new task without a pod is owed one", expected: { do: "create" } },
    { title: "nor does it wait for the first list", sight: "unknown", expected: { do: "create" } },
    { title: "nor for the pod to be asked for", gone: true, expected: { do: "create" } },
    {
      title: "a refusal for quota leaves it owed one",
      run: { waiting: { reason: "Pod was not created: quota", since: secondsAgo(9999) } },
      expected: { do: "create" },
    },
    {
      title: "a pod of whose creation nothing was saved is created again: its Secret may be missing",
      sight: makeFacts(),
      expected: { do: "create" },
    },
    {
      title: "such a pod that is over is only noted",
      sight: makeFacts(ended(137, "OOMKilled")),
      expected: { do: "change", state: "QUEUED", podUid: "uid-1" },
    },
    {
      title: "such a pod that is being deleted is only noted",
      sight: makeFacts({ deleting: true }),
      expected: { do: "change", state: "QUEUED", podUid: "uid-1" },
    },
  ])("$title", check);
});

describe("a pod that is not seen", () => {
  test.each<Row>([
    {
      title: "no list yet: nothing is known",
      run: underWay,
      sight: "unknown",
      expected: rest,
    },
    {
      title: "in no list: it is asked for by name first",
      run: underWay,
      expected: { do: "confirm" },
    },
    {
      title: "gone before an executor was released: another attempt",
      state: "INITIALIZING",
      run: { ...underWay, ...held },
      gone: true,
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          "Pod tes-abc-1 was deleted by something else; no executor was started, trying again (attempt 2 of 3)",
        ],
      },
    },
    {
      title: "gone after an executor was released: never run twice",
      state: "RUNNING",
      run: begun,
      gone: true,
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod tes-abc-1 was deleted by something else"],
      },
    },
    {
      title: "gone, and whether one was released is not known: the end, in words that say so",
      state: "INITIALIZING",
      run: { ...underWay, ...notHeld },
      gone: true,
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod tes-abc-1 was deleted by something else; whether an executor had started is not known"],
      },
    },
    {
      title: "the same where the operator wants another attempt: another, in words that say so",
      state: "INITIALIZING",
      run: { ...underWay, ...notHeld },
      gone: true,
      policy: { retryUnknown: true },
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          "Pod tes-abc-1 was deleted by something else; whether an executor had started is not known, trying again (attempt 2 of 3)",
        ],
      },
    },
    {
      title: "the same once an executor was released: never",
      state: "RUNNING",
      run: begun,
      gone: true,
      policy: { retryUnknown: true },
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod tes-abc-1 was deleted by something else"],
      },
    },
    {
      title: "gone at the last attempt: the end",
      state: "QUEUED",
      run: { attempt: 3, created: true, ...held },
      gone: true,
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        attempt: 3,
        created: true,
        says: ["Pod tes-abc-3 was deleted by something else"],
      },
    },
    {
      title: "gone with attempts limited to one: the end",
      run: { ...underWay, ...held },
      gone: true,
      policy: { attemptsMax: 1 },
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod tes-abc-1 was deleted by something else"],
      },
    },
    {
      title: "gone after its last word: that word holds",
      state: "RUNNING",
      run: { ...begun, outcome: { outcome: "complete" } },
      gone: true,
      expected: { do: "change", state: "COMPLETE", ...identity },
    },
  ])("$title", check);
});

describe("the supervisor's word decides", () => {
  test.each<Row>([
    {
      title: "complete",
      state: "RUNNING",
      run: { ...begun, outcome: { outcome: "complete" } },
      sight: onNode(),
      expected: { do: "change", state: "COMPLETE", ...identity },
    },
    {
      title: "executor-error, of a non-zero exit, a signal, 126, 127 or OOM",
      state: "RUNNING",
      run: { ...begun, outcome: { outcome: "executor-error" } },
      sight: onNode(),
      expected: { do: "change", state: "EXECUTOR_ERROR", ...identity },
    },
    {
      title: "system-error of stage-in, from INITIALIZING",
      state: "INITIALIZING",
      run: { ...underWay, outcome: { outcome: "system-error", message: "no such key" } },
      sight: onNode({ stageIn: { exitCode: 1, reason: "Error" } }),
      expected: { do: "change", state: "SYSTEM_ERROR", ...identity },
    },
    {
      title: "before the first event of the watch, from QUEUED",
      run: { created: true, released: 1, outcome: { outcome: "complete" } },
      sight: "unknown",
      expected: { do: "change", state: "COMPLETE" },
    },
    {
      title: "over an eviction that came after it",
      state: "RUNNING",
      run: { ...begun, outcome: { outcome: "executor-error" } },
      sight: onNode({ disruption: "TerminationByKubelet", failed: { reason: "Evicted", message: "" } }),
      expected: { do: "change", state: "EXECUTOR_ERROR", ...identity },
    },
    {
      title: "over the wall limit that came after it",
      state: "RUNNING",
      run: { ...begun, outcome: { outcome: "complete" } },
      sight: onNode({ failed: { reason: "DeadlineExceeded", message: "" } }),
      expected: { do: "change", state: "COMPLETE", ...identity },
    },
    {
      title: "replan: another pod, that knows what was found of the inputs",
      state: "INITIALIZING",
      run: {
        ...underWay,
        outcome: { outcome: "replan", message: "a link leads to it" },
        redirected: { 0: "/a" },
        mounted: ["/opt/a"],
      },
      sight: onNode(),
      policy: { attemptsMax: 1 },
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        redirected: { 0: "/a" },
        mounted: ["/opt/a"],
        says: ["Another pod follows: attempt 2"],
      },
    },
    {
      title: "replan, again and again: not for ever",
      state: "INITIALIZING",
      run: { ...underWay, attempt: 4, outcome: { outcome: "replan" } },
      sight: onNode(),
      policy: { attemptsMax: 1 },
      expected: { do: "change", state: "SYSTEM_ERROR", attempt: 4, created: true, ...identity },
    },
    {
      title: "interrupted is none: the pod's end is waited for",
      state: "RUNNING",
      run: { ...begun, outcome: { outcome: "interrupted" } },
      sight: onNode(),
      expected: rest,
    },
    {
      title: "interrupted by a preemption: the preemption",
      state: "RUNNING",
      run: { ...begun, outcome: { outcome: "interrupted" }, journalRead: true },
      sight: onNode({ ...ended(0, "Completed"), disruption: "PreemptionByScheduler" }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod was preempted: PreemptionByScheduler"],
      },
    },
  ])("$title", check);
});

/** The pod is over and all it told was read. */
const read: Partial<Run> = { ...underWay, journalRead: true, journalHeld: true };
const readBegun: Partial<Run> = { ...begun, journalRead: true };

describe("a pod that is over", () => {
  test.each<Row>([
    {
      title: "supervisor ended without a report: its journal is read first",
      state: "RUNNING",
      run: begun,
      sight: onNode(ended(0, "Completed")),
      expected: { do: "read-journal" },
    },
    {
      title: "stage-in failed: its journal is read first",
      run: underWay,
      sight: onNode({ stageIn: { exitCode: 1, reason: "Error" } }),
      expected: { do: "read-journal" },
    },
    {
      title: "stage-in that ended well is no end",
      run: underWay,
      sight: onNode({ stageIn: { exitCode: 0, reason: "Completed" } }),
      expected: rest,
    },
    {
      title: "phase Failed without a container's end: the journal too",
      run: underWay,
      sight: onNode({ failed: { reason: "Evicted", message: "" } }),
      expected: { do: "read-journal" },
    },
    {
      title: "supervisor killed, executors begun: SYSTEM_ERROR naming it",
      state: "RUNNING",
      run: readBegun,
      sight: onNode(ended(137, "OOMKilled")),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Container supervisor ended with exit code 137 (OOMKilled) and left no report"],
      },
    },
    {
      title: "supervisor told to stop, nobody says why, executors begun: SYSTEM_ERROR with its word",
      state: "RUNNING",
      run: { ...readBegun, outcome: { outcome: "interrupted", message: "Stopped by SIGTERM" } },
      sight: onNode(ended(0, "Completed")),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod tes-abc-1 was stopped by something else: Stopped by SIGTERM"],
      },
    },
    {
      title: "supervisor killed, nothing begun: another attempt",
      state: "INITIALIZING",
      run: read,
      sight: onNode(ended(137, "OOMKilled")),
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          "Container supervisor ended with exit code 137 (OOMKilled) and left no report; no executor was started, trying again (attempt 2 of 3)",
        ],
      },
    },
    {
      title: "stage-in killed without a word, last attempt: SYSTEM_ERROR naming it",
      state: "INITIALIZING",
      run: { ...read, attempt: 3 },
      sight: onNode({ stageIn: { exitCode: 137, reason: "" } }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        attempt: 3,
        created: true,
        ...identity,
        says: ["Container stage-in ended with exit code 137 (no reason given) and left no report"],
      },
    },
    {
      title: "evicted for the node's sake, executors begun: SYSTEM_ERROR preempted",
      state: "RUNNING",
      run: readBegun,
      sight: onNode({
        disruption: "TerminationByKubelet",
        failed: { reason: "Evicted", message: "low on memory" },
      }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod was preempted: TerminationByKubelet"],
      },
    },
    {
      title: "the same with PREEMPTED by configuration",
      state: "RUNNING",
      run: readBegun,
      policy: { preemptedState: "PREEMPTED" },
      sight: onNode({ ...ended(0, "Completed"), disruption: "EvictionByEvictionAPI" }),
      expected: {
        do: "change",
        state: "PREEMPTED",
        ...identity,
        says: ["Pod was preempted: EvictionByEvictionAPI"],
      },
    },
    {
      title: "preempted before an executor was released: another attempt, whatever the configuration",
      state: "INITIALIZING",
      run: read,
      policy: { preemptedState: "PREEMPTED" },
      sight: onNode({ ...ended(137, "Error"), disruption: "PreemptionByScheduler" }),
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          "Pod was preempted: PreemptionByScheduler; no executor was started, trying again (attempt 2 of 3)",
        ],
      },
    },
    {
      title: "wall limit: SYSTEM_ERROR naming it, and no other attempt",
      state: "INITIALIZING",
      run: read,
      sight: onNode({
        failed: { reason: "DeadlineExceeded", message: "Pod was active longer than the deadline" },
      }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod failed: DeadlineExceeded Pod was active longer than the deadline"],
      },
    },
    {
      title: "own disk limit: SYSTEM_ERROR naming it, and no other attempt",
      state: "INITIALIZING",
      run: read,
      sight: onNode({
        failed: { reason: "Evicted", message: 'Usage of EmptyDir volume "work" exceeds 1Gi' },
      }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ['Pod failed: Evicted Usage of EmptyDir volume "work" exceeds 1Gi'],
      },
    },
    {
      title: "refused by the node it was given to: another attempt",
      run: read,
      sight: onNode({
        failed: { reason: "OutOfcpu", message: "Pod was rejected: Node didn't have enough cpu" },
      }),
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          "Pod failed: OutOfcpu Pod was rejected: Node didn't have enough cpu; no executor was started, trying again (attempt 2 of 3)",
        ],
      },
    },
    {
      title: "deleted by hand while executors ran: SYSTEM_ERROR naming it",
      state: "RUNNING",
      run: readBegun,
      sight: onNode({ ...ended(0, "Completed"), deleting: true }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod tes-abc-1 was deleted by something else"],
      },
    },
    {
      title: "being deleted, nothing known to have begun: its journal is read while it is there",
      state: "INITIALIZING",
      run: underWay,
      sight: onNode({ deleting: true }),
      expected: { do: "follow-journal", againAfterSeconds: 3 },
    },
    {
      title: "being deleted before it was seen on its node: that is noted first",
      run: { created: true, ...held },
      sight: onNode({ deleting: true }),
      expected: { do: "change", state: "INITIALIZING", nodeName: "n1", says: ["Scheduled on node n1"] },
    },
    {
      title: "being deleted without ever having had a node: nothing to read",
      run: { created: true },
      sight: makeFacts({ deleting: true }),
      expected: rest,
    },
    {
      title: "being deleted and not over: what it still tells is waited for",
      state: "RUNNING",
      run: begun,
      sight: onNode({ deleting: true }),
      expected: rest,
    },
  ])("$title", check);
});

const trouble = (reason: string, message = "", container = "exec-0", executor: number | undefined = 0) =>
  onNode({
    trouble:
      executor === undefined ? { container, reason, message } : { container, executor, reason, message },
  });

/** Being deleted: its grace ended so many seconds ago. */
const overdue = (seconds: number, differences: Partial<PodFacts> = {}): PodFacts =>
  onNode({ deleting: true, deletionTime: inSeconds(-seconds), ...differences });

describe("a node that is cut off", () => {
  const disruption = "DeletionByTaintManager";
  test.each<Row>([
    {
      title: "the reason is noted while the pod is there to tell it",
      state: "RUNNING",
      run: begun,
      sight: overdue(-10, { disruption }),
      expected: { do: "change", state: "RUNNING", ...identity, disruption },
    },
    {
      title: "gone with its reason noted: SYSTEM_ERROR preempted",
      state: "RUNNING",
      run: { ...begun, disruption },
      gone: true,
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        disruption,
        says: ["Pod was preempted: DeletionByTaintManager"],
      },
    },
    {
      title: "within the grace: waited for",
      state: "RUNNING",
      run: { ...begun, disruption },
      sight: overdue(-10, { disruption }),
      expected: { do: "rest", wakeAfterSeconds: 130 },
    },
    {
      title: "past it: still waited for",
      state: "RUNNING",
      run: { ...begun, disruption },
      sight: overdue(119, { disruption }),
      expected: { do: "rest", wakeAfterSeconds: 1 },
    },
    {
      title: "long past it, executors begun: SYSTEM_ERROR preempted, its journal out of reach",
      state: "RUNNING",
      run: begun,
      sight: overdue(120, { disruption }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod was preempted: DeletionByTaintManager"],
      },
    },
    {
      title: "long past it, nothing heard: whether it runs there is not known",
      state: "INITIALIZING",
      run: underWay,
      sight: overdue(120, { disruption }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod was preempted: DeletionByTaintManager; whether an executor had started is not known"],
      },
    },
    {
      title: "a pod that was over before: its journal is not waited for without an end",
      state: "RUNNING",
      run: begun,
      sight: overdue(120, ended(137, "Error")),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        ...identity,
        says: ["Pod tes-abc-1 was deleted by something else"],
      },
    },
    {
      title: "canceled, within the grace: waited for",
      state: "CANCELING",
      run: begun,
      sight: overdue(20),
      expected: { do: "rest", wakeAfterSeconds: 100 },
    },
    {
      title: "canceled, long past it: deleted by force",
      state: "CANCELING",
      run: begun,
      sight: overdue(120),
      expected: { do: "delete", graceSeconds: 0 },
    },
    {
      title: "a task that is over is cleared by force, too",
      state: "SYSTEM_ERROR",
      run: begun,
      sight: overdue(120),
      expected: { do: "delete", graceSeconds: 0 },
    },
  ])("$title", check);
});

describe("a pod that does not start", () => {
  const unbound = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
  const waitingForClaim = { reason: "Waiting for the claim", causes: causesOf(unbound) };
  const waitingForNode = (words: string) => ({
    reason: "Waiting for a node",
    since: secondsAgo(31_536_000),
    causes: causesOf(words),
  });
  const waitingSince = (seconds: number, reason: string): Partial<Run> => ({
    ...underWay,
    waiting: { reason, since: secondsAgo(seconds) },
  });

  test.each<Row>([
    {
      title: "unschedulable: QUEUED with the reason",
      run: { created: true },
      sight: makeFacts({ unschedulable: "0/1 nodes are available: 1 Insufficient cpu." }),
      expected: {
        do: "change",
        state: "QUEUED",
        waiting: "Waiting for a node",
        says: ["Waiting for a node: 0/1 nodes are available: 1 Insufficient cpu."],
      },
    },
    {
      title: "still unschedulable after a year: QUEUED without another word",
      run: { created: true, waiting: waitingForNode("0/1 nodes are available: 1 Insufficient cpu.") },
      sight: makeFacts({ unschedulable: "0/2 nodes are available: 2 Insufficient cpu." }),
      expected: rest,
    },
    {
      title: "unschedulable for another cause: told, too",
      run: { created: true, waiting: waitingForNode("0/1 nodes are available: 1 Insufficient cpu.") },
      sight: makeFacts({ unschedulable: "0/1 nodes are available: 1 Insufficient example.org/gpu." }),
      expected: {
        do: "change",
        state: "QUEUED",
        waiting: "Waiting for a node",
        says: ["Waiting for a node: 0/1 nodes are available: 1 Insufficient example.org/gpu."],
      },
    },
    {
      title: "the cause has changed too often: QUEUED without another word",
      run: {
        created: true,
        waiting: { ...waitingForNode("0/1 nodes are available: 1 Insufficient cpu."), changes: 10 },
      },
      sight: makeFacts({ unschedulable: "0/1 nodes are available: 1 Insufficient example.org/gpu." }),
      expected: rest,
    },
    {
      title: "a claim that is not bound: told as that",
      run: { created: true, waiting: { reason: "Waiting for a node", since: secondsAgo(1) } },
      sight: makeFacts({ unschedulable: unbound }),
      expected: {
        do: "change",
        state: "QUEUED",
        waiting: "Waiting for the claim",
        says: [`Waiting for the claim: ${unbound}`],
      },
    },
    {
      title: "not bound yet: waited for",
      run: { created: true, waiting: { ...waitingForClaim, since: secondsAgo(800) } },
      sight: makeFacts({ unschedulable: unbound }),
      expected: { do: "rest", wakeAfterSeconds: 100 },
    },
    {
      title: "not bound in fifteen minutes: asked for by name, as it may be by now",
      run: { created: true, waiting: { ...waitingForClaim, since: secondsAgo(900) } },
      sight: makeFacts({ unschedulable: unbound }),
      expected: { do: "look" },
    },
    {
      title: "not bound in fifteen minutes: another attempt",
      run: { created: true, waiting: { ...waitingForClaim, since: secondsAgo(900) } },
      looked: "unbound",
      sight: makeFacts({ unschedulable: unbound }),
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          `Given up after 900 s: Waiting for the claim: ${unbound}; no executor was started, trying again (attempt 2 of 3)`,
        ],
      },
    },
    {
      title: "nor in the last attempt: SYSTEM_ERROR with the scheduler's message",
      run: {
        attempt: 3,
        created: true,
        waiting: { ...waitingForClaim, since: secondsAgo(900) },
      },
      looked: "unbound",
      sight: makeFacts({ unschedulable: unbound }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        attempt: 3,
        created: true,
        waiting: "Waiting for the claim",
        says: [`Given up after 900 s: Waiting for the claim: ${unbound}`],
      },
    },
    {
      title: "a node that has started nothing yet: waited for",
      state: "INITIALIZING",
      run: waitingSince(290, "no container"),
      sight: onNode({ startingSince: inSeconds(-300) }),
      expected: { do: "rest", wakeAfterSeconds: 600 },
    },
    {
      title: "nor in fifteen minutes: the node is asked whether it has started one meanwhile",
      state: "INITIALIZING",
      run: waitingSince(890, "no container"),
      sight: onNode({ startingSince: inSeconds(-900) }),
      expected: { do: "look" },
    },
    {
      title: "the same, and the node does not answer: SYSTEM_ERROR",
      state: "INITIALIZING",
      run: waitingSince(890, "no container"),
      looked: "bound",
      sight: onNode({ startingSince: inSeconds(-900) }),
      expected: {
        do: "change",
        state: "SYSTEM_ERROR",
        waiting: "no container",
        ...identity,
        says: [
          "Node n1 started no container of the pod in 900 s; whether an executor had started is not known",
        ],
      },
    },
    {
      title: "nor in fifteen minutes: another attempt",
      state: "INITIALIZING",
      run: { ...waitingSince(890, "no container"), ...held },
      looked: "bound",
      sight: onNode({ startingSince: inSeconds(-900) }),
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          "Node n1 started no container of the pod in 900 s; no executor was started, trying again (attempt 2 of 3)",
        ],
      },
    },
    {
      title: "the same with reports of the pod: only its status is late",
      state: "RUNNING",
      run: { ...begun, acknowledged: { "stage-in": 0, supervisor: 1 } },
      sight: onNode({ startingSince: inSeconds(-900) }),
      expected: rest,
    },
    {
      title: "held by a gate (Kueue): no condition of the scheduler yet, QUEUED",
      run: { created: true },
      sight: makeFacts(),
      expected: rest,
    },
    {
      title: "image not found: told once",
      state: "INITIALIZING",
      run: underWay,
      sight: trouble("ErrImagePull", "no: not found"),
      expected: {
        do: "change",
        state: "INITIALIZING",
        waiting: "exec-0 ErrImagePull",
        ...identity,
        says: ["Container exec-0 does not start: ErrImagePull no: not found"],
      },
    },
    {
      title: "its back-off is the same trouble",
      state: "INITIALIZING",
      run: waitingSince(10, "exec-0 ErrImagePull"),
      sight: trouble("ImagePullBackOff", "Back-off: not found"),
      expected: { do: "rest", wakeAfterSeconds: 20 },
    },
    {
      title: "another trouble is told and begins anew",
      state: "INITIALIZING",
      run: waitingSince(299, "exec-0 ErrImagePull"),
      sight: trouble("CreateContainerError", "no space"),
      expected: {
        do: "change",
        state: "INITIALIZING",
        waiting: "exec-0 CreateContainerError",
        ...identity,
        says: ["Container exec-0 does not start: CreateContainerError no space"],
      },
    },
    {
      title: "an executor that was started before our container had laid out its shell: another attempt",
      state: "INITIALIZING",
      run: { ...waitingSince(0, "exec-0 StartError"), ...notHeld },
      sight: trouble("StartError", 'exec: "/.tes/bin/sh": stat /.tes/bin/sh: no such file or directory'),
      expected: {
        do: "change",
        state: "QUEUED",
        attempt: 2,
        created: false,
        says: [
          'Given up: Container exec-0 does not start: StartError exec: "/.tes/bin/sh": stat /.tes/bin/sh: no such file or directory; no executor was started, trying again (attempt 2 of 3)',
        ],
      },
    },
    {
      title: "the trouble is over: forgotten without a word",
      state: "INITIALIZING",
      run: waitingSince(10, "exec-0 ErrImagePull"),
      sight: onNode(),
      expected: { do: "change", state: "INITIALIZING", ...identity },
    },
    {
      title: "an executor whose turn has not come may wait",
      state: "RUNNING",
      run: begun,
      sight: trouble("ErrImagePull", "no: not found", "exec-1", 1),
      expected: rest,
    },
    {
      title: "its turn has come: the wait counts from now",
      state: "RUNNING",
      run: {
        ...begun,
        executors: [{ executor: 0, startTime: secondsAgo(5), endTime: secondsAgo(1), exitCode: 0 }],
      },
      sight: trouble("ErrImagePull", "no: not found", "exec-1", 1),
      expected: {
        do: "change",
        state: "RUNNING",
        waiting: "exec-1 ErrImagePull",
        ...identity,
        says: ["Container exec-1 does not start: ErrImagePull no: not found"],
      },
    },
    {
      title: "our own container waits at any time",
      run: underWay,
      sight: trouble("ErrImagePull", "timeout", "supervisor", undefined),
      expected: {
        do: "change",
        state: "QUEUED",
        waiting: "supervisor ErrImagePull",
        ...identity,
        says: ["Container supervisor does not start: ErrImagePull timeout"],
      },
    },
  ])("$title", check);

  interface Patience {
    readonly reason: string;
    readonly message: string;
    readonly seconds: number;
    /** Another pod may do better. */
    readonly again?: true;
    readonly policy?: Row["policy"];
  }

  const wrongProgram = 'exec: "/x": permission denied';

  const patiences: readonly Patience[] = [
    { reason: "InvalidImageName", message: "", seconds: 0 },
    { reason: "ErrImageNeverPull", message: "", seconds: 0 },
    { reason: "StartError", message: wrongProgram, seconds: 0 },
    { reason: "StartError", message: "context canceled", seconds: 0, again: true },
    { reason: "ContainerCannotRun", message: wrongProgram, seconds: 0 },
    { reason: "ContainerCannotRun", message: "", seconds: 0, again: true },
    { reason: "ErrImagePull", message: "pull access denied", seconds: 30 },
    { reason: "ErrImagePull", message: "manifest unknown", seconds: 30 },
    { reason: "ErrImagePull", message: "401 Unauthorized", seconds: 30 },
    { reason: "ErrImagePull", message: "not found", seconds: 7, policy: { imagePullSecondsMax: 7 } },
    { reason: "ErrImagePull", message: "dial tcp: i/o timeout", seconds: 300 },
    { reason: "SignatureValidationFailed", message: "", seconds: 300 },
    { reason: "ImageInspectError", message: "", seconds: 300, again: true },
    { reason: "RegistryUnavailable", message: "", seconds: 42, policy: { imagePullSecondsMax: 42 } },
    { reason: "CreateContainerConfigError", message: 'secret "x" not found', seconds: 120 },
    { reason: "CreateContainerConfigError", message: "timed out", seconds: 120, again: true },
    { reason: "CreateContainerError", message: "no users found", seconds: 120 },
    { reason: "CreateContainerError", message: "name is reserved", seconds: 120, again: true },
    { reason: "PreCreateHookError", message: "", seconds: 120, again: true },
    { reason: "PreStartHookError", message: "", seconds: 120, again: true },
    {
      reason: "RunContainerError",
      message: wrongProgram,
      seconds: 9,
      policy: { containerStartSecondsMax: 9 },
    },
    { reason: "RunContainerError", message: "", seconds: 120, again: true },
  ];

  test.each(patiences)(
    '$reason "$message" has a patience of $seconds s',
    ({ reason, message, seconds, again, policy }) => {
      const sight = trouble(reason, message);
      const after = (elapsed: number) =>
        summary(
          run({
            title: "",
            state: "INITIALIZING",
            run: { ...waitingSince(elapsed, `exec-0 ${reason}`), ...held },
            sight,
            ...(policy === undefined ? {} : { policy }),
            expected: undefined,
          }),
        );
      if (seconds > 0) expect(after(seconds - 1)).toEqual({ do: "rest", wakeAfterSeconds: 1 });
      const words = `Given up${seconds > 0 ? ` after ${seconds} s` : ""}: Container exec-0 does not start: ${reason} ${message}`;
      const repeated = `${words}; no executor was started, trying again (attempt 2 of 3)`;
      expect(after(seconds)).toMatchObject(
        again
          ? { do: "change", state: "QUEUED", attempt: 2, says: [repeated] }
          : { do: "change", state: "SYSTEM_ERROR", says: [words] },
      );
    },
  );

  test.each([...new Set(patiences.map(({ reason }) => reason))])(
    "%s is seen as a trouble in a pod",
    (reason) => {
      const state = failedStarts.has(reason)
        ? { terminated: { exitCode: 128, reason } }
        : { waiting: { reason } };
      const status = { name: "exec-0", image: "", imageID: "", ready: false, restartCount: 0, state };
      expect(observe({ status: { containerStatuses: [status] } }).trouble).toMatchObject({
        executor: 0,
        reason,
      });
    },
  );
});

describe("a container that the node does not tell of", () => {
  const executors = ["a", "b:1", "c"].map((image) => ({ image, command: ["true"] }));
  const says = (words: string) => ({
    do: "change",
    state: "INITIALIZING",
    nodeName: "n1",
    podUid: "uid-1",
    says: [words],
  });
  const firstMissing = 'Node n1 tells of no container exec-0 after 10 s: its image "a" may still be pulled';
  const noneMissing =
    "Node n1 tells of no container of the pod after 10 s: an image may still be pulled, or a volume not be mounted";
  const staged = (seconds: number): Partial<Run> => ({
    ...underWay,
    acknowledged: { "stage-in": 0, supervisor: 1 },
    stagedTime: secondsAgo(seconds),
  });
  const ran = (seconds: number, exitCode = 0): Partial<Run> => ({
    ...staged(300),
    released: 1,
    executors: [{ executor: 0, startTime: secondsAgo(299), endTime: secondsAgo(seconds), exitCode }],
  });
  const creatingFrom = (creatingFrom: number, differences: Partial<PodFacts> = {}) =>
    onNode({ creatingFrom, ...differences });
  const stagedByInit = (seconds: number) =>
    creatingFrom(0, { stageIn: { exitCode: 0, reason: "Completed", endTime: inSeconds(-seconds) } });
  const exec0Runs: Partial<Run> = { ...staged(300), released: 1, startTime: secondsAgo(299) };

  test.each<Row & { ignored?: true }>([
    {
      title: "of none of them, for 4 s: looked at again after 6",
      run: underWay,
      sight: creatingFrom(0, { startingSince: inSeconds(-4) }),
      expected: { do: "rest", wakeAfterSeconds: 6 },
    },
    {
      title: "of none of them, for 10 s: told",
      run: underWay,
      sight: creatingFrom(0, { startingSince: inSeconds(-10) }),
      expected: { ...says(noneMissing), waiting: "no container" },
    },
    {
      title: "of none of them, for 10 s, as was heard 3 s ago: maybe it has told of one since",
      run: underWay,
      sight: creatingFrom(0, { startingSince: inSeconds(-10), heardAt: inSeconds(-3) }),
      expected: { do: "rest", wakeAfterSeconds: 7 },
    },
    {
      title: "of the first executor's, staged 60 s ago, as was heard 3 s ago: maybe it has told of it since",
      run: staged(60),
      sight: creatingFrom(0, { heardAt: inSeconds(-3) }),
      expected: { do: "rest", wakeAfterSeconds: 7 },
    },
    {
      title: "the same, told before, and something else was heard: still once",
      run: { ...underWay, waiting: { reason: "no container", since: secondsAgo(1) } },
      sight: creatingFrom(0, { startingSince: inSeconds(-11), heardAt: inSeconds(0) }),
      expected: { do: "rest", wakeAfterSeconds: 889 },
    },
    {
      title: "the same, told before: once is enough",
      run: { ...underWay, waiting: { reason: "no container", since: secondsAgo(1) } },
      sight: creatingFrom(0, { startingSince: inSeconds(-11) }),
      expected: { do: "rest", wakeAfterSeconds: 889 },
    },
    {
      title: "of none of them, but the supervisor says that it stages: nothing, as staging tells of itself",
      run: { ...underWay, acknowledged: { "stage-in": 0, supervisor: 1 } },
      sight: creatingFrom(0, { startingSince: inSeconds(-60) }),
      expected: rest,
    },
    {
      title: "of none of them, but the supervisor says that all is staged: told of the first executor's",
      run: staged(10),
      sight: creatingFrom(0, { startingSince: inSeconds(-60) }),
      expected: { ...says(firstMissing), waiting: "no exec-0" },
    },
    {
      title: "all staged 4 s ago: looked at again after 6",
      run: staged(4),
      sight: creatingFrom(0),
      expected: { do: "rest", wakeAfterSeconds: 6 },
    },
    {
      title: "all staged by the init container, nobody told so: told of the first executor's",
      run: underWay,
      sight: stagedByInit(10),
      expected: { ...says(firstMissing), waiting: "no exec-0" },
    },
    {
      title: "there at last: forgotten without a word",
      run: { ...staged(60), waiting: { reason: "no exec-0", since: secondsAgo(50) } },
      sight: onNode(),
      expected: { do: "change", state: "INITIALIZING", ...identity },
    },
    {
      title: "of the second, while the first executor runs: nobody waits for it",
      run: exec0Runs,
      sight: creatingFrom(1),
      expected: rest,
    },
    {
      title: "of the second, the first executor over for 10 s: told",
      run: ran(10),
      sight: creatingFrom(1),
      expected: {
        ...says('Node n1 tells of no container exec-1 after 10 s: its image "b:1" may still be pulled'),
        waiting: "no exec-1",
      },
    },
    {
      title: "of the third, the second's turn: the second is there, and will say so",
      run: ran(60),
      sight: creatingFrom(2),
      expected: rest,
    },
    {
      title: "of the second, after the first failed: nobody waits for it",
      run: ran(60, 1),
      sight: creatingFrom(1),
      expected: rest,
    },
    {
      title: "the same, its errors ignored: told",
      run: ran(10, 1),
      ignored: true,
      sight: creatingFrom(1),
      expected: {
        ...says('Node n1 tells of no container exec-1 after 10 s: its image "b:1" may still be pulled'),
        waiting: "no exec-1",
      },
    },
    {
      title: "of none of them, for a reason that the kubelet tells: that reason",
      run: underWay,
      sight: creatingFrom(0, {
        startingSince: inSeconds(-60),
        trouble: { container: "supervisor", reason: "ErrImagePull", message: "no route" },
      }),
      expected: {
        ...says("Container supervisor does not start: ErrImagePull no route"),
        waiting: "supervisor ErrImagePull",
      },
    },
    {
      title: "of the first, for a reason that the kubelet tells: that reason",
      run: staged(60),
      sight: creatingFrom(1, {
        trouble: { container: "exec-0", executor: 0, reason: "ErrImagePull", message: "no route" },
      }),
      expected: {
        ...says("Container exec-0 does not start: ErrImagePull no route"),
        waiting: "exec-0 ErrImagePull",
      },
    },
  ])("$title", (row) => {
    const { state = "INITIALIZING", sight = "absent", run = {}, ignored } = row;
    const task = { executors: executors.map((each) => (ignored ? { ...each, ignore_error: true } : each)) };
    const record = makeRecord({ state, run, task });
    expect(summary(decide({ record, sight, gone: false, now, policy: makePolicy() }))).toEqual(row.expected);
  });
});

describe("progress", () => {
  test.each<Row>([
    {
      title: "scheduled: INITIALIZING, and on which node",
      run: { created: true },
      sight: onNode(),
      expected: {
        do: "change",
        state: "INITIALIZING",
        nodeName: "n1",
        says: ["Scheduled on node n1"],
      },
    },
    {
      title: "scheduled, but its first executor was faster: stays RUNNING",
      state: "RUNNING",
      run: { created: true, released: 1 },
      sight: onNode(),
      expected: { do: "change", state: "RUNNING", nodeName: "n1", says: ["Scheduled on node n1"] },
    },
    { title: "nothing new", state: "RUNNING", run: begun, sight: onNode(), expected: rest },
    { title: "not scheduled yet", run: { created: true }, sight: makeFacts(), expected: rest },
  ])("$title", check);
});

describe("cancel", () => {
  const canceled = { do: "change", state: "CANCELED" };
  test.each<Row>([
    { title: "before there is a pod", state: "CANCELING", expected: canceled },
    {
      title: "before there is a pod or a list",
      state: "CANCELING",
      sight: "unknown",
      expected: canceled,
    },
    {
      title: "with a pod that no list has told of yet: waits for the list",
      state: "CANCELING",
      run: underWay,
      sight: "unknown",
      expected: rest,
    },
    {
      title: "with a pod: deletes it with the configured grace",
      state: "CANCELING",
      run: begun,
      sight: onNode(),
      policy: { cancelGraceSeconds: 7 },
      expected: { do: "delete", graceSeconds: 7 },
    },
    {
      title: "with a pod of whose creation nothing was saved: deletes it",
      state: "CANCELING",
      sight: makeFacts(),
      expected: { do: "delete", graceSeconds: 5 },
    },
    {
      title: "with an image that cannot be pulled: deletes it",
      state: "CANCELING",
      run: underWay,
      sight: trouble("ImagePullBackOff"),
      expected: { do: "delete", graceSeconds: 5 },
    },
    {
      title: "twice: the deletion under way is waited for",
      state: "CANCELING",
      run: begun,
      sight: onNode({ deleting: true }),
      expected: rest,
    },
    {
      title: "the pod is gone: CANCELED",
      state: "CANCELING",
      run: begun,
      expected: { ...canceled, ...identity },
    },
    {
      title: "what the pod told meanwhile changes nothing",
      state: "CANCELING",
      run: { ...begun, outcome: { outcome: "complete" } },
      sight: onNode(),
      expected: { do: "delete", graceSeconds: 5 },
    },
  ])("$title", check);
});

describe("a task that is over", () => {
  const terminal: readonly State[] = ["COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED", "PREEMPTED"];

  test.each(terminal)("%s is cleared of its pod, then nothing is owed", (state) => {
    const row = { title: "", state, run: begun, expected: undefined };
    expect(run({ ...row, sight: onNode() })).toEqual({ do: "delete", graceSeconds: 5 });
    expect(run({ ...row, sight: onNode({ deleting: true }) })).toEqual({ do: "rest" });
    expect(run({ ...row, sight: "unknown" })).toEqual({ do: "rest" });
    expect(summary(run({ ...row, sight: "absent" }))).toEqual({
      do: "change",
      state,
      live: false,
      ...identity,
    });
    expect(run({ ...row, sight: onNode(), live: false })).toEqual({ do: "rest" });
  });

  test("the end time is set when it ends, if it ever began", () => {
    const decision = decide({
      record: makeRecord({ state: "RUNNING", run: { ...begun, outcome: { outcome: "complete" } } }),
      sight: onNode(),
      gone: false,
      now: inSeconds(3),
      policy: makePolicy(),
    });
    if (decision.do !== "change") throw new TypeError(`Unexpected decision ${decision.do}`);
    expect(decision.record.run.endTime).toBe(inSeconds(3).toISOString());
    expect(decision.record.live).toBe(true);
  });
});
