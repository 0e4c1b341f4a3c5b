/** Lets one process at a time change the cluster. */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { isOnPath } from "./shell.ts";

/**
 * Runs `work` while holding an exclusive lock on `file`, waiting an hour for it at most (`onWait` says so once).
 * The kernel drops the lock when this process dies in whatever way, so there is no stale lock to clean up.
 */
export async function withLock<T>(file: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  if (!isOnPath("flock")) {
    return await work(); // Only outside Linux, where one person tests with kind.
  }
  mkdirSync(dirname(file), { recursive: true });
  // The helper holds the lock and ends at the end of its input, thus with us.
  const holder = spawn("flock", ["--timeout", "3600", file, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  holder.stdout.once("data", () => resolve());
  holder.on("error", (cause) => reject(new Error(`Cannot lock "${file}": ${cause.message}`, { cause })));
  holder.on("exit", (code) => reject(new Error(`Cannot lock "${file}": flock ended with ${code}`)));
  const notice = setTimeout(onWait, 1000);
  try {
    await promise;
    clearTimeout(notice);
    return await work();
  } finally {
    clearTimeout(notice);
    holder.stdin.end();
  }
}
