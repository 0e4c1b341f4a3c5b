/** Starts programs that outlive this one, and later ends exactly those, by a record of each. */
import { spawn } from "node:child_process";
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { lastingEnvironment, runVariable } from "../../support/test-run.ts";

/** A pid is reused; a pid with its start time and the machine's boot is not. */
type ProcessRecord = { pid: number; startTicks: string; bootId: string };

/** A program to start, and the name of its log and record. */
export type Daemon = {
  name: string;
  command: string[];
  env?: Record<string, string>;
  /** It ends with the test run that starts it, also if that is killed. */
  ofRun?: true;
};

/**
 * Starts a program in a session of its own, with its output in `log/NAME.log`, and records it in `process/NAME.json`.
 * Returns at once: that it runs says nothing about whether it is ready.
 */
export function startDaemon(stateFolder: string, daemon: Daemon): void {
  const log = openSync(logFile(stateFolder, daemon.name), "w", 0o600);
  const [program = "", ...args] = daemon.command;
  const { [runVariable]: _, ...inherited } = process.env; // it is no process of the run that starts it
  const child = spawn(program, args, {
    cwd: stateFolder,
    detached: true,
    stdio: ["ignore", log, log],
    env: daemon.ofRun ? process.env : { ...inherited, ...lastingEnvironment(), ...daemon.env },
  });
  child.on("error", () => undefined);
  const startTicks = child.pid === undefined ? undefined : readStartTicks(child.pid);
  if (child.pid === undefined || startTicks === undefined) {
    throw new Error(
      `Cannot start ${daemon.name}: "${program}" does not run; see ${logFile(stateFolder, daemon.name)}`,
    );
  }
  child.unref();
  const record: ProcessRecord = { pid: child.pid, startTicks, bootId: readBootId() };
  mkdirSync(join(stateFolder, "process"), { recursive: true });
  writeFileSync(recordFile(stateFolder, daemon.name), JSON.stringify(record));
}

/** Tells whether the recorded process of that name still runs, and not another under its pid. */
export function isDaemonRunning(stateFolder: string, name: string): boolean {
  return runningPid(stateFolder, name) !== undefined;
}

/** Names of all recorded processes, running or not. */
export function recordedDaemons(stateFolder: string): string[] {
  try {
    return readdirSync(join(stateFolder, "process")).map((file) => basename(file, ".json"));
  } catch {
    return []; // No folder: nothing was ever started.
  }
}

/**
 * Ends the recorded process of that name: asks, and after `graceSeconds` kills. Idempotent.
 * Throws if it is still there after that, which means that it hangs in the kernel.
 */
export async function stopDaemon(stateFolder: string, name: string, graceSeconds: number): Promise<void> {
  const pid = runningPid(stateFolder, name);
  if (pid !== undefined) {
    const gone = () => runningPid(stateFolder, name) === undefined;
    signal(pid, "SIGTERM");
    if (!(await within(graceSeconds, gone))) {
      signal(pid, "SIGKILL");
      if (!(await within(10, gone))) {
        throw new Error(`Cannot end ${name} (pid ${pid}): it does not die`);
      }
    }
  }
  rmSync(recordFile(stateFolder, name), { force: true });
}

/** Sends a signal to the recorded process of that name. Throws if it does not run. */
export function signalDaemon(
  stateFolder: string,
  name: string,
  signalName: "SIGSTOP" | "SIGCONT" | "SIGKILL",
): void {
  const pid = runningPid(stateFolder, name);
  if (pid === undefined) throw new Error(`Cannot send ${signalName} to ${name}: it does not run`);
  process.kill(pid, signalName);
}

/** The file with what that program wrote. */
export function logFile(stateFolder: string, name: string): string {
  return join(stateFolder, "log", `${name}.log`);
}

/** Sends a signal, unless the process is gone already. */
export function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone between the look and the signal: what was wanted.
  }
}

async function within(seconds: number, done: () => boolean): Promise<boolean> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    if (done()) {
      return true;
    }
    await Bun.sleep(25);
  }
  return done();
}

function runningPid(stateFolder: string, name: string): number | undefined {
  let record: ProcessRecord;
  try {
    record = JSON.parse(readFileSync(recordFile(stateFolder, name), "utf8")) as ProcessRecord;
  } catch {
    return undefined; // No record, or one cut short by a kill at this very moment.
  }
  const same = record.bootId === readBootId() && record.startTicks === readStartTicks(record.pid);
  return same ? record.pid : undefined;
}

function recordFile(stateFolder: string, name: string): string {
  return join(stateFolder, "process", `${name}.json`);
}

export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Field 22 of proc(5) stat, or undefined for a process that is gone or only waits to be reaped. */
export function readStartTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the program's name, may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
