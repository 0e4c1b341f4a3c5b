// Local run: the executors of a task as plain processes here, with the same programs, arguments, variables and redirects.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import type { RandomExecutor, RandomTask } from "./random-tasks.ts";

export interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface LocalEnd {
  readonly state: "COMPLETE" | "EXECUTOR_ERROR";
  readonly executors: readonly Ended[];
  /** What the task's folder holds, by the path in it, in base64. */
  readonly files: Readonly<Record<string, string>>;
}

/** A folder of busybox's commands, to be the PATH, as the image has them. */
export function installApplets(busybox: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(busybox, ["--install", "-s", folder], { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot install the applets of ${busybox}: ${stderr}`);
}

/** Runs the task's executors until one fails whose failure is not to be ignored. Leaves nothing behind. */
export async function runLocally(task: RandomTask, applets: string): Promise<LocalEnd> {
  try {
    layOutFiles(task);
    const executors: Ended[] = [];
    let failed = false;
    for (const executor of task.executors) {
      const ended = await run(executor, applets);
      executors.push(ended);
      failed = ended.code !== 0 && !executor.ignore_error;
      if (failed) break;
    }
    return { state: failed ? "EXECUTOR_ERROR" : "COMPLETE", executors, files: filesOf(task.folder) };
  } finally {
    rmSync(task.folder, { recursive: true, force: true });
  }
}

/** The task's folder as it is before the first executor, with all workdirs: a runtime starts all containers at once. */
export function layOutFiles({ folder, files, executors }: RandomTask): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  for (const { workdir } of executors) if (workdir !== undefined) mkdirSync(workdir, { recursive: true });
}

/** What is in the folder, by the path in it, in base64. */
export function filesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    paths.map((path) => [relative(folder, path), readFileSync(path).toString("base64")]),
  );
}

async function run(executor: RandomExecutor, applets: string): Promise<Ended> {
  const opened: number[] = [];
  const output = (path: string | undefined, other?: number): number | "pipe" => {
    if (path === undefined) return "pipe";
    if (path === executor.stdout && other !== undefined) return other;
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, "w"));
    opened.push(openSync(path, "a"));
    return opened.at(-1) ?? "pipe";
  };
  const stdin = executor.stdin === undefined ? "ignore" : openSync(executor.stdin, "r");
  if (typeof stdin === "number") opened.push(stdin);
  // stderr is opened before stdout, as it is there.
  const both = executor.stdout !== undefined && executor.stdout === executor.stderr;
  const stderr = both ? undefined : output(executor.stderr);
  const stdout = output(executor.stdout);
  try {
    const ended = await spawnCommand(executor, applets, [stdin, stdout, stderr ?? stdout]);
    const read = (path: string | undefined, piped: Buffer) =>
      path === undefined ? piped : readFileSync(path);
    return {
      code: ended.code,
      stdout: read(executor.stdout, ended.stdout),
      stderr: read(executor.stderr, ended.stderr),
    };
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

type Stdio = (number | "pipe" | "ignore")[];

async function spawnCommand(
  { command, env, workdir, startFails }: RandomExecutor,
  applets: string,
  stdio: Stdio,
) {
  const [name = "", ...rest] = command;
  const nothing = Buffer.alloc(0);
  if (startFails) return { code: name === "/" ? 126 : 127, stdout: nothing, stderr: nothing };
  const child = spawn(join(applets, basename(name)), rest, {
    argv0: name,
    cwd: workdir ?? "/",
    env: { PATH: applets, ...env },
    stdio,
  });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream]?.on("data", (chunk: Buffer) => chunks[stream].push(chunk));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return {
    code: code ?? 128 + constants.signals[signal ?? "SIGKILL"],
    stdout: Buffer.concat(chunks.stdout),
    stderr: Buffer.concat(chunks.stderr),
  };
}
