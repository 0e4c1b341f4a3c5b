// Files of system directories, as the supervisor hears of them: with gates played by the test, which can be late, silent or wrong.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { stepFolderIn } from "../../sidecar/step/folder.ts";
import { watchPlaces } from "../../sidecar/supervisor/carried.ts";
import { Lost, openSteps, runExecutors } from "../../sidecar/supervisor/executors.ts";
import { executor, layOutPod, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";

let pod: ScratchPod;
let opened: number[] = [];
beforeEach(() => {
  pod = makeScratchPod();
});
afterEach(() => {
  for (const fd of opened) closeSync(fd);
  opened = [];
  pod[Symbol.dispose]();
});

/** Opens a FIFO of a step as a gate would, but without waiting for a reader: that is in this very process. */
function open(index: number, name: string): number {
  const fd = openSync(join(stepFolderIn(pod.roots, index), name), constants.O_RDWR | constants.O_NONBLOCK);
  opened.push(fd);
  return fd;
}

function start(more: Parameters<typeof makePlan>[1] = {}) {
  const plan = makePlan([executor(["a"]), executor(["b"])], { carried: ["/opt/a", "/opt/b"], ...more });
  layOutPod(plan, pod.roots);
  const events: ReportEvent[] = [];
  const report = (event: ReportEvent) => void events.push(event);
  const context = { plan, roots: pod.roots, signal: new AbortController().signal, report };
  const steps = openSteps(context);
  const notes = () => events.flatMap((event) => (event.type === "note" ? [event.message] : []));
  return { ...context, events, notes, steps };
}

/** A gate that says these lines, once its executor was released the second ones. */
async function gate(index: number, hello: string, end: string): Promise<void> {
  const report = open(index, "report");
  for (const name of ["stdout.log", "stderr.log"]) open(index, name);
  writeSync(report, `${hello}hello\n`);
  await Bun.sleep(50);
  for (const name of ["stdout", "stderr"]) {
    const fd = open(index, name);
    closeSync(fd);
    opened = opened.filter((each) => each !== fd);
  }
  writeSync(report, end);
}

const carried = "carrying\ncarried\nalone\n";

test.each([
  { code: 0, outcome: "lost" },
  { code: 3, outcome: "executor-error" },
])(
  "a file that cannot be brought out of an executor that ended with $code: $outcome in words",
  async ({ code, outcome }) => {
    const { steps, notes, ...context } = start();
    const ended = runExecutors(context, steps).catch((error: unknown) => error);
    await gate(0, "", `exit ${code}\ncarrying\nlost 1 No space left on device\ncarried\nalone\n`);
    const words = 'Cannot keep "/opt/b" of executor 0: No space left on device';
    const end = await ended;
    if (outcome === "lost") expect(end).toEqual(new Lost(words));
    else expect([end, ...notes()]).toEqual(["executor-error", words]);
    expect(context.events.filter(({ type }) => type === "executor-started")).toHaveLength(1);
  },
);

test("a gate that dies while it brings files out has lost them", async () => {
  const { steps, ...context } = start();
  const ended = runExecutors(context, steps).catch((error: unknown) => error);
  await gate(0, "", "exit 0\ncarrying\nalone\n");
  expect(await ended).toEqual(
    new Lost(
      'Cannot keep what executor 0 left of "/opt/a", "/opt/b": its container ended before it was copied',
    ),
  );
});

test("files may take longer than what is left of an executor takes to die", async () => {
  const { steps, ...context } = start();
  const ended = runExecutors(context, steps);
  const first = gate(0, "", "exit 0\ncarrying\n");
  await first;
  await Bun.sleep(10_500);
  expect(context.events.at(-1)).toMatchObject({ type: "executor-started", executor: 0 });
  writeSync(opened[0] ?? -1, "carried\nalone\n");
  await gate(1, "", `exit 0\n${carried}`);
  expect(await ended).toBe("complete");
}, 30_000);

test("a later executor that does not see a file that is there is noted, one that fails is told the way out", async () => {
  const { steps, notes, ...context } = start();
  mkdirSync(join(pod.roots.work, "carried"), { recursive: true });
  writeFileSync(join(pod.roots.work, "carried/0"), "");
  const ended = runExecutors(context, steps);
  await gate(0, "unplaced 1\n", `exit 0\n${carried}`);
  await gate(1, "unplaced 0\nunplaced 1\n", `exit 1\n${carried}`);
  expect(await ended).toBe("executor-error");
  const wayOut = "put it into a directory of the task's own, such as /data";
  expect(notes()).toEqual([
    `Executor 1 does not see "/opt/a": its user cannot write in that directory of its image; ${wayOut}`,
    `Executor 1 failed, and its user cannot write in the directory of "/opt/a", "/opt/b"; ${wayOut}`,
  ]);
});

test("only inputs that the first gate may not bring in are for another pod", async () => {
  const inputs = [{ path: "/opt/b", type: "FILE" as const, content: "b" }];
  const { steps, plan, report, events } = start({ inputs });
  const watched = watchPlaces(steps[0], plan, report).catch(
    (error: Error) => `${error.name}: ${error.message}`,
  );
  await gate(0, "unplaced 0\nunplaced 1\n", "");
  expect(await watched).toBe(
    'Replan: Executor 0\'s user cannot write beside "/opt/b", so that is mounted by itself: its user can read it, and neither change, remove nor rename it',
  );
  expect(events).toEqual([{ type: "unplaced", paths: ["/opt/b"] }]);
});
