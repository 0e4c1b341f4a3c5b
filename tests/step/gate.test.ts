// The gate under the real shell: its turn, exit codes, redirects, signals, and what becomes of what it leaves.

import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlanExecutor } from "../../sidecar/contract/plan.ts";
import { stepFolderIn } from "../../sidecar/step/folder.ts";
import { type Output, readOutput } from "../../sidecar/supervisor/output.ts";
import { openStep, type Step } from "../../sidecar/supervisor/step.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import {
  busybox,
  executor,
  type Gate,
  layOutPod,
  makePlan,
  makeScratchPod,
  type ScratchPod,
  shell,
  startGate,
} from "./scratch-pod.ts";

const sh = (script: string, more: Partial<WrittenPlan["executors"][number]> = {}) =>
  executor(["/bin/sh", "-c", script], more);

interface Released {
  step: Step;
  gate: Gate;
  output: Output;
}

/** A gate that was told to run, with the supervisor's reading of its output. */
async function release(pod: ScratchPod, plan: PlanExecutor, before: string[] = []): Promise<Released> {
  const task = makePlan([plan], { mounts: data });
  layOutPod(task, pod.roots);
  const step = openStep(stepFolderIn(pod.roots, 0));
  const gate = startGate(pod.roots, 0, before);
  expect(await step.greeted).toBe(true);
  const places = { step: stepFolderIn(pod.roots, 0), plan: task, folder: pod.roots.work };
  const output = await readOutput(plan, 0, places);
  step.tell("run");
  return { step, gate, output };
}

const data = [{ path: "/data", folder: "dir-0", file: false }];
const inData = (pod: ScratchPod, name: string) => join(pod.roots.work, "dir-0", name);

/** Runs an executor to its end as the supervisor would. */
async function run(pod: ScratchPod, plan: PlanExecutor, before: string[] = []) {
  const { step, gate: started, output } = await release(pod, plan, before);
  using gate = started;
  const told = await step.ended;
  expect(step.isStopped()).toBe(false);
  await output.drained;
  step.tell("done");
  await step.over;
  expect(step.isClosed()).toBe(false);
  await output.end();
  expect(output.fault()).toBeUndefined();
  step.tell("leave");
  await step.closed;
  return { told, exitCode: await gate.exitCode, log: gate.log, ...output.excerpts() };
}

test.each([
  ["its own", "exit 3", 3],
  ["success", "exit 0", 0],
  ["the highest", "exit 255", 255],
  ["killed by SIGKILL", "kill -KILL $$", 137],
  ["killed by SIGTERM", "kill -TERM $$", 143],
  ["killed by SIGSEGV", "kill -SEGV $$", 139],
])("the exit code is the command's: %s", async (_, script, code) => {
  using pod = makeScratchPod();
  expect(await run(pod, sh(script))).toMatchObject({ told: code, exitCode: code });
});

test.each([
  ["not found", ["no-such-tool"], 127, "no-such-tool: inaccessible or not found"],
  ["not found by its path", ["/no/such/tool"], 127, "/no/such/tool: inaccessible or not found"],
  ["not executable", ["/etc/passwd"], 126, "/etc/passwd: can't execute: Permission denied"],
  ["a folder", ["/etc"], 126, "/etc: can't execute: Is a directory"],
])("a command that is %s fails with the reason on stderr", async (_, command, code, reason) => {
  using pod = makeScratchPod();
  const result = await run(pod, executor(command));
  expect(result).toMatchObject({ told: code, exitCode: code });
  expect(result.stderr).toContain(reason);
  expect(result.log.stderr).toBe(result.stderr);
});

test("a command is never one of busybox's own", async () => {
  using pod = makeScratchPod();
  const result = await run(pod, executor(["ls"], { env: { PATH: pod.roots.work } }));
  expect(result).toMatchObject({ told: 127 });
});

