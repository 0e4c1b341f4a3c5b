// Measured process: runs a program to its end, and tells what it took.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Measured {
  seconds: number;
  /** User and system. */
  cpuSeconds: number;
  /** Resident memory at its highest, as the kernel kept it. */
  peakMib: number;
  /** Resident memory every so often. */
  residentMib: number[];
}

export interface MeasuredProgram {
  command: string[];
  environment: Record<string, string>;
}

const sampleMilliseconds = 20;

/** Throws what it said if it fails. */
export async function measure({ command, environment }: MeasuredProgram): Promise<Measured> {
  const start = performance.now();
  const child = Bun.spawn(command, {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const memory = watchMemory(child.pid, () => child.exitCode === null && child.signalCode === null);
  const code = await child.exited;
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${(await said).join("").slice(-2000)}`);
  await said;
  const usage = child.resourceUsage();
  // Not its maxRSS: that begins with what this process had when it started the other.
  return { seconds, cpuSeconds: Number(usage?.cpuTime.total ?? 0) / 1e6, ...(await memory) };
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text = (text + Buffer.from(chunk).toString()).slice(-64 * 1024);
  }
  return text;
}

async function watchMemory(
  pid: number,
  isRunning: () => boolean,
): Promise<Pick<Measured, "peakMib" | "residentMib">> {
  let peakMib = 0;
  const residentMib: number[] = [];
  while (isRunning()) {
    const status = statusOf(pid);
    const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
    // A zombie has no memory any more.
    if (mib("VmRSS") > 0) {
      residentMib.push(mib("VmRSS"));
      peakMib = Math.max(peakMib, mib("VmHWM"));
    }
    await sleep(sampleMilliseconds);
  }
  return { peakMib, residentMib };
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return ""; // gone
  }
}
