// Streams with a path of their own: on a disk that is full, when the task is cancelled, and beside a daemon that holds them.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { startFileServer } from "../filer/file-server.ts";
import { executor, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import { runPod, startContainers } from "./pod.ts";

let pod: ScratchPod;
beforeEach(() => {
  pod = makeScratchPod();
});
afterEach(() => pod[Symbol.dispose]());

const sh = (script: string, more: Parameters<typeof executor>[1] = {}) =>
  executor(["/bin/sh", "-c", script], more);
const mounts = [{ path: "/data", folder: "m0", file: false }];
const local = (name: string) => join(pod.root, "work/m0", name);
const notes = (events: ReportEvent[] = []) =>
  events.flatMap((event) => (event.type === "note" ? [event.message] : []));

/** The work volume with so little room. */
function smallVolume(bytes: number): Disposable {
  const work = pod.roots.work;
  mkdirSync(work, { recursive: true });
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", work], {
    encoding: "utf8",
  });
  expect(mount).toMatchObject({ status: 0, stderr: "" });
  return { [Symbol.dispose]: () => void spawnSync("umount", ["-l", work]) };
}

const words = 'Cannot write stdout of executor 0 to "/data/out": no space is left on the work volume';
const flood = "head -c 3000000 /dev/zero | tr '\\0' x";

test("a disk that is full fails the task in words, whose other outputs are uploaded and whose next executor is not started", async () => {
  using _volume = smallVolume(1_000_000);
  const http = startFileServer();
  const outputs = [{ path: "/data/other", type: "FILE" as const, url: `${http.url}/other` }];
  const script = `echo kept >${local("other")}; ${flood}`;
  const plan = makePlan([sh(script, { stdout: "/data/out" }), sh("true")], { mounts, outputs });
  const { supervisor } = await runPod(pod, { plan });
  expect(await (await fetch(`${http.url}/other`)).text()).toBe("kept\n");
  http.stop();
  const ended = supervisor?.events.filter(({ type }) => type === "executor-ended");
  expect(ended).toMatchObject([{ exitCode: 0, stdout: expect.stringContaining("bytes left out") }]);
  expect(supervisor?.events.at(-1)).toEqual({ type: "finished", outcome: "system-error", message: words });
});

test("of an executor that failed it is a note", async () => {
  using _volume = smallVolume(1_000_000);
  const plan = makePlan([sh(`${flood}; exit 3`, { stdout: "/data/out" })], { mounts });
  const { supervisor } = await runPod(pod, { plan });
  expect(notes(supervisor?.events)).toEqual([words]);
  expect(supervisor?.events.at(-1)).toMatchObject({ outcome: "executor-error" });
});

test("a cancel in the middle keeps what was written", async () => {
  const script = "echo begun; echo begun >&2; sleep 100";
  const plan = makePlan([sh(script, { stdout: "/data/out" })], { mounts, staging: "supervisor" });
  using containers = await startContainers(pod, { plan });
  while (!containers.gates[0]?.log.stderr.includes("begun")) await Bun.sleep(5);
  containers.supervisor.process.kill("SIGTERM");
  containers.gates[0]?.kill("SIGTERM");
  await containers.supervisor.exitCode;
  expect(containers.supervisor.events()).toMatchObject([
    { type: "staged" },
    { type: "executor-started" },
    { type: "executor-ended", stdout: "begun\n" },
    { type: "finished", outcome: "interrupted" },
  ]);
  expect(readFileSync(local("out"), "utf8")).toBe("begun\n");
});

test("of a command that leaves a flooding daemon all that was written before its exit is kept, and nothing in the next one's file", async () => {
  const daemon =
    "(trap '' TERM HUP; while :; do echo noise; done) & head -c 100000 /dev/zero | tr '\\0' x; echo last";
  const next = "sleep 0.3; echo next";
  const paths = { stdout: "/data/out" };
  const plan = makePlan([sh(daemon, paths), sh(`cp ${local("out")} ${local("kept")}; ${next}`, paths)], {
    mounts,
  });
  // The second empties the file when it starts, so the first's is looked at in the log.
  const { supervisor } = await runPod(pod, { plan: { ...plan, logHeadBytes: 100_000_000 } });
  const [first, second] =
    supervisor?.events.flatMap((event) => (event.type === "executor-ended" ? [event] : [])) ?? [];
  const text = first?.stdout.replaceAll("noise\n", "") ?? "";
  expect(text.replaceAll("\n", "")).toBe(`${"x".repeat(100_000)}last`);
  expect(second).toMatchObject({ exitCode: 0, stdout: "next\n" });
  expect(readFileSync(local("out"), "utf8")).toBe("next\n");
}, 30_000);

test("an output that is read slowly by the container's log does not hold up the command", async () => {
  // The reader is stopped by the command itself.
  const script =
    "cd /proc; for p in [0-9]*; do grep -qs busybox $p/comm && kill -STOP $p; done; seq 900000; echo end";
  const { supervisor } = await runPod(pod, {
    plan: makePlan([sh(script, { stderr: "/data/err" })], { mounts }),
  });
  const [ended] =
    supervisor?.events.flatMap((event) => (event.type === "executor-ended" ? [event] : [])) ?? [];
  expect(ended?.exitCode).toBe(0);
  expect(ended?.stdout).toEndWith("900000\nend\n");
}, 30_000);