test.each([
  ["stdin", { stdin: "/no/such/file" }, 'Cannot read stdin from "/no/such/file": it does not exist'],
  ["the workdir", { workdir: "/proc/no/such" }, "/proc/no"],
  ["a workdir that is a file", { workdir: "/etc/hostname" }, "/etc/hostname"],
])("a redirect that cannot be opened is 125 with the reason on stderr: %s", async (_, redirects, reason) => {
  using pod = makeScratchPod();
  const result = await run(pod, sh("echo it ran; echo it ran >&2", redirects));
  expect(result).toMatchObject({ told: 125, exitCode: 125 });
  expect(result.stderr).toContain(reason);
  expect(result.stdout + result.stderr).not.toContain("it ran");
});

test("stdin that is a FIFO, whose writer can only be over, is 125 in words and is not waited for", async () => {
  using pod = makeScratchPod();
  const fifo = join(pod.root, "fifo");
  spawnSync("mkfifo", [fifo]);
  const result = await run(pod, sh("echo it ran", { stdin: fifo }));
  expect(result).toMatchObject({ told: 125, exitCode: 125, stdout: "" });
  expect(result.stderr).toContain(`Cannot read stdin from "${fifo}": it is a FIFO`);
});

test("redirects are files, whose parents are made", async () => {
  using pod = makeScratchPod();
  writeFileSync(join(pod.root, "in"), "some input");
  const paths = { stdout: "/data/deep/er/out", stderr: "/data/deep/er/err" };
  const result = await run(pod, sh("cat; echo oh >&2", { stdin: join(pod.root, "in"), ...paths }));
  expect(result).toMatchObject({ told: 0, log: { stdout: "", stderr: "" } });
  expect(readFileSync(inData(pod, "deep/er/out"), "utf8")).toBe("some input");
  expect(readFileSync(inData(pod, "deep/er/err"), "utf8")).toBe("oh\n");
});

test("stdout and stderr to the same file keep their order", async () => {
  using pod = makeScratchPod();
  const text = Array.from({ length: 300 }, (_, index) => `${index}\n`).join("");
  const script = "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done";
  const result = await run(pod, sh(script, { stdout: "/data/both", stderr: "/data//both" }));
  expect(readFileSync(inData(pod, "both"), "utf8")).toBe(text);
  expect(result).toMatchObject({ stdout: text, stderr: text });
});

test.each([
  { title: "with paths", paths: { stdout: "/data/out", stderr: "/data/err" } },
  { title: "without", paths: {} },
])("a stream that is opened again by its name goes on where it was: $title", async ({ paths }) => {
  using pod = makeScratchPod();
  const script = [
    "echo early >&2; echo late | tee /dev/stderr >/dev/null; echo last >/proc/self/fd/2",
    "echo one; echo two >/dev/stdout; setpriv --reuid=12345 --regid=54321 --clear-groups sh -c 'echo three >/dev/stdout'",
  ];
  const result = await run(pod, sh(script.join("\n"), paths));
  expect(result).toMatchObject({ told: 0, stdout: "one\ntwo\nthree\n", stderr: "early\nlate\nlast\n" });
  if (paths.stdout === undefined) return expect(result.log).toMatchObject({ stdout: result.stdout });
  expect(readFileSync(inData(pod, "out"), "utf8")).toBe(result.stdout);
  expect(readFileSync(inData(pod, "err"), "utf8")).toBe(result.stderr);
});

test.each([
  { title: "with paths", paths: { stdout: "/data/out", stderr: "/data/err" } },
  { title: "without", paths: {} },
])("a command that kills all that it can see keeps its output and its code: $title", async ({ paths }) => {
  using pod = makeScratchPod();
  const script = "echo before; sleep 9 & kill -9 -1; echo alive; echo still >&2; exit 7";
  const result = await run(pod, sh(script, paths));
  expect(result).toMatchObject({ told: 7, stdout: "before\nalive\n", stderr: "still\n" });
});

