// What a run of npm test leaves if it ends in the middle, and its removal: of that run and of no other.
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../cluster/cluster.ts";
import { readBootId, readStartTicks, signal } from "../cluster/local/process.ts";
import { unmountBelow } from "../cluster/local/remains.ts";
import { folderPrefix, memoryFolderOf, runIdOf, runLabel, runVariable } from "./test-run.ts";

/** For processes to end by themselves, before they are killed; and after that. */
const graceSeconds = 3;
const killSeconds = 5;

/** Makes this process a run: all that it starts from now on belongs to it. Answers the run's folder. */
export function beginRun(): string {
  const folder = join(tmpdir(), `${folderPrefix}${newId()}`);
  mkdirSync(folder);
  chmodSync(folder, 0o755); // servers that give up root have their files in it
  process.env[runVariable] = folder;
  process.env["TMPDIR"] = folder;
  return folder;
}

/** Folders beside this run's of runs whose process has ended without removing them. */
export const foldersLeft = (folder: string): string[] =>
  list(dirname(folder))
    .filter((name) => name.startsWith(folderPrefix) && isGone(name.slice(folderPrefix.length)))
    .map((name) => join(dirname(folder), name));

/** Ends the run's processes, within some seconds, and removes its folders. Idempotent. */
export async function removeRun(folder: string): Promise<void> {
  await endProcesses(folder);
  for (const each of [folder, memoryFolderOf(folder)]) {
    await unmountBelow([each]);
    await rm(each, { recursive: true, force: true });
  }
}

/** All at once, and without a wait. */
export const killProcesses = (folder: string): void => {
  for (const pid of processesOf(folder)) signal(pid, "SIGKILL");
};

/** Removes what runs that have ended left in the cluster, and waits for it as long as for one's own. */
export async function removeOthers(cluster: Cluster, seconds: number): Promise<void> {
  const output = `jsonpath={range .items[*]}{.metadata.labels.${runLabel.replaceAll(".", "\\.")}}{"\\n"}{end}`;
  const labels = await cluster.kubectl(["get", "namespaces", `--selector=${runLabel}`, "-o", output]);
  const gone = [...new Set(labels.split("\n"))].filter(isGone);
  if (gone.length > 0) await removeLabelled(cluster, gone, seconds);
}

/** Removes what the run made in the cluster; answers the names of namespaces that are still there after so many seconds. */
export const removeFromCluster = (cluster: Cluster, folder: string, seconds: number): Promise<string[]> =>
  removeLabelled(cluster, [runIdOf(folder)], seconds);

async function removeLabelled(
  { kubectl }: Cluster,
  runs: readonly string[],
  seconds: number,
): Promise<string[]> {
  const selector = `--selector=${runLabel} in (${runs.join(",")})`;
  const names = async () =>
    (await kubectl(["get", "namespaces", selector, "-o", "name"])).split("\n").filter(Boolean);
  const kinds = "namespaces,nodes,persistentvolumes,priorityclasses,runtimeclasses";
  await kubectl(["delete", kinds, selector, "--ignore-not-found", "--wait=false", "--request-timeout=5s"]);
  // A namespace waits for its pods, and they for what they run.
  for (const name of await names()) {
    const namespace = `--namespace=${name.replace("namespace/", "")}`;
    await kubectl(["delete", "pods", "--all", namespace, "--grace-period=1", "--wait=false"]);
  }
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(200)) {
    const left = await names();
    if (left.length === 0 || Date.now() > deadline) return left;
  }
}

async function endProcesses(folder: string): Promise<void> {
  const asked = new Set<number>();
  const killAt = Date.now() + graceSeconds * 1000;
  for (const deadline = killAt + killSeconds * 1000; Date.now() < deadline; await sleep(50)) {
    const pids = processesOf(folder);
    if (pids.length === 0) return;
    for (const pid of pids) {
      if (Date.now() > killAt) signal(pid, "SIGKILL");
      else if (!asked.has(pid)) signal(pid, "SIGTERM");
      asked.add(pid);
    }
  }
  throw new Error(`Cannot end processes ${processesOf(folder).join(", ")} of "${folder}": they do not die`);
}

/** They have the folder in their environment, or, where that is one of their own, in their arguments. */
const processesOf = (folder: string): number[] =>
  list("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      const words = `${read(`/proc/${pid}/environ`)}\0${read(`/proc/${pid}/cmdline`)}\0`;
      return words.includes(`${folder}\0`) || words.includes(`${folder}/`);
    })
    .map(Number);

/** Names the process by what no other of this machine has or had, where that can be known. */
function newId(): string {
  const ticks = readStartTicks(process.pid);
  const host = hostId();
  return host === undefined || ticks === undefined
    ? randomBytes(6).toString("hex")
    : `${host}-${process.pid}-${ticks}`;
}

/** Only of this machine, since this boot, and among pids that mean the same: of others nothing is known. */
function isGone(id: string): boolean {
  const [, host, pid, ticks] = /^([0-9a-f]{8})-(\d+)-(\d+)$/.exec(id) ?? [];
  return host !== undefined && host === hostId() && readStartTicks(Number(pid)) !== ticks;
}

export function hostId(): string | undefined {
  try {
    const words = `${readBootId()} ${readlinkSync("/proc/self/ns/pid")}`;
    return createHash("sha256").update(words).digest("hex").slice(0, 8);
  } catch {
    return undefined; // not Linux
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not there: nothing in it
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // gone since it was listed, or somebody else's
  }
}
