// Which state may follow which: every pair.
import { describe, expect, test } from "bun:test";
import { withState } from "../../src/tes/record.ts";
import { isTerminal, mayFollow, type State, states } from "../../src/tes/state.ts";
import { inSeconds, makeRecord, now } from "../support/make.ts";

/** What may follow each state, written down a second time on purpose. */
const table: Readonly<Record<State, readonly State[]>> = {
  UNKNOWN: [],
  QUEUED: [
    "INITIALIZING",
    "RUNNING",
    "COMPLETE",
    "EXECUTOR_ERROR",
    "SYSTEM_ERROR",
    "CANCELED",
    "PREEMPTED",
    "CANCELING",
  ],
  INITIALIZING: ["QUEUED", "RUNNING", "COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "PREEMPTED", "CANCELING"],
  RUNNING: ["COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "PREEMPTED", "CANCELING"],
  PAUSED: [],
  COMPLETE: [],
  EXECUTOR_ERROR: [],
  SYSTEM_ERROR: [],
  CANCELED: [],
  PREEMPTED: [],
  CANCELING: ["CANCELED"],
};

const pairs = states.flatMap((from) => states.map((to) => ({ from, to, allowed: table[from].includes(to) })));

describe("pairs", () => {
  test.each(pairs)("$from → $to: $allowed", ({ from, to, allowed }) => {
    expect(mayFollow(from, to)).toBe(allowed);
    const record = makeRecord({ state: from });
    const next = withState(record, to, now);
    expect(next.state).toBe(allowed ? to : from);
    if (!allowed) expect(next).toBe(record);
  });
});

test("the eleven states of the spec, in its order", () => {
  expect(states.join(" ")).toBe(
    "UNKNOWN QUEUED INITIALIZING RUNNING PAUSED COMPLETE EXECUTOR_ERROR SYSTEM_ERROR CANCELED PREEMPTED CANCELING",
  );
});

test.each([
  { state: "COMPLETE", terminal: true },
  { state: "EXECUTOR_ERROR", terminal: true },
  { state: "SYSTEM_ERROR", terminal: true },
  { state: "CANCELED", terminal: true },
  { state: "PREEMPTED", terminal: true },
  { state: "QUEUED", terminal: false },
  { state: "INITIALIZING", terminal: false },
  { state: "RUNNING", terminal: false },
  { state: "CANCELING", terminal: false },
] as const)("$state is terminal: $terminal", ({ state, terminal }) => {
  expect(isTerminal(state)).toBe(terminal);
});

describe("the end time", () => {
  const startTime = now.toISOString();
  const at = inSeconds(9);
  test.each([
    { title: "is set by a terminal state", run: { startTime }, to: "COMPLETE", endTime: at.toISOString() },
    { title: "not by another", run: { startTime }, to: "CANCELING", endTime: undefined },
    { title: "not if nothing ever began", run: {}, to: "SYSTEM_ERROR", endTime: undefined },
  ] as const)("$title", ({ run, to, endTime }) => {
    expect(withState(makeRecord({ state: "RUNNING", run }), to, at).run.endTime).toBe(endTime);
  });
});
