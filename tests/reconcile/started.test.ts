// Whether an executor was started: what proves that none was, and that silence proves nothing.
import { describe, expect, test } from "bun:test";
import type { PodFacts } from "../../src/pod/observe.ts";
import type { Situation } from "../../src/reconcile/decide.ts";
import { holdOf, holdOnNode, stillHeld } from "../../src/reconcile/hold.ts";
import { started } from "../../src/reconcile/started.ts";
import type { Run } from "../../src/tes/record.ts";
import { applyReports } from "../../src/tes/reports.ts";
import {
  inSeconds,
  makeFacts,
  makePolicy,
  makeRecord,
  makeReport,
  now,
  secondsAgo,
} from "../support/make.ts";

interface Row extends Partial<Pick<Situation, "sight" | "looked">> {
  readonly title: string;
  readonly run?: Partial<Run>;
  /** The pod is gone, and was seen so in its last event. */
  readonly final?: PodFacts;
  /** The pod is gone, and was seen so some time before. */
  readonly earlier?: PodFacts;
}

const judge = ({ run = {}, sight = "absent", final, earlier, looked }: Row) => {
  const facts = final ?? earlier;
  return started({
    record: makeRecord({ run: { created: true, nodeName: "n1", ...run } }),
    sight,
    gone: sight === "absent",
    last: facts && { facts, isFinal: final !== undefined },
    looked,
    now,
    policy: makePolicy(),
  });
};

const held: Partial<Run> = { hold: { from: secondsAgo(14), seconds: 20 } };
const notHeld: Partial<Run> = { hold: { from: secondsAgo(15), seconds: 20 } };
const onNode = (differences: Partial<PodFacts> = {}) =>
  makeFacts({ scheduled: true, nodeName: "n1", ...differences });
const ended = (more: object = {}, reason = "Error") => ({ supervisor: { exitCode: 137, reason, ...more } });
const final = (released?: number) => ({
  final: {
    outcome: "interrupted" as const,
    lastSequence: 2,
    ...(released === undefined ? {} : { released }),
  },
});
const trouble = (reason: string, message: string, executor?: number) => ({
  trouble: { container: "c", reason, message, ...(executor === undefined ? {} : { executor }) },
});
const cancelled = "failed to create containerd task: failed to create shim task: context canceled: unknown";

describe("no executor was started", () => {
  test.each<Row>([
    { title: "by the pod's last word", run: { outcome: { outcome: "interrupted" } } },
    { title: "by the number in the supervisor's last message", final: onNode(ended(final(0))) },
    {
      title: "by the same of a pod that was seen to its end, if not to its going",
      earlier: onNode(ended(final(0))),
    },
    {
      title: "by a last message of which every line is held",
      run: { acknowledged: { "stage-in": 0, supervisor: 2 } },
      final: onNode(ended(final())),
    },
    { title: "as its init container failed", sight: onNode({ stageIn: { exitCode: 1, reason: "Error" } }) },
    { title: "as its supervisor never began", sight: onNode(ended({}, "StartError")) },
    {
      title: "as its first executor's gate never began",
      run: notHeld,
      sight: onNode(trouble("StartError", "ttrpc: closed", 0)),
    },
    {
      title: "as its gate was never made, of a pod that does not wait",
      sight: onNode(trouble("StartError", cancelled, 0)),
    },
    { title: "as it never had a node", run: { ...notHeld, nodeName: "" }, final: makeFacts() },
    { title: "as it has no node now", run: notHeld, sight: makeFacts(), looked: "unbound" },
    {
      title: "by the whole journal of a supervisor that is over",
      run: { journalHeld: true },
      sight: onNode(ended()),
    },
    {
      title: "as its node refused it",
      sight: onNode({ failed: { reason: "OutOfcpu", message: "Pod was rejected: no cpu" } }),
    },
    { title: "as it waits for our word, and has not waited long enough", run: held },
    {
      title: "as it has promised to wait for longer",
      run: { hold: { from: secondsAgo(594), seconds: 600 }, acknowledged: { "stage-in": 0, supervisor: 2 } },
    },
  ])("$title", (row) => expect(judge(row)).toBe("no"));
});

describe("an executor was started", () => {
  test.each<Row>([
    { title: "as a report says", run: { ...held, released: 1 } },
    {
      title: "as the supervisor's last message says, which no report did",
      run: held,
      final: onNode(ended(final(1))),
    },
  ])("$title", (row) => expect(judge(row)).toBe("yes"));
});

