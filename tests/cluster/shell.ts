/** Runs other programs to their end, with a bound on time, and reports progress to a person. */
import { spawn } from "node:child_process";

/** How to run a program; by default for at most two minutes with no input. */
export type RunOptions = {
  input?: string;
  cwd?: string;
  env?: Record<string, string>;
  timeoutSeconds?: number;
  /** Called with each piece of standard error as it comes. */
  onStderr?: (text: string) => void;
};

/**
 * Runs a program and returns its standard output.
 * Throws, with the end of what it said, if it cannot be started, exits non-zero or takes too long. Never retried.
 */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, args, options);
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-15).join("\n");
    throw new Error(`Cannot run "${[command, ...args.slice(0, 6)].join(" ")}": ${result.reason}\n${said}`);
  }
  return result.stdout;
}

/** Runs a program and tells how it ended; throws only if it cannot be started at all. */
export async function tryRun(
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<{ code: number; stdout: string; stderr: string; reason: string }> {
  const timeoutSeconds = options.timeoutSeconds ?? 120;
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.cwd ? { cwd: options.cwd } : {}),
    env: { ...process.env, ...options.env },
  });
  let stdout = "";
  let stderr = "";
  let late = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    options.onStderr?.(text);
  });
  // A program may end without reading its input; its exit code tells more than the broken pipe.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutSeconds * 1000);
  const { promise, resolve, reject } = Promise.withResolvers<{
    code: number | null;
    signal: string | null;
  }>();
  child.on("error", (cause) => reject(new Error(`Cannot start "${command}": ${cause.message}`, { cause })));
  child.on("close", (code, signal) => resolve({ code, signal }));
  try {
    const { code, signal } = await promise;
    const reason = late ? `not done after ${timeoutSeconds} s` : `exit code ${code ?? signal}`;
    return { code: code ?? 1, stdout, stderr, reason };
  } finally {
    clearTimeout(timer);
  }
}

/** Tells whether a program of that name can be run. */
export function isOnPath(program: string): boolean {
  return Bun.which(program) !== null;
}

/** Writes one progress line to standard error; standard output is for results. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Asks again and again until `attempt` returns true; an error it throws counts as "not yet" and becomes the cause.
 * Throws after `seconds`, naming what was awaited and where to look.
 */
export async function until(
  what: string,
  seconds: number,
  attempt: () => Promise<boolean> | boolean,
  hint = "",
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  let cause: unknown;
  for (;;) {
    try {
      if (await attempt()) {
        return;
      }
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`Timed out after ${seconds} s waiting for ${what}${hint && `; ${hint}`}`, { cause });
    }
    await Bun.sleep(100);
  }
}
