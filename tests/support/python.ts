// Python environments with packages of the registry, each made at first use and kept from run to run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";

export interface PythonEnvironment {
  /** The folder of its programs. */
  readonly bin: string;
}

interface Wanted {
  /** Names the folder: other packages, another name. */
  readonly name: string;
  readonly packages: readonly string[];
  /** What must be there before, for packages that cannot be built with today's tools. */
  readonly buildTools?: readonly string[];
}

const folder = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tespod", "python");
const patience = ["--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=20"];

/** The environment, whole: what was interrupted has no mark, and is made anew. Rejects without Python or a way to packages. */
export async function ensurePython({ name, packages, buildTools }: Wanted): Promise<PythonEnvironment> {
  const home = join(folder, name);
  const bin = join(home, "bin");
  if (existsSync(join(home, "installed"))) return { bin };
  await mkdir(folder, { recursive: true });
  await rm(home, { recursive: true, force: true });
  await mustRun("python3", ["-m", "venv", home]);
  const pip = ["-m", "pip", "install", ...patience];
  if (buildTools !== undefined) await mustRun(join(bin, "python"), [...pip, ...buildTools]);
  const isolation = buildTools === undefined ? [] : ["--no-build-isolation"];
  await mustRun(join(bin, "python"), [...pip, ...isolation, ...packages]);
  await mkdir(join(home, "installed"));
  return { bin };
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly seconds?: number;
}

export interface Ended {
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, or for so many seconds. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env, seconds = 300 }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: seconds * 1000,
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode ?? child.signalCode, stdout, stderr };
}

/** What the program printed. Rejects with its stderr if it fails. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<string> {
  const { code, stdout, stderr } = await runProgram(command, args, options);
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${stderr}`);
}
