// A pod whose outputs have nowhere to go ends before its first executor; one whose storage only says nothing runs.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { useServers } from "../filer/servers.ts";
import { executor, makePlan, makeScratchPod, type ScratchPod, startGate } from "../step/scratch-pod.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { runPod, startSidecar } from "./pod.ts";

const servers = useServers();
let pod: ScratchPod;
/** Takes connections, and never says a word. */
let silent: Server;
const sockets = new Set<Socket>();
beforeEach(() => {
  pod = makeScratchPod();
  silent = createServer((socket) => void sockets.add(socket.on("error", () => undefined))).listen(
    0,
    "127.0.0.1",
  );
});
afterEach(() => {
  pod[Symbol.dispose]();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  silent.close();
});

const silentUrl = () => `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
const environment = (endpoint = servers.minio.settings.endpoint): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint ?? "",
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: servers.minio.settings.accessKeyId ?? "",
  AWS_SECRET_ACCESS_KEY: servers.minio.settings.secretAccessKey ?? "",
});
const plan = (url: string, more: Partial<WrittenPlan> = {}) =>
  makePlan([executor(["/bin/sh", "-c", `echo ran >${join(pod.root, "ran")}`])], {
    staging: "supervisor",
    mounts: [{ path: "/data", folder: "m0", file: false }],
    outputs: [{ path: "/data/out", type: "FILE", url }],
    ...more,
  });
const last = (events: ReportEvent[] = []) => events.at(-1);
const hasRun = () => existsSync(join(pod.root, "ran"));

test("a bucket that is not there: told with the field, and the executor never starts", async () => {
  const end = await runPod(pod, { plan: plan("s3://no-such-bucket/x"), environment: environment() });
  expect(last(end.supervisor?.events)).toEqual({
    type: "finished",
    outcome: "system-error",
    message: 'outputs[0].url: Cannot upload to "s3://no-such-bucket/x": the bucket does not exist',
  });
  expect(end.supervisor?.events.map(({ type }) => type)).not.toContain("executor-started");
  expect(hasRun()).toBe(false);
  expect(end.gates).toEqual([0]);
});

test("a host that nobody knows is told although the gate is there at once, and the executor never starts", async () => {
  const url = "http://no-such-host.invalid/x";
  const end = await runPod(pod, { plan: plan(url) });
  expect(last(end.supervisor?.events)).toMatchObject({
    outcome: "system-error",
    message: `outputs[0].url: Cannot upload to "${url}": its host is not known`,
  });
  expect(hasRun()).toBe(false);
});

test("a bucket that is there: the executor runs", async () => {
  const url = `s3://${await servers.minio.makeBucket()}/x`;
  const end = await runPod(pod, { plan: plan(url), environment: environment() });
  expect(last(end.supervisor?.events)).toMatchObject({ outcome: "complete" });
  expect(hasRun()).toBe(true);
});

test("storage that says nothing holds nobody up: the executor runs", async () => {
  using supervisor = startSidecar("supervise", pod, {
    plan: plan("s3://bucket/x"),
    environment: environment(silentUrl()),
  });
  while (!existsSync(join(pod.roots.steps, "laid-out"))) await Bun.sleep(5);
  using gate = startGate(pod.roots, 0);
  await supervisor.saw("executor-ended");
  expect(hasRun()).toBe(true);
  // By then the question was asked.
  expect(sockets.size).toBeGreaterThan(0);
  expect(gate.log.stderr).toBe("");
});

test("no executor's container is waited for to tell that the bucket is not there", async () => {
  using supervisor = startSidecar("supervise", pod, {
    plan: plan("s3://no-such-bucket/x"),
    environment: environment(),
  });
  await supervisor.saw("finished");
  expect(last(supervisor.events())).toMatchObject({ outcome: "system-error" });
  supervisor.process.kill("SIGTERM");
  await supervisor.exitCode;
});

test.each(["init", "supervisor"] as const)("staging by %s is not carried on for nothing", async (staging) => {
  const inputs = [{ path: "/data/in", type: "FILE" as const, url: `${silentUrl()}/never` }];
  using sidecar = startSidecar(staging === "init" ? "stage-in" : "supervise", pod, {
    plan: plan("s3://no-such-bucket/x", { staging, inputs }),
    environment: environment(),
  });
  await sidecar.saw("finished");
  expect(last(sidecar.events())).toEqual({
    type: "finished",
    outcome: "system-error",
    message: 'outputs[0].url: Cannot upload to "s3://no-such-bucket/x": the bucket does not exist',
  });
  sidecar.process.kill("SIGTERM");
  await sidecar.exitCode;
});

test("a pod that is stopped while it asks is interrupted, and has not failed", async () => {
  using supervisor = startSidecar("supervise", pod, {
    plan: plan("s3://bucket/x"),
    environment: environment(silentUrl()),
  });
  while (sockets.size === 0) await Bun.sleep(5);
  supervisor.process.kill("SIGTERM");
  await supervisor.exitCode;
  expect(last(supervisor.events())).toMatchObject({ type: "finished", outcome: "interrupted" });
});
