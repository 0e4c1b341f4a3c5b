// The first executor waits for the service's word: the sidecar program itself, real gates, a server that can be told to misbehave.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ENV_RELEASE_WAIT } from "../../sidecar/contract/paths.ts";
import { executor, makePlan, makeScratchPod, type ScratchPod, startGate } from "../step/scratch-pod.ts";
import { startContainers, startSidecar, terminationMessage } from "./pod.ts";
import { type ReportServer, startReportServer } from "./report-server.ts";

setDefaultTimeout(30_000); // whole programs start here, on a machine that may be busy

let pod: ScratchPod;
let server: ReportServer;
let started: string;

beforeEach(() => {
  pod = makeScratchPod();
  server = startReportServer();
  started = join(pod.root, "started");
});
afterEach(() => {
  server[Symbol.dispose]();
  pod[Symbol.dispose]();
});

const over = JSON.stringify({ status: 410, message: "Attempt 1 is over", refused: "attempt" });

/** A pod whose one executor leaves a file; the supervisor lays out the volumes. */
const settings = (seconds: number) => ({
  plan: makePlan([executor(["/bin/sh", "-c", `: >${started}`])], { staging: "supervisor" }),
  callbackUrl: server.url,
  environment: { [ENV_RELEASE_WAIT]: String(seconds) },
});
const start = (seconds: number) => startContainers(pod, settings(seconds));

describe("a pod that is told to wait for the service", () => {
  test("starts its executor when the service has acknowledged that it can start", async () => {
    server.refuseWith = [503, 503, 503];
    using containers = await start(60);
    await containers.supervisor.saw("ready");
    expect(existsSync(started)).toBe(false);
    expect(await containers.supervisor.exitCode).toBe(0);
    expect(existsSync(started)).toBe(true);
    expect(containers.supervisor.events().map(({ type }) => type)).toEqual([
      "staged",
      "ready",
      "executor-started",
      "executor-ended",
      "finished",
    ]);
    expect(terminationMessage(pod.roots)).toEqual({ outcome: "complete", lastSequence: 5, released: 1 });
  });

  test.each([
    { title: "that keeps silent", misbehaviour: { delayMilliseconds: 120_000 } },
    {
      title: "in whose place a proxy answers",
      misbehaviour: { refuseWith: Array(99).fill(404) },
    },
  ])("starts it without a service $title once its time is up, and says so", async ({ misbehaviour }) => {
    Object.assign(server, misbehaviour);
    using containers = await start(1);
    await containers.supervisor.saw("executor-ended");
    expect(containers.supervisor.events()).toMatchObject([
      { type: "staged" },
      { type: "ready" },
      {
        type: "note",
        message: "The service did not answer in 1 s; the first executor was started all the same",
      },
      { type: "executor-started" },
      { type: "executor-ended" },
    ]);
  });

  test("never starts it when the service says that the attempt is over", async () => {
    server.refuseWith = Array(99).fill(503);
    using containers = await start(60);
    await containers.supervisor.saw("ready");
    Object.assign(server, { refuseWith: [410], refusal: over });
    expect(await containers.supervisor.exitCode).toBe(0);

    expect(await containers.gates[0]?.exitCode).toBe(0);
    expect(existsSync(started)).toBe(false);
    expect(containers.supervisor.events().at(-1)).toMatchObject({ type: "finished", outcome: "interrupted" });
    expect(terminationMessage(pod.roots)).toMatchObject({ outcome: "interrupted", released: 0 });
  });

  test("waits for a service that has answered it for longer, once it has said so", async () => {
    using supervisor = startSidecar("supervise", pod, settings(1));
    const waits = () =>
      supervisor.events().flatMap((event) => (event.type === "waiting" ? [event.seconds] : []));
    while (waits().length < 2) await Bun.sleep(20);
    expect(waits()).toEqual([1, 600]);
    server.delayMilliseconds = 120_000;
    using gate = startGate(pod.roots, 0);
    await supervisor.saw("ready");
    await Bun.sleep(2000); // longer than it waits for a service that it never reached
    expect(existsSync(started)).toBe(false);
    supervisor.process.kill("SIGTERM");
    expect(await supervisor.exitCode).toBe(0);
    expect(await gate.exitCode).toBe(0);
    expect(existsSync(started)).toBe(false);
  });

  test("makes no promise to a service that does not answer", async () => {
    server.delayMilliseconds = 120_000;
    using supervisor = startSidecar("supervise", pod, settings(1));
    await supervisor.saw("waiting");
    using _gate = startGate(pod.roots, 0);
    await supervisor.saw("executor-started");
    expect(supervisor.events().filter(({ type }) => type === "waiting")).toEqual([
      { type: "waiting", seconds: 1 },
    ]);
  });

  test("never starts it when it is told to stop while it waits", async () => {
    server.delayMilliseconds = 120_000;
    using containers = await start(60);
    await containers.supervisor.saw("ready");
    containers.supervisor.process.kill("SIGTERM");
    expect(await containers.supervisor.exitCode).toBe(0);
    expect(existsSync(started)).toBe(false);
    expect(terminationMessage(pod.roots)).toMatchObject({ outcome: "interrupted", released: 0 });
  });
});

test("a pod of a version that does not wait, or without a service to report to, starts at once", async () => {
  server.delayMilliseconds = 120_000;
  using containers = await start(0);
  await containers.supervisor.saw("executor-ended");
  expect(containers.supervisor.events().map(({ type }) => type)).not.toContain("ready");
});
