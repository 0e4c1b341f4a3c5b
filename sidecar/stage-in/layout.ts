// Layout: the folders and programs that must be in place before any executor container starts.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TaskPath } from "../contract/path.ts";
import {
  BUSYBOX,
  CARRIED_FOLDER,
  CARRY,
  copyName,
  GATE,
  LAID_OUT,
  NO_FORMAT,
  SHARED_FILES,
  SHELL,
} from "../contract/paths.ts";
import type { TaskPlan } from "../contract/plan.ts";
import { mustPlace, taskFolder } from "../filer/mounts.ts";
import type { Roots } from "../roots.ts";
import { makeStepFolders } from "../step/folder.ts";

/**
 * Copies the programs, makes the mounts' folders and the step folders. Everything here is made for every uid, so the caller
 * has set umask 0. Synchronous: these are a few local calls, and nothing else is to be done meanwhile.
 */
export function layOut(plan: TaskPlan, roots: Roots): void {
  mkdirSync(roots.bin, { recursive: true, mode: 0o755 });
  for (const program of [SHELL, BUSYBOX, GATE]) {
    copyFileSync(join(roots.imageBin, program), join(roots.bin, program));
    chmodSync(join(roots.bin, program), 0o755);
  }
  // The kernel takes an interpreter by its full path only, and the image may have no other.
  const noFormat = readFileSync(join(roots.imageBin, NO_FORMAT), "utf8");
  writeFileSync(join(roots.bin, NO_FORMAT), `#!${join(roots.bin, SHELL)}\n${noFormat}`, { mode: 0o755 });
  layOutMounts(plan, taskFolder(roots.work, plan));
  if (plan.carried) layOutCarried(plan, roots);
  makeStepFolders(plan, roots);
  copySharedFiles(roots);
  writeFileSync(join(roots.steps, LAID_OUT), "");
}

/** As they are before any executor runs. The kubelet writes addresses and aliases of the pod before it starts a container. */
function copySharedFiles(roots: Roots): void {
  for (const file of SHARED_FILES) {
    // Without one of them (a pod in the network of its node) a name is looked up as with an empty one.
    const text = existsSync(file) ? readFileSync(file) : "";
    writeFileSync(join(roots.steps, copyName(file)), text, { mode: 0o644 });
  }
}

function layOutCarried(plan: TaskPlan, roots: Roots): void {
  copyFileSync(join(roots.imageBin, CARRY), join(roots.bin, CARRY));
  const carried = join(taskFolder(roots.work, plan), CARRIED_FOLDER);
  mkdirSync(carried, { recursive: true });
  chmodSync(carried, 0o777);
}

function layOutMounts(plan: TaskPlan, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const mount of plan.mounts) {
    const local = join(folder, mount.folder);
    // A mount of a single file needs the file, or the kubelet would make a folder of that name.
    if (mount.file) writeFileSync(local, "", { mode: 0o666, flag: "a" });
    else mkdirSync(local, { recursive: true });
    chmodSync(local, modeOf(mount.path, mount.file));
  }
  for (const path of plan.folders ?? []) {
    mkdirSync(mustPlace(path, plan.mounts, folder).local, { recursive: true, mode: 0o777 });
  }
}

function modeOf(path: TaskPath, file: boolean): number {
  if (file) return 0o666;
  return path === "/tmp" ? 0o1777 : 0o777;
}
