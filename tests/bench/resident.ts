// Resident memory of processes in pods, seen from the node: only where this host is the node.
import { readdirSync, readFileSync } from "node:fs";

export interface Resident {
  /** MiB now, and at its peak. */
  readonly now: number;
  readonly peak: number;
}

/** Of the process in that pod whose command line begins with these words; undefined if there is none to be seen. */
export function residentMemory(podUid: string, words: readonly string[]): Resident | undefined {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const command = read(`/proc/${pid}/cmdline`).split("\0");
    if (!words.every((word, index) => command[index] === word)) continue;
    // cgroupfs writes the uid with dashes, systemd with underscores.
    if (!read(`/proc/${pid}/cgroup`).replaceAll("_", "-").includes(podUid)) continue;
    const status = read(`/proc/${pid}/status`);
    const mebibytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
    return { now: mebibytes("VmRSS"), peak: mebibytes("VmHWM") };
  }
  return undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it ended meanwhile, or this is no Linux
  }
}
