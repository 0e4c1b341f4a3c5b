// openStore, backupStore: the store that a setting names.
import { backupSqlite } from "./backup.ts";
import { openPostgresStore } from "./postgres.ts";
import { openSqliteStore } from "./sqlite.ts";
import type { TaskStore } from "./store.ts";

const isUrl = (place: string): boolean => /^postgres(ql)?:\/\//.test(place);

/** `place` is a `postgres://` URL, whose password may be given apart, or the path of an SQLite file. Rejects if it cannot be used. */
export async function openStore(place: string, password?: string): Promise<TaskStore> {
  if (!isUrl(place)) return openSqliteStore(place);
  return await openPostgresStore(password === undefined ? { url: place } : { url: place, password });
}

/** Writes what the embedded store holds to the new file `to`, while it is in use or not. Throws if it cannot. */
export function backupStore(place: string, to: string | undefined): void {
  if (to === undefined) throw new Error("Cannot back up: name the file to write");
  if (isUrl(place)) throw new Error("Cannot back up PostgreSQL: use pg_dump");
  backupSqlite(place, to);
}
