// StoreError: how a store fails, where that tells a caller what to do.

/**
 * - `full`, `read-only`, `unavailable`: nothing was stored, and nothing of the call will be.
 * - `outcome-unknown`: the answer of the database was lost; what was to be stored may be there now or appear later.
 */
export type StoreErrorKind = "full" | "read-only" | "unavailable" | "outcome-unknown";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}

/** One task's record is damaged, or larger than any that this program writes. Others are not concerned. */
export class UnreadableTask extends Error {
  override readonly name = "UnreadableTask";

  constructor(id: string, cause: unknown) {
    super(`The record of task "${id}" cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}
