// A whole pod: the sidecar program as processes, real gates, a real service to report to.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reportPath } from "../../sidecar/contract/paths.ts";
import type { TaskPlan } from "../../sidecar/contract/plan.ts";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { hasDigest, signatureHeader, signedDigest } from "../../sidecar/contract/token.ts";
import { startFileServer } from "../filer/file-server.ts";
import { executor, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import { reportKey, runPod, startContainers, startSidecar, terminationMessage } from "./pod.ts";
import { startReportServer } from "./report-server.ts";

let pod: ScratchPod;
beforeEach(() => {
  pod = makeScratchPod();
});
afterEach(() => pod[Symbol.dispose]());

const sh = (script: string, more: Parameters<typeof executor>[1] = {}) =>
  executor(["/bin/sh", "-c", script], more);
const types = (events: ReportEvent[] = []) => events.map(({ type }) => type);
const ended = (events: ReportEvent[] = []) =>
  events.flatMap((event) => (event.type === "executor-ended" ? [event] : []));
const last = (events: ReportEvent[] = []) => events.at(-1);
const run = (plan: TaskPlan) => runPod(pod, { plan });

test("a task is laid out, run and reported, without a service to report to", async () => {
  const end = await run(makePlan([sh("echo out; echo err >&2")]));
  expect(end.stageIn).toMatchObject({ exitCode: 0, events: [{ type: "staged", files: 0, bytes: 0 }] });
  expect(end.supervisor?.exitCode).toBe(0);
  expect(end.supervisor?.events).toMatchObject([
    { type: "executor-started", executor: 0 },
    { type: "executor-ended", executor: 0, exitCode: 0, stdout: "out\n", stderr: "err\n" },
    { type: "finished", outcome: "complete" },
  ]);
  expect(end.supervisor?.journal.map(({ source, sequence }) => [source, sequence])).toEqual([
    ["supervisor", 1],
    ["supervisor", 2],
    ["supervisor", 3],
  ]);
  expect(end).toMatchObject({ gates: [0], logs: [{ stdout: "out\n", stderr: "err\n" }] });
  expect(end.termination).toEqual({ outcome: "complete", lastSequence: 3, released: 1 });
});

test.each([
  ["all succeed", ["0", "0", "0"], [0, 0, 0], "complete"],
  ["one fails", ["0", "3", "0"], [0, 3], "executor-error"],
  ["one fails, which is to be ignored", ["0", "3!", "0"], [0, 3, 0], "complete"],
  ["the last fails, which is to be ignored", ["0", "0", "3!"], [0, 0, 3], "complete"],
  ["an ignored failure, then a real one", ["1!", "2", "0"], [1, 2], "executor-error"],
])("executors: %s", async (_, scripts, codes, outcome) => {
  const executors = scripts.map((text) =>
    sh(`exit ${text.replace("!", "")}`, { ignoreError: text.endsWith("!") }),
  );
  const end = await run(makePlan(executors));
  expect(ended(end.supervisor?.events).map(({ exitCode }) => exitCode)).toEqual(codes);
  expect(last(end.supervisor?.events)).toMatchObject({ type: "finished", outcome });
  expect(end.supervisor?.exitCode).toBe(0);
  // Those that were not released end well, so that the pod does not look failed on their account.
  expect(end.gates).toEqual(scripts.map((_text, index) => codes[index] ?? 0));
});

test("executors never overlap, and follow each other at once", async () => {
  const times = join(pod.root, "times");
  const stamp = "cut -d' ' -f1 /proc/uptime";
  // Nanoseconds: /proc/uptime is too coarse for the gap, and good enough to see an overlap.
  const script = `date +%s%N >>${times}; ${stamp} >/dev/null; date +%s%N >>${times}`;
  const end = await run(makePlan(Array.from({ length: 8 }, () => sh(script))));
  expect(end.gates).toEqual(Array(8).fill(0));
  const nanoseconds = readFileSync(times, "utf8").trim().split("\n").map(BigInt);
  expect(nanoseconds).toHaveLength(16);
  const gaps = Array.from(
    { length: 7 },
    (_, index) => Number((nanoseconds[index * 2 + 2] ?? 0n) - (nanoseconds[index * 2 + 1] ?? 0n)) / 1e6,
  );
  console.log(`    gaps between executors: ${gaps.map((gap) => gap.toFixed(1)).join(" ")} ms`);
  expect(Math.min(...gaps)).toBeGreaterThan(0);
});

test("a daemon that holds the output neither stops the task nor lives beside the next executor", async () => {
  const pulse = join(pod.root, "pulse");
  const daemon = `(trap '' TERM HUP; while :; do echo >>${pulse}; sleep 0.005; done) & echo started`;
  const look = `a=$(wc -c <${pulse}); sleep 0.1; b=$(wc -c <${pulse}); test $a = $b`;
  const end = await run(makePlan([sh(daemon), sh(look)]));
  expect(ended(end.supervisor?.events)).toMatchObject([
    { exitCode: 0, stdout: "started\n" },
    { exitCode: 0 },
  ]);
});

test("the log keeps the first and the last of a long output", async () => {
  const plan = makePlan([sh("seq 1 100000")], { logHeadBytes: 10, logTailBytes: 12 });
  const [event] = ended((await run(plan)).supervisor?.events);
  expect(event?.stdout).toBe(
    "1\n2\n3\n4\n5\n[tespod: 588873 bytes left out]\n99999\n100000\n".replace("99999\n", "9999\n"),
  );
});

const data = [{ path: "/data", folder: "m0", file: false }];

test("outputs with a path of their own are in the log too, byte for byte", async () => {
  const { end, local } = await runWithPaths("seq 30000; seq 9 >&2", {
    stdout: "/data/out",
    stderr: "/data/l/err",
  });
  expect(ended(end.supervisor?.events).at(-1)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^1\n2\n.*\[tespod: \d+ bytes left out\]\n.*29999\n30000\n$/s),
    stderr: readFileSync(local("l/err"), "utf8"),
  });
  expect(readFileSync(local("out"), "utf8")).toBe(
    Array.from({ length: 30_000 }, (_, at) => `${at + 1}\n`).join(""),
  );
});