test("more than the container's log takes is left out there, with its number of bytes, and holds nothing up", async () => {
  using pod = makeScratchPod();
  const script = "kill -STOP $(pgrep -x busybox) 2>/dev/null; head -c 9000000 /dev/zero | tr '\\0' x; exit 3";
  const result = await run(pod, sh(script, { stderr: "/data/err" }));
  expect(result).toMatchObject({ told: 3 });
  expect(result.stdout).toContain(`[tespod: ${9_000_000 - 8192} bytes left out]`);
});

test("without a path, output goes to the container's log and to the supervisor", async () => {
  using pod = makeScratchPod();
  const result = await run(pod, sh("echo out; echo err >&2; cat; echo end"));
  expect(result).toEqual({
    told: 0,
    exitCode: 0,
    stdout: "out\nend\n",
    stderr: "err\n",
    log: { stdout: "out\nend\n", stderr: "err\n" },
  });
});

test("of megabytes of output the container's log has what it takes, and says how much is missing", async () => {
  using pod = makeScratchPod();
  const result = await run(pod, sh("head -c 50000000 /dev/zero | tr '\\0' x"));
  const leftOut = [...result.log.stdout.matchAll(/\n?\[tespod: (\d+) bytes left out\]\n/g)];
  const missing = leftOut.reduce((sum, [, count]) => sum + Number(count), 0);
  const words = leftOut.reduce((sum, [line]) => sum + line.length, 0);
  expect(result.log.stdout.length - words + missing).toBe(50_000_000);
  expect(result.stdout).toContain(`[tespod: ${50_000_000 - 8192} bytes left out]`);
});

test("the workdir is made and entered", async () => {
  using pod = makeScratchPod();
  const workdir = join(pod.root, "new/it's here");
  expect(await run(pod, sh("pwd", { workdir }))).toMatchObject({ told: 0, stdout: `${workdir}\n` });
});

test("the command has three open files and no signal ignored", async () => {
  using pod = makeScratchPod();
  const script =
    "for f in /proc/$$/fd/*; do [ -e $f ] && basename $f; done; grep -E '^Sig(Ign|Blk)' /proc/self/status";
  // Of grep, which has what the shell has: a shell that starts it blocks signals for a moment. The test runner's own ignored signals would be handed down.
  const before = ["env", "--default-signal"];
  const { stdout } = await run(pod, sh(script), before);
  expect(stdout).toBe("0\n1\n2\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
});

test("a gate that is to leave before its turn ends with 0 and runs nothing", async () => {
  using pod = makeScratchPod();
  const witness = join(pod.root, "witness");
  layOutPod(makePlan([executor(["/usr/bin/touch", witness])]), pod.roots);
  const step = openStep(stepFolderIn(pod.roots, 0));
  using gate = startGate(pod.roots, 0);
  await step.greeted;
  step.tell("leave");
  expect(await gate.exitCode).toBe(0);
  expect(await step.ended).toBe("gone");
  expect(existsSync(witness)).toBe(false);
});

test("a gate that starts after its turn was given runs all the same", async () => {
  using pod = makeScratchPod();
  layOutPod(makePlan([sh("exit 4")]), pod.roots);
  const step = openStep(stepFolderIn(pod.roots, 0));
  step.tell("run");
  for (const word of ["done", "leave"] as const) step.tell(word);
  using gate = startGate(pod.roots, 0);
  await readOutput(sh(""), 0, {
    step: stepFolderIn(pod.roots, 0),
    plan: makePlan([]),
    folder: pod.roots.work,
  });
  expect(await gate.exitCode).toBe(4);
});

test.each(["TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH"])(
  "SIG%s reaches the whole tool, and its exit code is told",
  async (name) => {
    using pod = makeScratchPod();
    const child = `trap 'echo child; exit 0' ${name}; echo ready; while :; do sleep 0.01; done`;
    const parent = `trap 'echo parent; exit 7' ${name}; sh -c "${child}"`;
    const { step, gate: started, output } = await release(pod, sh(parent));
    using gate = started;
    await logHolds(gate, "ready");
    gate.kill(`SIG${name}` as NodeJS.Signals);
    expect(await step.ended).toBe(7);
    expect(step.isStopped()).toBe(true);
    await output.drained;
    for (const word of ["done", "leave"] as const) step.tell(word);
    expect(await gate.exitCode).toBe(7);
    expect(output.excerpts().stdout).toBe("ready\nchild\nparent\n");
  },
);

test("a tool that ignores SIGTERM goes on, and a second signal reaches it too", async () => {
  using pod = makeScratchPod();
  const script =
    "trap 'echo first' TERM; trap 'echo second; exit 127' HUP; echo ready; while :; do sleep 0.01; done";
  const { step, gate: started } = await release(pod, sh(script));
  using gate = started;
  await logHolds(gate, "ready");
  gate.kill("SIGTERM");
  await logHolds(gate, "first");
  gate.kill("SIGHUP");
  expect(await step.ended).toBe(127);
});

test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)("a waiting gate ends on %s", async (signal) => {
  using pod = makeScratchPod();
  layOutPod(makePlan([sh("")]), pod.roots);
  const step = openStep(stepFolderIn(pod.roots, 0));
  using gate = startGate(pod.roots, 0);
  await step.greeted;
  gate.kill(signal);
  expect(await gate.exitCode).toBe(143);
  expect(await step.ended).toBe("gone");
});

