// What a run leaves that is killed is found and removed, and nothing of others. The runs are processes that call themselves one.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readStartTicks, signal } from "../cluster/local/process.ts";
import { foldersLeft, removeRun } from "./run-remains.ts";

/** Begins a run, starts processes, says which, and goes on until it is killed. */
const script = `
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { beginRun } from ${JSON.stringify(join(import.meta.dirname, "run-remains.ts"))};
import { memoryFolder } from ${JSON.stringify(join(import.meta.dirname, "test-run.ts"))};
const folder = beginRun();
writeFileSync(folder + "/file", "");
const memory = memoryFolder();
const plain = spawn("sleep", ["600"]);
const stubborn = spawn("sh", ["-c", "trap '' TERM; echo up; while :; do sleep 1; done"], { stdio: ["ignore", "pipe", "ignore"] });
const apart = spawn("tail", ["-f", folder + "/file"], { env: { PATH: process.env.PATH }, detached: true });
stubborn.stdout.once("data", () =>
  console.log(JSON.stringify({ folder, memory, pids: [plain, stubborn, apart].map(({ pid }) => pid) })));
`;

interface Run {
  readonly folder: string;
  readonly memory: string;
  readonly pids: readonly number[];
  kill(): Promise<unknown>;
}

async function start(): Promise<Run> {
  const child = Bun.spawn([process.execPath, "--eval", script], { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const kill = () => {
    child.kill("SIGKILL");
    return child.exited;
  };
  return { ...JSON.parse(new TextDecoder().decode(value)), kill };
}

const running = ({ pids }: Run): boolean[] => pids.map((pid) => readStartTicks(pid) !== undefined);

let [killed, other]: Run[] = [];

beforeAll(async () => {
  [killed, other] = await Promise.all([start(), start()]);
}, 60_000);

afterAll(async () => {
  const runs = [killed, other].filter((run) => run !== undefined);
  for (const run of runs) await run.kill();
  for (const pid of runs.filter((run) => existsSync(run.folder)).flatMap(({ pids }) => pids))
    signal(pid, "SIGKILL");
  for (const { folder } of runs) await removeRun(folder);
}, 60_000);

test.skipIf(process.platform !== "linux")(
  "a run that was killed: its processes end, whatever they do about signals, sessions and variables, and its folders go; another's stay",
  async () => {
    if (killed === undefined || other === undefined) throw new Error("There are no runs");
    expect(foldersLeft(other.folder)).not.toContain(killed.folder);
    await killed.kill();
    expect(foldersLeft(other.folder)).toContain(killed.folder);
    expect(foldersLeft(other.folder)).not.toContain(other.folder);
    expect(running(killed)).toEqual([true, true, true]);
    await removeRun(killed.folder);
    expect(running(killed)).toEqual([false, false, false]);
    expect([killed.folder, killed.memory].map((folder) => existsSync(folder))).toEqual([false, false]);
    expect(running(other)).toEqual([true, true, true]);
    expect(existsSync(other.folder)).toBe(true);
  },
  60_000,
);
