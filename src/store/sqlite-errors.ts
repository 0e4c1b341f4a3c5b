// What an error of SQLite says about the transaction that it ended.
import { StoreError, type StoreErrorKind } from "./store-error.ts";

/** Primary result codes (sqlite.org/rescode.html); the extended ones hold them in their lowest byte. */
const codes = { busy: 5, locked: 6, readOnly: 8, ioError: 10, full: 13, cannotOpen: 14 } as const;

function primaryCode(error: unknown): number {
  const { errcode } = (error ?? {}) as { errcode?: number };
  return (errcode ?? 0) & 0xff;
}

function kindOf(code: number, inCommit: boolean): StoreErrorKind | undefined {
  switch (code) {
    case codes.full:
      return "full";
    case codes.readOnly:
      return "read-only";
    case codes.ioError:
      // The log may hold the whole transaction by now: if the process dies before it writes there again, it is read as committed.
      return inCommit ? "outcome-unknown" : "unavailable";
    case codes.busy:
    case codes.locked:
    case codes.cannotOpen:
      return "unavailable";
    default:
      return undefined;
  }
}

/** The error as one of the store, if it is not the fault of the write itself. `inCommit`: COMMIT failed, and not a write before. */
export function sqliteError(error: unknown, inCommit: boolean): unknown {
  const kind = kindOf(primaryCode(error), inCommit);
  if (kind === undefined) return error;
  return new StoreError(kind, `Cannot write the database: ${(error as Error).message}`, { cause: error });
}