describe("whether an executor was started is not known", () => {
  test.each<Row>([
    { title: "of a pod that does not wait and is gone" },
    { title: "once it has waited long enough", run: notHeld },
    { title: "once it was told that it may", run: { ...held, ready: true } },
    {
      title: "by a last message of which a line is missing",
      run: { acknowledged: { "stage-in": 0, supervisor: 1 } },
      final: onNode(ended(final())),
    },
    {
      title: "by a supervisor that is over, its journal lost",
      run: { journalRead: true },
      sight: onNode(ended()),
    },
    {
      title: "by the journal of a supervisor that was killed when it might start one",
      run: { journalHeld: true, ready: true },
      sight: onNode(ended()),
    },
    {
      title: "by containers of which the kubelet has lost track",
      run: { journalHeld: true },
      sight: onNode({
        ...ended({}, "ContainerStatusUnknown"),
        stageIn: { exitCode: 137, reason: "ContainerStatusUnknown" },
      }),
    },
    {
      title: "by a start that failed half-way, of a pod that does not wait",
      sight: onNode(trouble("StartError", "failed to start containerd task: ttrpc: closed", 0)),
    },
    {
      title: "by a start that failed half-way, once it was told that it may",
      run: { ...held, ready: true },
      sight: onNode(trouble("StartError", "ttrpc: closed", 0)),
    },
    { title: "by the start of a later executor", sight: onNode(trouble("StartError", cancelled, 1)) },
    { title: "by having had no node when it was seen some time before", earlier: makeFacts() },
    {
      title: "of a pod that ran and whose node refuses it later",
      run: { acknowledged: { "stage-in": 0, supervisor: 1 } },
      sight: onNode({ failed: { reason: "NodeAffinity", message: "Pod was rejected: x" } }),
    },
    { title: "by a node that was asked and did not answer", run: notHeld, sight: onNode(), looked: "bound" },
  ])("$title", (row) => expect(judge(row)).toBe("unknown"));
});

describe("the wait of the first executor counts", () => {
  const created = onNode({ creationTime: now, holdSeconds: 20 });

  test("from the moment before the create was asked for", () => {
    expect(holdOf(created, inSeconds(-3))).toEqual({ from: secondsAgo(3), seconds: 20 });
  });

  test("from the pod's own age, if it was there before", () => {
    expect(holdOf(created, inSeconds(60))).toEqual({ from: secondsAgo(0), seconds: 20 });
  });

  test("not for a pod that does not wait", () => {
    expect(holdOf(onNode(), now)).toBeUndefined();
  });

  test("from when it got a node, also where it was not noted before it went", () => {
    const placed = { ...created, scheduledTime: inSeconds(100) };
    expect(holdOnNode({ from: secondsAgo(3), seconds: 20 }, placed)?.from).toBe(inSeconds(97).toISOString());
    const record = makeRecord({ run: { created: true, hold: { from: secondsAgo(103), seconds: 20 } } });
    const situation = { sight: "absent", gone: true, policy: makePolicy(), now, record } as const;
    const since = (seconds: number) => ({
      ...created,
      creationTime: inSeconds(-100),
      scheduledTime: inSeconds(-seconds),
    });
    expect(started({ ...situation, last: { facts: since(10), isFinal: true } })).toBe("no");
    expect(started({ ...situation, last: { facts: since(20), isFinal: true } })).toBe("unknown");
  });

  test("for as long as the pod says", () => {
    const told = (run: Partial<Run>) =>
      applyReports(makeRecord({ run }), [makeReport(1, { type: "waiting", seconds: 600 })]).record.run.hold;
    expect(told({ hold: { from: secondsAgo(3), seconds: 20 } })).toEqual({
      from: secondsAgo(3),
      seconds: 600,
    });
    expect(told({})).toBeUndefined();
  });

  test("anew from each look at its journal by which it has not asked, and not once it has", () => {
    const run = makeRecord({ run: { ...notHeld, nodeName: "n1" } }).run;
    expect(stillHeld(run, now).hold?.from).toBe(now.toISOString());
    for (const more of [{ ready: true as const }, { released: 1 }])
      expect(stillHeld({ ...run, ...more }, now)).toEqual({ ...run, ...more });
    const { nodeName: _, ...unplaced } = run;
    expect(stillHeld(unplaced, now)).toEqual(unplaced);
  });
});