test("a gate without a supervisor ends on SIGTERM", async () => {
  using pod = makeScratchPod();
  layOutPod(makePlan([sh("")]), pod.roots);
  using gate = startGate(pod.roots, 0);
  await until(() => gate.pid() > 0);
  await until(() => readFileSync(`/proc/${gate.pid()}/wchan`, "utf8").includes("wait_for_partner"));
  gate.kill("SIGTERM");
  expect(await gate.exitCode).not.toBe(0);
});

test("a signal between the command's end and the supervisor's word neither ends the gate nor loses the code", async () => {
  using pod = makeScratchPod();
  const { step, gate: started } = await release(pod, sh("exit 9"));
  using gate = started;
  expect(await step.ended).toBe(9);
  for (const signal of ["SIGTERM", "SIGTERM", "SIGHUP"] as const) {
    gate.kill(signal);
    // Long enough for a gate that would not wait any more.
    await Bun.sleep(20);
    expect(step.isClosed()).toBe(false);
  }
  for (const word of ["done", "leave"] as const) step.tell(word);
  expect(await gate.exitCode).toBe(9);
});

test("a gate killed with SIGKILL is known to be dead", async () => {
  using pod = makeScratchPod();
  const { step, gate: started } = await release(pod, sh("echo ready; sleep 100"));
  using gate = started;
  await logHolds(gate, "ready");
  gate.kill("SIGKILL");
  expect(await step.ended).toBe("gone");
  expect(step.isStopped()).toBe(true);
});

test("what a command left behind is over before the gate says that it is alone", async () => {
  using pod = makeScratchPod();
  const pulse = join(pod.root, "pulse");
  const daemon = `(trap '' TERM HUP; while :; do echo >>${pulse}; sleep 0.005; done) & sleep 0.05`;
  const { step, gate: started } = await release(pod, sh(daemon));
  using gate = started;
  expect(await step.ended).toBe(0);
  step.tell("done");
  await step.over;
  const atTheEnd = readFileSync(pulse, "utf8").length;
  expect(atTheEnd).toBeGreaterThan(0);
  expect(step.isClosed()).toBe(false);
  await Bun.sleep(30);
  expect(readFileSync(pulse, "utf8").length).toBe(atTheEnd);
  step.tell("leave");
  expect(await gate.exitCode).toBe(0);
});

