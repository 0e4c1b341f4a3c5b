// What the supervisor waits for, and for how long: with gates played by the test, which can be late, silent or wrong.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TaskPlan } from "../../sidecar/contract/plan.ts";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { stepFolderIn } from "../../sidecar/step/folder.ts";
import { dismiss, openSteps, runExecutors } from "../../sidecar/supervisor/executors.ts";
import type { Step } from "../../sidecar/supervisor/step.ts";
import { executor, layOutPod, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";

let pod: ScratchPod;
let steps: Step[] = [];
let opened: number[] = [];
beforeEach(() => {
  pod = makeScratchPod();
});
afterEach(() => {
  for (const fd of opened) close(fd);
  opened = [];
  pod[Symbol.dispose]();
});

const two = makePlan([executor(["a"]), executor(["b"])]);

function start(plan: TaskPlan, signal = new AbortController().signal) {
  layOutPod(plan, pod.roots);
  const events: ReportEvent[] = [];
  const context = { plan, roots: pod.roots, signal, report: (event: ReportEvent) => void events.push(event) };
  steps = openSteps(context);
  return { events, outcome: runExecutors(context, steps) };
}

/** Opens a FIFO of a step as a gate would, but without waiting for a reader: that is in this very process. */
function open(index: number, name: string): number {
  const fd = openSync(join(stepFolderIn(pod.roots, index), name), constants.O_RDWR | constants.O_NONBLOCK);
  opened.push(fd);
  return fd;
}

function close(fd: number): void {
  if (!opened.includes(fd)) return;
  opened = opened.filter((each) => each !== fd);
  closeSync(fd);
}

/** The streams as a command and the copies of them leave them that is over. */
function endStreams(index: number): void {
  for (const name of ["stdout", "stderr"]) {
    open(index, `${name}.log`);
    close(open(index, name));
  }
}

const types = (events: ReportEvent[]): string[] => events.map(({ type }) => type);
const moment = (milliseconds = 50): Promise<void> => Bun.sleep(milliseconds);

test.each([
  { over: "its gate says that it is alone", end: (report: number) => void writeSync(report, "alone\n") },
  { over: "its gate is dead", end: (report: number) => close(report) },
])(
  "the next is released only when nothing of the one before lives: $over",
  async ({ end }) => {
    const { events, outcome } = start(two);
    const [first, second] = [open(0, "report"), open(1, "report")];
    for (const report of [first, second]) writeSync(report, "hello\n");
    await moment();
    endStreams(0);
    writeSync(first, "exit 0\n");
    await moment();
    expect(types(events)).toEqual(["executor-started"]);
    end(first);
    await moment();
    expect(types(events)).toEqual(["executor-started", "executor-ended", "executor-started"]);
    close(second);
    expect(await outcome).toBe("executor-error");
  },
  10_000,
);

test("output that is never closed is waited for some seconds, and kept as far as it came", async () => {
  const { events } = start(makePlan([executor(["a"])]));
  const report = open(0, "report");
  writeSync(report, "hello\n");
  await moment();
  const [stdout, stderr] = [open(0, "stdout"), open(0, "stderr")];
  writeSync(stdout, "so far");
  close(stderr);
  writeSync(report, "exit 0\n");
  close(report);
  await moment(900);
  expect(types(events)).toEqual(["executor-started"]);
  await moment(2000);
  expect(events.at(-1)).toMatchObject({ type: "executor-ended", stdout: "so far", exitCode: 0 });
});

test("what an executor itself writes to its gate's report does no harm", async () => {
  const { events, outcome } = start(makePlan([executor(["a"])]));
  const report = open(0, "report");
  writeSync(report, "hello\nhello\nexit\nexit -1\nexit 99999\n\nrubbish");
  for (let index = 0; index < 20; index += 1) {
    writeSync(report, "x".repeat(50_000));
    await moment(5);
  }
  endStreams(0);
  writeSync(report, "\nexit 7\nexit 0\n");
  close(report);
  expect(await outcome).toBe("executor-error");
  expect(events.at(-1)).toMatchObject({ type: "executor-ended", exitCode: 7 });
});

test.each([
  { title: "it failed", hello: "unwritable\nhello\n", code: 1, workdir: "/w", noted: true },
  { title: "it did not fail", hello: "unwritable\nhello\n", code: 0, workdir: "/w", noted: false },
  { title: "it could write", hello: "hello\n", code: 1, workdir: "/w", noted: false },
  { title: "the task names none", hello: "unwritable\nhello\n", code: 1, workdir: undefined, noted: false },
])("a workdir that the executor cannot write to is noted: $noted where $title", async (row) => {
  const workdir = row.workdir === undefined ? {} : { workdir: row.workdir };
  const { events, outcome } = start(makePlan([executor(["a"], workdir)]));
  const report = open(0, "report");
  writeSync(report, row.hello);
  await moment();
  endStreams(0);
  writeSync(report, `exit ${row.code}\n`);
  close(report);
  await outcome;
  const notes = events.flatMap((event) => (event.type === "note" ? [event.message] : []));
  expect(notes).toEqual(row.noted ? [expect.stringContaining('its workdir "/w"')] : []);
});

test("a turn that the executor has filled does not stop the supervisor", async () => {
  const { events, outcome } = start(makePlan([executor(["a"])]));
  const report = open(0, "report");
  writeSync(report, "hello\n");
  await moment();
  const turn = openSync(join(stepFolderIn(pod.roots, 0), "turn"), constants.O_RDWR | constants.O_NONBLOCK);
  expect(() => {
    for (;;) writeSync(turn, "x".repeat(1000));
  }).toThrow("EAGAIN");
  endStreams(0);
  writeSync(report, "exit 0\n");
  close(report);
  expect(await outcome).toBe("complete");
  expect(events.at(-1)).toMatchObject({ exitCode: 0 });
  closeSync(turn);
});

test("an abort before the first hello runs nothing", async () => {
  const stop = new AbortController();
  const { events, outcome } = start(two, stop.signal);
  stop.abort(new Error("told to stop"));
  await expect(outcome).rejects.toThrow("told to stop");
  writeSync(open(0, "report"), "hello\n");
  await moment();
  expect(events).toEqual([]);
});

test.each([
  { count: 16, atOnce: 16, seconds: 0 },
  { count: 20, atOnce: 1, seconds: 0.2 },
  { count: 64, atOnce: 1, seconds: 2.4 },
])(
  "of $count gates $atOnce leave at once, the last sixteen together after $seconds s",
  async (row) => {
    const told: number[] = [];
    const gate = { isClosed: () => false, tell: () => void told.push(performance.now()) };
    const before = performance.now();
    const dismissed = dismiss(Array.from({ length: row.count }, () => gate as unknown as Step));
    expect(told).toHaveLength(row.atOnce);
    await dismissed;
    expect(told).toHaveLength(row.count);
    const last = told.slice(-16).map((time) => time - before);
    expect(Math.min(...last)).toBeGreaterThanOrEqual(row.seconds * 950);
    expect(Math.max(...last) - Math.min(...last)).toBeLessThan(40);
  },
  10_000,
);

test("gates that go meanwhile, as when the whole pod is stopped, are waited for no longer", async () => {
  let gone = false;
  const told: number[] = [];
  const gate = { isClosed: () => gone, tell: () => void told.push(performance.now()) };
  const before = performance.now();
  setTimeout(() => {
    gone = true;
  }, 120);
  await dismiss(Array.from({ length: 64 }, () => gate as unknown as Step));
  expect(told.length).toBeLessThan(8);
  expect(performance.now() - before).toBeLessThan(1000);
});

test("gates that are gone are not waited for", async () => {
  const gone = { isClosed: () => true, tell: () => expect.unreachable() };
  const before = performance.now();
  await dismiss(Array.from({ length: 64 }, () => gone as unknown as Step));
  expect(performance.now() - before).toBeLessThan(1000);
});
