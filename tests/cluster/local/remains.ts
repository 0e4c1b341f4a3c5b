/** Finds and removes what containers leave in the kernel: processes, mounts, cgroups, sockets. Only those of our own cluster. */
import { readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../settings.ts";
import { tryRun, until } from "../shell.ts";
import { paths, podNetworkName } from "./config-files.ts";
import { signal } from "./process.ts";

const cgroupMount = "/sys/fs/cgroup";

/** Kills every process in a cgroup of ours and the shims that look after them. Idempotent. */
export async function killContainers(settings: Settings): Promise<void> {
  await until("the containers' processes to end", 20, () => {
    const pids = [...containerProcesses(settings), ...shims(settings)];
    for (const pid of pids) {
      signal(pid, "SIGKILL");
    }
    return pids.length === 0;
  });
}

/** Unmounts everything below our folders. Idempotent. */
export const unmountAll = (settings: Settings): Promise<void> => unmountBelow(foldersOf(settings));

/** Unmounts everything below the folders, innermost first. Idempotent. */
export async function unmountBelow(folders: readonly string[]): Promise<void> {
  for (const mount of mountsBelow(folders)) {
    const done = await tryRun("umount", [mount]);
    if (done.code !== 0) {
      // Something of the host looks into it just now: it goes when that ends.
      await tryRun("umount", ["--lazy", mount]);
    }
  }
}

/** Removes our cgroups in every hierarchy; the hierarchies themselves stay as the machine has them. Idempotent. */
export function removeCgroups(settings: Settings): void {
  for (const folder of cgroups(settings)) {
    rmdirSync(folder);
  }
}

/** Makes the parent of the pods' cgroups in every hierarchy, which the kubelet wants to find. Idempotent. */
export async function makeCgroupRoot(settings: Settings): Promise<void> {
  const folders = hierarchies().map((hierarchy) => hierarchy + settings.cgroupRoot);
  for (const hierarchy of hierarchies()) {
    // Version 2: children get only the controllers that their parent hands down. Version 1 has no such file.
    for (const controller of read(join(hierarchy, "cgroup.controllers")).split(/\s/)) {
      if (["cpu", "cpuset", "memory", "hugetlb", "pids"].includes(controller)) {
        await tryRun("sh", ["-c", 'echo "+$1" > "$2/cgroup.subtree_control"', "sh", controller, hierarchy]);
      }
    }
  }
  await tryRun("mkdir", ["-p", ...folders]);
  for (const folder of folders.filter((each) => /\/cpuset\b/.test(each))) {
    // A version 1 cpuset starts empty, and nothing can run in an empty one.
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      await tryRun("sh", ["-c", 'cat "$1/../$2" > "$1/$2"', "sh", folder, file]);
    }
  }
}

/** Removes sockets, network namespaces' files and links to logs. To be called when nothing runs and nothing is mounted. */
export function removeFiles(settings: Settings): void {
  for (const socket of shimSockets(settings)) {
    rmSync(socket, { force: true });
  }
  const links = "/var/log/containers";
  for (const name of list(links)) {
    if (readLink(join(links, name)).startsWith(`${paths(settings).podLogs}/`)) {
      rmSync(join(links, name), { force: true });
    }
  }
  // CNI's notes about pods whose network was taken away without asking it.
  const notes = "/var/lib/cni/results";
  const prefix = `${podNetworkName(settings)}-`;
  for (const name of list(notes).filter((each) => each.startsWith(prefix))) {
    const sandbox = name.slice(prefix.length).split("-")[0];
    rmSync(join(notes, name), { force: true });
    rmSync(join(notes, `cni-loopback-${sandbox}-lo`), { force: true });
  }
  rmSync(settings.runFolder, { recursive: true, force: true });
}

/** Everything of ours that is still in the kernel, for `status` and for tests: an empty list after `down`. */
export function findRemains(settings: Settings): string[] {
  return [
    ...containerProcesses(settings).map((pid) => `container process ${pid}`),
    ...shims(settings).map((pid) => `containerd-shim ${pid}`),
    ...mountsBelow(foldersOf(settings)).map((mount) => `mount ${mount}`),
    ...cgroups(settings).map((folder) => `cgroup ${folder}`),
  ];
}

function containerProcesses(settings: Settings): number[] {
  const pids = cgroups(settings).flatMap((folder) => read(join(folder, "cgroup.procs")).split("\n"));
  return [...new Set(pids.map(Number))].filter((pid) => pid > 0);
}

/** Shims are known by the containerd they report to: its socket is in their arguments. */
function shims(settings: Settings): number[] {
  const { socket } = paths(settings);
  return list("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const [program = "", ...args] = read(`/proc/${pid}/cmdline`).split("\0");
      return program.endsWith("containerd-shim-runc-v2") && args[args.indexOf("-address") + 1] === socket;
    })
    .map(Number);
}

function shimSockets(settings: Settings): string[] {
  const tasks = join(paths(settings).containerdState, "io.containerd.runtime.v2.task/k8s.io");
  return list(tasks).flatMap((id) => /^unix:\/\/(\/\S+)/.exec(read(join(tasks, id, "address")))?.[1] ?? []);
}

const foldersOf = (settings: Settings): string[] => [settings.stateFolder, settings.runFolder];

function mountsBelow(folders: readonly string[]): string[] {
  return read("/proc/self/mountinfo")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((mount) =>
      mount.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8))),
    )
    .filter((mount) => folders.some((folder) => mount.startsWith(`${folder}/`)))
    .reverse();
}

function cgroups(settings: Settings): string[] {
  return hierarchies().flatMap((hierarchy) => innermostFirst(hierarchy + settings.cgroupRoot));
}

/** Version 2 alone has one hierarchy; version 1 and the hybrid have one a controller, maybe linked under two names. */
function hierarchies(): string[] {
  const mounts = read("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "");
  return mounts.filter((mount) => mount === cgroupMount || mount.startsWith(`${cgroupMount}/`));
}

function innermostFirst(folder: string): string[] {
  try {
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...below.flatMap((entry) => innermostFirst(join(folder, entry.name))), folder];
  } catch {
    return []; // Not there, in this hierarchy or any more.
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Not there: nothing in it.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // Gone since it was listed: nothing to find in it.
  }
}

function readLink(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return ""; // Not a link, so not one of ours.
  }
}
