// mustRead: what the contract reads of a URL, with its fault as a StorageError.
import { StorageError } from "./storage.ts";

/** Throws a permanent StorageError if there was a fault. */
export function mustRead<Value extends object>(read: Value | { fault: string }): Value {
  if ("fault" in read) throw new StorageError("permanent", read.fault);
  return read;
}