test("what the gate's user may not kill ends with the gate, which then does not stay", async () => {
  using pod = makeScratchPod();
  chmodSync(pod.root, 0o755);
  const pulse = join(pod.root, "pulse");
  // Started by root, before the gate drops it, as a program with the setuid bit would be.
  const foreign = `while :; do echo >>'${pulse}'; sleep 0.005; done & exec setpriv --reuid=12345 --regid=54321 --clear-groups "$@"`;
  const { step, gate: started } = await release(pod, sh("exit 3"), ["sh", "-c", foreign, "sh"]);
  using gate = started;
  expect(await step.ended).toBe(3);
  step.tell("done");
  await step.over;
  expect(await gate.exitCode).toBe(3);
  const atTheEnd = readFileSync(pulse, "utf8").length;
  expect(atTheEnd).toBeGreaterThan(0);
  await Bun.sleep(30);
  expect(readFileSync(pulse, "utf8").length).toBe(atTheEnd);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "a gate that stays ends on %s, with its command's code",
  async (signal) => {
    using pod = makeScratchPod();
    const { step, gate: started } = await release(pod, sh("exit 9"));
    using gate = started;
    await step.ended;
    step.tell("done");
    await step.over;
    expect(step.isClosed()).toBe(false);
    gate.kill(signal);
    expect(await gate.exitCode).toBe(9);
  },
);

test("a gate that may leave while its command runs does so when that is over", async () => {
  using pod = makeScratchPod();
  const { step, gate: started } = await release(pod, sh("sleep 0.1; exit 9"));
  using gate = started;
  step.tell("leave");
  expect(await step.ended).toBe(9);
  expect(await gate.exitCode).toBe(9);
});

test("orphans of the command are reaped", async () => {
  using pod = makeScratchPod();
  const script = "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.2; ps -eo stat= | grep -c Z; true";
  expect(await run(pod, sh(script))).toMatchObject({ told: 0, stdout: "0\n" });
});

test("an image with nothing in it will do: no root, no write access, no /tmp", async () => {
  using pod = makeScratchPod();
  const image = join(pod.root, "rootfs");
  for (const folder of [".tes/bin", ".tes/step", "dev"]) mkdirSync(join(image, folder), { recursive: true });
  for (const file of ["busybox", "dev/null"]) writeFileSync(join(image, file), "");
  chmodSync(pod.root, 0o755);
  const bind = (from: string, to: string, option: string) =>
    `mount --bind '${from}' '${join(image, to)}' && mount -o remount,bind,${option} '${join(image, to)}'`;
  const script = [
    `mount --bind '${image}' '${image}'`,
    bind(pod.roots.bin, ".tes/bin", "ro"),
    bind(stepFolderIn(pod.roots, 0), ".tes/step", "ro"),
    bind("/dev/null", "dev/null", "rw"),
    bind(busybox, "busybox", "ro"),
    `mount -o remount,bind,ro '${image}'`,
    `exec chroot --userspec=12345:54321 '${image}' /.tes/bin/sh /.tes/bin/gate /.tes/step`,
  ].join(" && ");
  const result = await run(pod, executor(["/busybox", "id"], { workdir: "/" }), ["sh", "-c", script]);
  expect(result.stderr).toBe("");
  expect(result).toMatchObject({ told: 0, stdout: "uid=12345 gid=54321\n" });
});

test("a waiting gate needs little memory", async () => {
  using pod = makeScratchPod();
  layOutPod(makePlan([sh("")]), pod.roots);
  const step = openStep(stepFolderIn(pod.roots, 0));
  using gate = startGate(pod.roots, 0);
  await step.greeted;
  const status = readFileSync(`/proc/${gate.pid()}/status`, "utf8");
  const kib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  console.log(`    a waiting gate: ${kib} KiB resident`);
  expect(kib).toBeLessThan(2048);
});

test("the script is one that the shell can parse", () => {
  const gate = join(import.meta.dirname, "../../sidecar/step/gate.sh");
  const { status, stderr } = spawnSync(shell, ["-n", gate], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

const logHolds = (gate: Gate, text: string): Promise<void> => until(() => gate.log.stdout.includes(text));

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 4000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("What was waited for did not come");
    await Bun.sleep(2);
  }
}
