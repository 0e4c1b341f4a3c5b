// One processor for what is compared: which one a process gets is chance, and on two of them worth up to twice the time of a request.
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { isOnPath, say, tryRun } from "../cluster/shell.ts";

/** Does the work while this process, all that it has started and all that it starts share one processor. */
export async function* onOneProcessor<T>(work: () => AsyncGenerator<T>): AsyncGenerator<T> {
  const all = await processorsOf(process.pid);
  const one = all === undefined ? undefined : /\d+$/.exec(all)?.[0];
  if (all === undefined || one === undefined) {
    say("Ratios are less certain: there is no taskset to keep what is compared on one processor");
    return yield* work();
  }
  await keepOn(one);
  try {
    yield* work();
  } finally {
    await keepOn(all);
  }
}

/** Like "0-1" or "0,3". */
async function processorsOf(pid: number): Promise<string | undefined> {
  if (!isOnPath("taskset")) return undefined;
  const { stdout } = await tryRun("taskset", ["-c", "-p", String(pid)]);
  return /: ([\d,-]+)\s*$/.exec(stdout)?.[1];
}

async function keepOn(processors: string): Promise<void> {
  for (const pid of withDescendants(process.pid)) {
    await tryRun("taskset", ["-a", "-c", "-p", processors, String(pid)]); // it may have ended meanwhile
  }
}

function withDescendants(root: number): readonly number[] {
  const children = Map.groupBy(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
    parentOf,
  );
  const below = (pid: number): readonly number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)];
  return below(root);
}

/** 0 if it is gone. The name in brackets may hold anything. */
function parentOf(pid: number): number {
  try {
    return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
