// The service as a process of its own, on a runtime of choice.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";

interface Running extends AsyncDisposable {
  readonly url: string;
}

const main = join(import.meta.dirname, "../../src/main.ts");

const defaults = {
  TESPOD_HOST: "127.0.0.1",
  TESPOD_PORT: "0",
  TESPOD_INTERNAL_PORT: "0",
  TESPOD_AUTH: "none",
} as const;

/** Starts it on a free port of this host, and waits until it serves. Its disposal is a kill -9. */
export async function startService(
  runtime: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<Running> {
  const [program = process.execPath, ...options] = runtime;
  const child = spawn(program, [...options, main], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", ...defaults, ...settings },
  });
  const ended = once(child, "exit");
  let said = "";
  for await (const line of createInterface(child.stderr)) {
    said += `${line}\n`;
    const port = /"message":"serving".*"port":(\d+)/.exec(line)?.[1];
    if (port === undefined) continue;
    child.stderr.resume();
    return {
      url: `http://${settings["TESPOD_HOST"] ?? "127.0.0.1"}:${port}`,
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await ended;
      },
    };
  }
  throw new Error(`The service ended before it served: ${said}`);
}
