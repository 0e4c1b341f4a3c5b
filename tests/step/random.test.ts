// Random executors end behind a gate as they do without one: codes, both streams, every file, byte for byte. Without a cluster;
// tests/with-cluster/e2e/random.test.ts has the same in pods.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { openSteps, runExecutors } from "../../sidecar/supervisor/executors.ts";
import { filesOf, installApplets, type LocalEnd, layOutFiles, runLocally } from "../support/local-run.ts";
import { type RandomTask, randomTask } from "../support/random-tasks.ts";
import { busybox, executor, layOutPod, makePlan, makeScratchPod, startGate } from "./scratch-pod.ts";

const count = Number(process.env["TESPOD_RANDOM_TASKS"] ?? 40);
const seed = Number(process.env["TESPOD_RANDOM_SEED"] ?? Date.now() % 1_000_000);
const root = mkdtempSync(join(tmpdir(), "tespod-random-"));
const applets = join(root, "bin");
installApplets(busybox, applets);
afterAll(() => rmSync(root, { recursive: true }));

/** The same executors, each behind its gate, under the supervisor's own loop. */
async function runBehindGates(task: RandomTask): Promise<LocalEnd> {
  using pod = makeScratchPod();
  layOutFiles(task);
  const executors = task.executors.map(({ command, env, ignore_error, startFails: _, ...rest }) =>
    executor([...command], {
      workdir: "/",
      ...rest,
      env: { ...env, PATH: applets },
      ignoreError: ignore_error,
    }),
  );
  // The task's folder of this machine is what is mounted at that path.
  const mounts = [{ path: task.folder, folder: basename(task.folder), file: false }];
  const plan = makePlan(executors, { logHeadBytes: 1e7, logTailBytes: 1e7, mounts });
  const roots = { ...pod.roots, work: dirname(task.folder) };
  layOutPod(plan, roots);
  const ended: Extract<ReportEvent, { type: "executor-ended" }>[] = [];
  const report = (event: ReportEvent) => void (event.type === "executor-ended" && ended.push(event));
  const context = { plan, roots, report, signal: AbortSignal.timeout(60_000) };
  const steps = openSteps(context);
  using gates = new DisposableStack();
  for (const index of executors.keys()) gates.use(startGate(pod.roots, index, ["env", "--default-signal"]));
  const outcome = await runExecutors(context, steps);
  return {
    state: outcome === "complete" ? "COMPLETE" : "EXECUTOR_ERROR",
    executors: ended.map(({ exitCode, stdout, stderr }) => ({
      code: exitCode,
      stdout: Buffer.from(stdout),
      stderr: Buffer.from(stderr),
    })),
    files: filesOf(task.folder),
  };
}

/** What is compared: an output with a path is among the files, and of a command that is not there the gate speaks. */
const comparable = (task: RandomTask, { state, executors, files }: LocalEnd) => ({
  state,
  files,
  executors: executors.map(({ code, stdout, stderr }, index) => {
    const planned = task.executors[index];
    return {
      code,
      stdout: planned?.stdout === undefined ? shown(stdout) : "",
      stderr: planned?.stderr === undefined && !planned?.startFails ? shown(stderr) : "",
    };
  }),
});

const shown = (bytes: Buffer): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replaceAll("\0", "\uFFFD");

test.each(Array.from({ length: count }, (_, index) => index))(
  `task %d of seed ${seed} (TESPOD_RANDOM_SEED)`,
  async (index) => {
    const task = randomTask(seed, index, root);
    const local = await runLocally(task, applets);
    expect(comparable(task, await runBehindGates(task))).toEqual(comparable(task, local));
  },
  120_000,
);