const runWithPaths = async (script: string, paths: Parameters<typeof executor>[1], before = "true") => {
  const local = (name: string) => join(pod.root, "work/m0", name);
  // The command runs on this machine's own files, so /data is where the work volume has it.
  const prepare = sh(`cd ${join(pod.root, "work/m0")} && ${before}`);
  return { local, end: await run(makePlan([prepare, sh(script, paths)], { mounts: data })) };
};

test.each([
  { title: "out of the task's files", before: "ln -s /proc/self/environ out", words: "it leads outside" },
  { title: "to the file of another task", before: "ln -s ../../other out", words: "it leads outside" },
  { title: "that is a folder", before: "mkdir out", words: "it is a directory" },
  { title: "that is a FIFO", before: "mkfifo out", words: "it is not a regular file" },
  { title: "below a file", before: "echo >out", words: "not a directory", stdout: "/data/out/x" },
])("a stdout $title is 125 in words, and the command does not run", async (row) => {
  const { end } = await runWithPaths("echo ran >&2", { stdout: row.stdout ?? "/data/out" }, row.before);
  const [, event] = ended(end.supervisor?.events);
  expect(event?.exitCode).toBe(125);
  expect(event?.stderr).toStartWith(`Cannot write stdout of executor 1 to "${row.stdout ?? "/data/out"}": `);
  expect(event?.stderr).toContain(row.words);
  expect(event?.stderr).not.toContain("ran\n");
  expect(end.gates[1]).toBe(125);
});

test("a stdout by a link within the task's files, to nothing so far, makes what it leads to", async () => {
  const { end, local } = await runWithPaths("echo 1", { stdout: "/data/out" }, "mkdir d; ln -s d/real out");
  expect(ended(end.supervisor?.events)).toMatchObject([{}, { exitCode: 0, stdout: "1\n" }]);
  expect(readFileSync(local("d/real"), "utf8")).toBe("1\n");
});

