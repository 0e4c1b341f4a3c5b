// One run of npm test as its tests see it: the folder of what is temporary, and the mark on what it makes in the cluster.
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";

/** The variable with the run's folder, for all processes of the run. Unset where bun test was called by itself. */
export const runVariable = "TESPOD_TEST_RUN";
/** The label of namespaces, and of what is in none, with the run that made them. */
export const runLabel = "tespod.test/run";
export const folderPrefix = "tespod-test-";

const folder = (): string | undefined => process.env[runVariable];

export const runIdOf = (runFolder: string): string => basename(runFolder).slice(folderPrefix.length);

export function runLabels(): Record<string, string> {
  const run = folder();
  return run === undefined ? {} : { [runLabel]: runIdOf(run) };
}

/** What differs in the environment of a program that is to outlive the run: another folder for what is temporary. */
export function lastingEnvironment(): Record<string, string> {
  const run = folder();
  return run === undefined ? {} : { TMPDIR: dirname(run) };
}

/** Where a run has its files in memory. */
export const memoryFolderOf = (runFolder: string): string => join("/dev/shm", basename(runFolder));

/** A folder in memory, another file system than that of temporary files, where there is such. */
export function memoryFolder(): string {
  if (!existsSync("/dev/shm")) return tmpdir();
  const run = folder();
  if (run === undefined) return "/dev/shm";
  mkdirSync(memoryFolderOf(run), { recursive: true });
  return memoryFolderOf(run);
}
