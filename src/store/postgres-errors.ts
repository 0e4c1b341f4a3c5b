// What an error of the PostgreSQL driver says about the statement that it ended.
import { StoreError, type StoreErrorKind } from "./store-error.ts";

interface DriverError {
  readonly name?: string;
  readonly code?: string;
  readonly severity_local?: string;
}

const of = (error: unknown): DriverError => (error ?? {}) as DriverError;

/** The server answered with an error of its own, so the whole statement was taken back; anything else may mean a lost answer. */
export function isRefusal(error: unknown): boolean {
  const { name, severity_local } = of(error);
  return name === "PostgresError" && severity_local === "ERROR";
}

const unsent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "CONNECT_TIMEOUT", "CONNECTION_ENDED"]);

/** Whether the call failed before its statement can have reached the server. */
export const isUnsent = (error: unknown): boolean => unsent.has(of(error).code ?? "");

/** Errors that pass by themselves or by the work of an operator (Appendix A of PostgreSQL's manual): resources, shutdown, I/O. */
const passing = /^(08|40|53|57|58)/;

function kindOf(error: unknown): StoreErrorKind | undefined {
  const { code = "" } = of(error);
  if (code === "53100") return "full";
  if (code === "25006") return "read-only";
  if (isRefusal(error) && !passing.test(code)) return undefined;
  return "unavailable";
}

const messageOf = (error: unknown): string =>
  (error instanceof Error && error.message) || of(error).code || String(error);

/** The error of a call of which certainly nothing was stored. What is a fault of this program stays as it is. */
export function notStored(what: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  const kind = kindOf(error);
  const message = `${what}: ${messageOf(error)}`;
  return kind === undefined
    ? new Error(message, { cause: error })
    : new StoreError(kind, message, { cause: error });
}

/** The error of a write of which it is only known that it failed. */
export const writeError = (what: string, error: unknown): Error =>
  error instanceof StoreError || isRefusal(error) || isUnsent(error)
    ? notStored(what, error)
    : outcomeUnknown(what, error);

export const outcomeUnknown = (what: string, cause: unknown): StoreError =>
  new StoreError("outcome-unknown", `${what}: it is not known whether it was stored: ${messageOf(cause)}`, {
    cause,
  });
