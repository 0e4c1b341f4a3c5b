// A service process without a cluster: the real API on a real store, and a stand-in for pods that walks each task through
// its states. With TESPOD_AUTH_FILE it wants logins. It knows three commands: cat prints the first input, "exit N" ends so, "sleep" lasts until it is canceled.
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { createApp } from "../../src/api/app.ts";
import { createBodyBudget } from "../../src/api/body-budget.ts";
import { createAuthenticate } from "../../src/authenticate.ts";
import type { Reconciler } from "../../src/reconcile/reconcile.ts";
import { serve } from "../../src/serve.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { limits } from "../../src/tes/limits.ts";
import { noAdditions, type TaskRecord, withState } from "../../src/tes/record.ts";
import { isTerminal, type State } from "../../src/tes/state.ts";
import { makeSettings, silent } from "../support/make.ts";

const stepMilliseconds = 150;
const root = normalizePath("/");
const store = openSqliteStore(process.argv[2] ?? "");
const clock = () => new Date();
const authFile = process.env["TESPOD_AUTH_FILE"];

/** Saves the record in that state; false if a cancel came first or it is over. */
async function enter(id: string, state: State): Promise<TaskRecord | undefined> {
  const record = await store.get(id);
  if (record === undefined || record.state === "CANCELING" || isTerminal(record.state)) return undefined;
  const next = withState(record, state, clock());
  const run = { ...next.run, startTime: next.run.startTime ?? clock().toISOString() };
  const saved = await store.save(state === "RUNNING" ? { ...next, run } : next, noAdditions);
  return saved ? await store.get(id) : undefined;
}

async function walk(id: string): Promise<void> {
  await sleep(stepMilliseconds);
  if ((await enter(id, "INITIALIZING")) === undefined) return;
  await sleep(stepMilliseconds);
  const record = await enter(id, "RUNNING");
  if (record === undefined) return;
  await sleep(stepMilliseconds);
  const content = (await store.getFull(id))?.record.task.inputs?.[0]?.content ?? "";
  const lines = record.task.executors.map(({ command }) => command.join(" "));
  if (lines.some((line) => line.includes("sleep"))) return;
  const codes = lines.map((line) => Number(/exit (\d+)/.exec(line)?.[1] ?? 0));
  const failure = codes.findIndex((code) => code !== 0);
  const ran = failure === -1 ? lines : lines.slice(0, failure + 1);
  const [startTime, endTime] = [record.creationTime, clock().toISOString()];
  const executors = ran.map((_, executor) => ({
    executor,
    startTime,
    endTime,
    exitCode: codes[executor] ?? 0,
  }));
  const ended = withState(record, failure === -1 ? "COMPLETE" : "EXECUTOR_ERROR", clock());
  const tails = ran.map((line, executor) => ({
    executor,
    stdout: line.includes("cat") ? content : "",
    stderr: "",
  }));
  await store.save({ ...ended, live: false, run: { ...ended.run, executors } }, { systemLogs: [], tails });
}

async function cancel(id: string): Promise<boolean> {
  const record = await store.get(id);
  if (record === undefined) return false;
  if (isTerminal(record.state) || record.state === "CANCELING") return true;
  const canceling = withState(record, "CANCELING", clock());
  if (!(await store.save(canceling, noAdditions))) return cancel(id);
  await sleep(stepMilliseconds);
  const canceled = withState({ ...canceling, version: canceling.version + 1 }, "CANCELED", clock());
  await store.save({ ...canceled, live: false }, noAdditions);
  return true;
}

const reconciler: Reconciler = {
  poke: (id) => void walk(id),
  cancel,
  report: () => Promise.resolve(undefined),
  run: () => Promise.resolve(),
};

const bodies = createBodyBudget(2 * limits.bodyBytesMax);
const app = createApp({
  store,
  reconciler,
  // cwl-tes names files of its own machine.
  podSettings: makeSettings({ files: { claim: "files", root, bases: [root], inPlace: false } }),
  bodies,
  reportBodies: bodies,
  tokenKey: "key",
  reportKey: () => undefined,
  info: {
    id: "org.example.walk",
    name: "Walk",
    organization: { name: "Example", url: "https://example.org" },
    storage: [],
    version: "0.0.0",
  },
  corsOrigins: [],
  internalSince: clock().toISOString(),
  tokensBefore: clock().toISOString(),
  ...(authFile === undefined ? {} : { authenticate: createAuthenticate(authFile, silent) }),
  clock,
  log: silent,
  isReady: () => true,
});
const { port } = serve({
  hostname: "127.0.0.1",
  port: 0,
  bodyBytesMax: limits.bodyBytesMax,
  fetch: (request) => app.fetch(request),
});
process.stdout.write(`http://127.0.0.1:${port}\n`);
