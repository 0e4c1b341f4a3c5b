// A backup of the embedded store's file while the service runs.
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Writes what the store at `file` holds at this moment to a new file `to`, which is a store itself. Takes no lock that a writer
 * would wait for. When it returns, the backup is whole and on disk; if it throws, there is none. Never replaces a file.
 */
export function backupSqlite(file: string, to: string): void {
  if (!existsSync(file)) throw new Error(`Cannot back up "${file}": there is no such file`);
  if (existsSync(to)) throw new Error(`Cannot back up to "${to}": the file is there already`);
  const partial = `${to}.partial`;
  rmSync(partial, { force: true });
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    database.prepare("VACUUM INTO ?").run(partial);
    sync(partial);
    renameSync(partial, to);
    sync(dirname(to));
  } catch (cause) {
    rmSync(partial, { force: true });
    throw new Error(
      `Cannot back up "${file}" to "${to}": ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  } finally {
    database.close();
  }
}

/** To the disk: a backup that a power cut takes is none. */
function sync(path: string): void {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