async function runStageIn(plan: TaskPlan): Promise<void> {
  using stageIn = startSidecar("stage-in", pod, { plan });
  expect(await stageIn.exitCode).toBe(0);
}

test("an executor whose gate is killed is 137", async () => {
  const plan = makePlan([sh("echo ready; sleep 100"), sh("true")]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  const [first] = containers.gates;
  while (!first?.log.stdout.includes("ready")) await Bun.sleep(2);
  first.kill("SIGKILL");
  expect(await containers.supervisor.exitCode).toBe(0);
  expect(containers.supervisor.events()).toMatchObject([
    { type: "executor-started" },
    { type: "executor-ended", exitCode: 137, stdout: "ready\n" },
    { type: "finished", outcome: "executor-error" },
  ]);
});

test("an executor that is told to stop shortly before the supervisor is has its log and code, and has not failed", async () => {
  const plan = makePlan([sh("echo ready; sleep 100")]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  const [first] = containers.gates;
  while (!first?.log.stdout.includes("ready")) await Bun.sleep(2);
  first.kill("SIGTERM");
  await Bun.sleep(300);
  containers.supervisor.process.kill("SIGTERM");
  await containers.supervisor.exitCode;
  expect(containers.supervisor.events()).toMatchObject([
    { type: "executor-started" },
    { type: "executor-ended", exitCode: 143, stdout: "ready\n" },
    { type: "finished", outcome: "interrupted", message: "Stopped by SIGTERM" },
  ]);
}, 30_000);

test("an executor that is told to stop just after the supervisor was has its log and code", async () => {
  const plan = makePlan([
    sh("echo ready; trap 'echo bye; exit 6' TERM; while :; do sleep 0.01; done"),
    sh("true"),
  ]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  const [first] = containers.gates;
  while (!first?.log.stdout.includes("ready")) await Bun.sleep(2);
  await Bun.sleep(50);
  containers.supervisor.process.kill("SIGTERM");
  await Bun.sleep(100);
  first.kill("SIGTERM");
  await containers.supervisor.exitCode;
  expect(containers.supervisor.events()).toMatchObject([
    { type: "executor-started" },
    { type: "executor-ended", exitCode: 6, stdout: "ready\nbye\n" },
    { type: "finished", outcome: "interrupted", message: "Stopped by SIGTERM" },
  ]);
}, 30_000);

test("nor has one that waits for its turn", async () => {
  const plan = makePlan([sh("sleep 0.2"), sh("true")]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  await containers.supervisor.saw("executor-started");
  containers.gates[1]?.kill("SIGTERM");
  await containers.supervisor.saw("executor-ended");
  containers.supervisor.process.kill("SIGTERM");
  await containers.supervisor.exitCode;
  expect(last(containers.supervisor.events())).toMatchObject({ type: "finished", outcome: "interrupted" });
}, 30_000);

test("an executor that alone is told to stop failed with its code", async () => {
  const plan = makePlan([sh("echo ready; trap 'exit 6' TERM; while :; do sleep 0.01; done")]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  const [first] = containers.gates;
  while (!first?.log.stdout.includes("ready")) await Bun.sleep(2);
  await Bun.sleep(50);
  first.kill("SIGTERM");
  await containers.supervisor.exitCode;
  expect(containers.supervisor.events()).toMatchObject([
    { type: "executor-started" },
    { type: "executor-ended", exitCode: 6 },
    { type: "finished", outcome: "executor-error" },
  ]);
}, 30_000);

test("a waiting executor that is killed is a system error", async () => {
  const plan = makePlan([sh("sleep 0.2"), sh("true")]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  await containers.supervisor.saw("executor-started");
  containers.gates[1]?.kill("SIGKILL");
  await containers.supervisor.exitCode;
  expect(last(containers.supervisor.events())).toEqual({
    type: "finished",
    outcome: "system-error",
    message: "Executor 1 was killed before its turn",
  });
});

test("when the supervisor dies, waiting gates end with 125 and the running one with its command's code", async () => {
  const plan = makePlan([sh("sleep 0.3; exit 5"), sh("true"), sh("true")]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  await containers.supervisor.saw("executor-started");
  // A gate that comes later would wait for a supervisor until its pod is removed.
  while (!containers.gates.every((gate) => existsSync(`/proc/${gate.pid()}/fd/4`))) await Bun.sleep(2);
  containers.supervisor.process.kill("SIGKILL");
  expect(await Promise.all(containers.gates.map((gate) => gate.exitCode))).toEqual([5, 125, 125]);
});

test("a command that prints after the supervisor has ended may go on to its end", async () => {
  const late = "for i in 1 2 3 4 5; do echo late; echo late >&2; sleep 0.05; done; exit 7";
  const plan = makePlan([sh(`trap '${late}' TERM; echo up; while :; do sleep 0.05; done`)]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  const [gate] = containers.gates;
  while (!gate?.log.stdout.includes("up")) await Bun.sleep(5);
  containers.supervisor.process.kill("SIGTERM");
  await containers.supervisor.exitCode;
  gate.kill("SIGTERM");
  expect(await gate.exitCode).toBe(7);
}, 20_000);

test("SIGTERM interrupts the supervisor, which says so and ends", async () => {
  using server = startReportServer();
  const plan = makePlan([sh("sleep 1000"), sh("true")]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan, callbackUrl: server.url });
  await containers.supervisor.saw("executor-started");
  containers.supervisor.process.kill("SIGTERM");
  expect(await containers.supervisor.exitCode).toBe(0);
  const finished = { type: "finished", outcome: "interrupted", message: "Stopped by SIGTERM" } as const;
  expect(last(containers.supervisor.events())).toEqual(finished);
  expect(last(server.events("supervisor"))).toEqual(finished);
  expect(terminationMessage(pod.roots)).toMatchObject({ outcome: "interrupted" });
  expect(await containers.gates[1]?.exitCode).toBe(0);
});

describe("reports", () => {
  test("the service gets every line of both sources, signed for the attempt, and no key or token", async () => {
    using server = startReportServer();
    const plan = makePlan([sh("echo hello")], { task: "task/ü 1", attempt: 3 });
    const end = await runPod(pod, { plan, callbackUrl: server.url });
    expect(server.events("stage-in")).toEqual(end.stageIn?.events ?? []);
    expect(server.events("supervisor")).toEqual(end.supervisor?.events ?? []);
    for (const request of server.requests) {
      expect(request).toMatchObject({
        path: reportPath("task/ü 1", 3),
        contentType: "application/x-ndjson",
      });
      const signature = request.headers.get(signatureHeader) ?? "";
      const digest = signedDigest(signature, reportKey, "task/ü 1", 3) ?? "";
      expect(hasDigest(request.body, digest)).toBe(true);
      expect(request.headers.get("authorization")).toBeNull();
    }
  });

  test("a service that fails for a while gets everything in the end, once and in order", async () => {
    using server = startReportServer();
    server.refuseWith = [503, 500, 429];
    const plan = makePlan([sh("true"), sh("true")]);
    const end = await runPod(pod, { plan, callbackUrl: server.url });
    expect(server.events("supervisor")).toEqual(end.supervisor?.events ?? []);
  });

  test.each([401, 403])(
    "a service that refuses the token with %d is asked no more, and the task goes on",
    async (status) => {
      using server = startReportServer();
      server.refuseWith = Array(20).fill(status);
      server.refusal = JSON.stringify({ status, message: "no", refused: "token" });
      const plan = makePlan([sh("true"), sh("true"), sh("sleep 0.1")]);
      const end = await runPod(pod, { plan, callbackUrl: server.url });
      expect(last(end.supervisor?.events)).toMatchObject({ outcome: "complete" });
      expect(server.requests.length).toBeLessThanOrEqual(2); // one for each source
    },
  );

  test("events that come during a POST go together into the next", async () => {
    using server = startReportServer();
    server.delayMilliseconds = 100;
    const plan = makePlan(Array.from({ length: 10 }, () => sh("true")));
    const end = await runPod(pod, { plan, callbackUrl: server.url });
    expect(server.events("supervisor")).toHaveLength(end.supervisor?.events.length ?? 0);
    expect(server.requests.length).toBeLessThan(10);
  });

  test("a cancel in the answer ends the task", async () => {
    using server = startReportServer();
    const plan = makePlan([sh("sleep 100"), sh("true")]);
    await runStageIn(plan);
    // stage-in's line has to be answered first: it would cancel the task before it has begun.
    rmSync(join(pod.roots.steps, "stage-in.ndjson"));
    server.cancel = true;
    using containers = await startContainers(pod, { plan, callbackUrl: server.url });
    expect(await containers.supervisor.exitCode).toBe(0);
    expect(containers.supervisor.events()).toMatchObject([
      { type: "executor-started" },
      { type: "finished", outcome: "interrupted", message: "Cancelled by the service" },
    ]);
  });

  test("a task that is cancelled before it has begun runs nothing", async () => {
    using server = startReportServer();
    const plan = makePlan([sh("sleep 100"), sh("true")]);
    await runStageIn(plan);
    server.cancel = true;
    using supervisor = startSidecar("supervise", pod, { plan, callbackUrl: server.url });
    expect(await supervisor.exitCode).toBe(0);
    expect(supervisor.events()).toMatchObject([{ type: "finished", outcome: "interrupted" }]);
  });

  test("a service that is not there does not hold the pod up for ever", async () => {
    const end = await runPod(pod, { plan: makePlan([sh("true")]), callbackUrl: "http://127.0.0.1:1" });
    expect(last(end.supervisor?.events)).toMatchObject({ outcome: "complete" });
  }, 60_000);
});

describe("staging", () => {
  const input = (url: string) => ({ path: "/data/in", type: "FILE" as const, url });

  test.each(["init", "supervisor"] as const)("by the %s", async (staging) => {
    const http = startFileServer();
    await fetch(`${http.url}/file`, { method: "PUT", body: "from afar" });
    const script = `cat ${join(pod.root, "work/m0/in")}`;
    const plan = makePlan([sh(script)], { staging, mounts: data, inputs: [input(`${http.url}/file`)] });
    const end = await run(plan);
    http.stop();
    const staged = staging === "init" ? end.stageIn?.events : end.supervisor?.events;
    expect(staged?.[0]).toMatchObject({ type: "staged", files: 1, bytes: 9 });
    expect(ended(end.supervisor?.events)).toMatchObject([{ exitCode: 0, stdout: "from afar" }]);
  });

  test.each(["init", "supervisor"] as const)(
    "a failure is a system error with its reason: by the %s",
    async (staging) => {
      using server = startReportServer();
      const http = startFileServer();
      const plan = makePlan([sh("true")], { staging, mounts: data, inputs: [input(`${http.url}/none`)] });
      const end = await runPod(pod, { plan, callbackUrl: server.url });
      http.stop();
      const message = `Cannot stage "${http.url}/none" as "/data/in": the server answered 404`;
      const source = staging === "init" ? "stage-in" : "supervisor";
      const finished = { type: "finished", outcome: "system-error", message } as const;
      expect(server.events(source)).toEqual([finished]);
      expect(end.termination).toEqual({ outcome: "system-error", lastSequence: 1, released: 0 });
      if (staging === "init") {
        expect(end.stageIn).toEqual({ exitCode: 1, events: [finished] });
      } else {
        expect(end.supervisor).toMatchObject({ exitCode: 0, events: [finished] });
        expect(end.gates).toEqual([0]);
      }
    },
  );

  test("a plan that is none is a system error", async () => {
    using stageIn = startSidecar("stage-in", pod, { plan: makePlan([]) });
    expect(await stageIn.exitCode).toBe(1);
    expect(stageIn.events()).toMatchObject([{ type: "finished", outcome: "system-error" }]);
    expect(JSON.stringify(stageIn.events())).toContain("Cannot read the task plan: executors");
  });
});

describe("uploading", () => {
  const output = (url: string) => ({ path: "/data/out", type: "FILE" as const, url });
  const write = (text: string) => sh(`echo ${text} >${join(pod.root, "work/m0/out")}`);

  test("outputs are uploaded after the last executor, and after a failure too", async () => {
    const http = startFileServer();
    const plan = makePlan([write("kept"), sh("exit 1"), sh("true")], {
      mounts: data,
      outputs: [output(`${http.url}/out`), { ...output(`${http.url}/none`), path: "/data/none" }],
    });
    const end = await run(plan);
    expect(await (await fetch(`${http.url}/out`)).text()).toBe("kept\n");
    http.stop();
    expect(types(end.supervisor?.events).slice(4)).toEqual(["note", "uploaded", "finished"]);
    expect(end.supervisor?.events).toContainEqual({
      type: "uploaded",
      outputs: [{ path: "/data/out", url: `${http.url}/out`, sizeBytes: 5 }],
    });
    expect(last(end.supervisor?.events)).toMatchObject({ outcome: "executor-error" });
  });

  /** A server that takes nothing, of which nobody could know beforehand. */
  function startRefusing(): { url: string } & Disposable {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response(null, { status: 403 }),
    });
    return { url: `${server.url.origin}/key`, [Symbol.dispose]: () => void server.stop(true) };
  }

  test("a failed upload is a system error", async () => {
    using refusing = startRefusing();
    const end = await run(makePlan([write("x")], { mounts: data, outputs: [output(refusing.url)] }));
    expect(last(end.supervisor?.events)).toMatchObject({
      outcome: "system-error",
      message: expect.stringContaining(`Cannot upload "/data/out" to "${refusing.url}": `),
    });
  });

  test("after an executor's failure it is noted, and the failure stays the executor's", async () => {
    using refusing = startRefusing();
    const outputs = [output(refusing.url)];
    const end = await run(makePlan([write("x"), sh("exit 2")], { mounts: data, outputs }));
    expect(end.supervisor?.events.slice(-2)).toMatchObject([
      { type: "note", message: expect.stringContaining('Cannot upload "/data/out"') },
      { type: "finished", outcome: "executor-error" },
    ]);
  });
});

test("gates stay when their executors are over, but no more than sixteen", async () => {
  const flag = join(pod.root, "go-on");
  const waiting = sh(`while [ ! -e ${flag} ]; do sleep 0.01; done`);
  const plan = makePlan([...Array.from({ length: 17 }, () => sh("true")), waiting]);
  await runStageIn(plan);
  using containers = await startContainers(pod, { plan });
  const { gates, supervisor } = containers;
  expect(await gates[0]?.exitCode).toBe(0);
  while (ended(supervisor.events()).length < 17) await Bun.sleep(2);
  expect(gates.slice(1).map((gate) => existsSync(`/proc/${gate.pid()}`))).toEqual(Array(17).fill(true));
  writeFileSync(flag, "");
  expect(await Promise.all(gates.map((gate) => gate.exitCode))).toEqual(Array(18).fill(0));
}, 30_000);

test("64 executors need no more than a little memory and time", async () => {
  const plan = makePlan([sh("sleep 0.5"), ...Array.from({ length: 63 }, () => sh("true"))]);
  await runStageIn(plan);
  const start = performance.now();
  using containers = await startContainers(pod, { plan });
  await containers.supervisor.saw("executor-started");
  const status = readFileSync(`/proc/${containers.supervisor.process.pid}/status`, "utf8");
  const mib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  expect(await containers.supervisor.exitCode).toBe(0);
  console.log(
    `    64 executors: ${(performance.now() - start - 500).toFixed(0)} ms, supervisor ${mib.toFixed(0)} MiB`,
  );
  expect(last(containers.supervisor.events())).toMatchObject({ outcome: "complete" });
  expect(mib).toBeLessThan(100);
}, 30_000);

test("--help says what there is, and an unknown command is refused", async () => {
  using help = startSidecar("--help", pod, { plan: makePlan([sh("")]) });
  expect(await help.exitCode).toBe(0);
  using unknown = startSidecar("dance", pod, { plan: makePlan([sh("")]) });
  expect(await unknown.exitCode).toBe(2);
  expect(unknown.stderr()).toContain("Usage: ");
});
