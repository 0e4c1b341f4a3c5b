// applyReports and decide under random histories: reports in any order, twice or never, pods in any condition, cancels.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Report, ReportEvent } from "../../sidecar/contract/report.ts";
import type { PodFacts } from "../../src/pod/observe.ts";
import { decide, type Sight } from "../../src/reconcile/decide.ts";
import { type TaskRecord, withState } from "../../src/tes/record.ts";
import { applyReports } from "../../src/tes/reports.ts";
import { isTerminal, mayFollow } from "../../src/tes/state.ts";
import {
  executorEnded,
  inSeconds,
  makeFacts,
  makePolicy,
  makeRecord,
  makeReport,
  now,
} from "../support/make.ts";

/** Numbers in [0, 1) that depend on the seed alone. */
function random(seed: number): () => number {
  let count = 0;
  return () => createHash("sha256").update(`${seed}/${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}

/** Asserts what must hold between a record and the one that takes its place. */
function follow(before: TaskRecord, after: TaskRecord): TaskRecord {
  if (after.state !== before.state) {
    expect(isTerminal(before.state)).toBe(false);
    expect(mayFollow(before.state, after.state)).toBe(true);
  }
  if (after.run.attempt === before.run.attempt) {
    for (const source of ["stage-in", "supervisor"] as const) {
      expect(after.run.acknowledged[source]).toBeGreaterThanOrEqual(before.run.acknowledged[source]);
    }
    expect(after.run.released).toBeGreaterThanOrEqual(before.run.released);
    expect(after.run.executors.length).toBeGreaterThanOrEqual(before.run.executors.length);
  } else {
    expect(after.run.attempt).toBe(before.run.attempt + 1);
    expect(before.run.released).toBe(0);
  }
  return after;
}

interface World {
  record: TaskRecord;
  sight: Sight;
  gone: boolean;
  looked?: "bound";
  clockSeconds: number;
}

/** One decision, carried out as the cluster would: a created pod appears, a deleted one is being deleted. */
function step(world: World): "rest" | "go-on" {
  const { record, sight, gone, looked } = world;
  const decision = decide({
    record,
    sight,
    gone,
    looked,
    now: inSeconds(world.clockSeconds),
    policy: makePolicy(),
  });
  world.gone = false;
  delete world.looked;
  switch (decision.do) {
    case "rest":
      return "rest";
    case "create":
      expect(record.run.released).toBe(0);
      world.record = follow(record, { ...record, run: { ...record.run, created: true, podUid: "u" } });
      break;
    case "confirm":
      world.gone = sight === "absent";
      break;
    case "read-journal":
      world.record = follow(record, { ...record, run: { ...record.run, journalRead: true } });
      break;
    case "look":
      world.looked = "bound"; // it tells nothing
      break;
    case "follow-journal":
      return "rest"; // it tells nothing
    case "delete":
      if (typeof sight !== "string") {
        const { deletionTime: _, ...facts } = sight;
        world.sight = { ...facts, deleting: true };
      }
      break;
    case "change":
      world.record = follow(record, decision.record);
      break;
  }
  return "go-on";
}

function settle(world: World): void {
  for (let steps = 0; steps < 50; steps++) if (step(world) === "rest") return;
  throw new Error(`Never rests: ${JSON.stringify(world)}`);
}

const pick = <T>(next: () => number, choices: readonly T[]): T => {
  const choice = choices[Math.floor(next() * choices.length)];
  if (choice === undefined) throw new RangeError("Cannot pick from nothing");
  return choice;
};

const events: readonly ReportEvent[] = [
  { type: "note", message: "n" },
  { type: "staged", files: 1, bytes: 1, milliseconds: 1 },
  { type: "executor-started", executor: 0 },
  { type: "executor-started", executor: 1 },
  executorEnded(0),
  executorEnded(1, 3),
  { type: "uploaded", outputs: [{ path: "/a", url: "s3://b/a", sizeBytes: 1 }] },
  { type: "finished", outcome: "complete" },
  { type: "finished", outcome: "executor-error" },
  { type: "finished", outcome: "system-error", message: "m" },
  { type: "finished", outcome: "interrupted" },
];

const conditions: readonly Partial<PodFacts>[] = [
  {},
  { scheduled: true, nodeName: "n" },
  { unschedulable: "full" },
  {
    scheduled: true,
    nodeName: "n",
    trouble: { container: "exec-0", executor: 0, reason: "ErrImagePull", message: "" },
  },
  {
    scheduled: true,
    nodeName: "n",
    trouble: { container: "exec-1", executor: 1, reason: "StartError", message: "" },
  },
  { deleting: true },
  { deleting: true, deletionTime: now },
  { stageIn: { exitCode: 0, reason: "Completed" } },
  { stageIn: { exitCode: 1, reason: "Error" } },
  { supervisor: { exitCode: 0, reason: "Completed" } },
  { supervisor: { exitCode: 137, reason: "OOMKilled" }, deleting: true },
  { disruption: "PreemptionByScheduler", deleting: true },
  { failed: { reason: "Evicted", message: "" }, disruption: "TerminationByKubelet" },
  { failed: { reason: "DeadlineExceeded", message: "" } },
  { failed: { reason: "OutOfcpu", message: "" } },
];

/** Some of a pod's reports, shuffled a little, some missing, some twice. */
const reports = (next: () => number): Report[] =>
  Array.from({ length: Math.floor(next() * 6) }, () =>
    makeReport(
      1 + Math.floor(next() * 8),
      pick(next, events),
      pick(next, ["stage-in", "supervisor"] as const),
    ),
  );

function disturb(world: World, next: () => number): void {
  switch (pick(next, ["reports", "reports", "facts", "facts", "absent", "gone", "cancel", "time"] as const)) {
    case "reports":
      world.record = follow(world.record, applyReports(world.record, reports(next)).record);
      break;
    case "facts": {
      const { attempt } = world.record.run;
      world.sight = makeFacts({ name: `tes-abc-${attempt}`, ...pick(next, conditions) });
      break;
    }
    case "absent":
      world.sight = pick(next, ["absent", "unknown"] as const);
      break;
    case "gone":
      world.sight = "absent";
      world.gone = true;
      break;
    case "cancel":
      if (next() < 0.3)
        world.record = follow(
          world.record,
          withState(world.record, "CANCELING", inSeconds(world.clockSeconds)),
        );
      break;
    case "time":
      world.clockSeconds += next() * 400;
      break;
  }
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "random histories keep the rules and end when the pod is gone (seed %d)",
  (seed) => {
    const next = random(seed);
    const ends = new Set<string>();
    for (let history = 0; history < 250; history++) {
      const world: World = { record: makeRecord(), sight: "unknown", gone: false, clockSeconds: 0 };
      for (let count = Math.floor(next() * 25); count > 0; count--) {
        disturb(world, next);
        settle(world);
      }
      world.sight = "absent";
      settle(world);
      expect(world.record.live).toBe(false);
      expect(isTerminal(world.record.state)).toBe(true);
      ends.add(world.record.state);
      // And it stays so, whatever comes.
      const { state } = world.record;
      for (let count = 0; count < 5; count++) {
        disturb(world, next);
        settle(world);
      }
      expect(world.record).toMatchObject({ state, live: false });
    }
    // The histories are of all kinds, or this test would prove little.
    expect([...ends].sort()).toEqual(["CANCELED", "COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR"]);
  },
);
