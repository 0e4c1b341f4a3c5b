// TesError: every way in which a request can be refused, as a closed set of kinds.

/** One fault of a request and where it stands, e.g. `executors[0].image`. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

export type TesErrorKind =
  | "invalid"
  | "not-found"
  | "too-large"
  | "method"
  | "reused"
  | "unauthorized"
  | "unavailable";

export class TesError extends Error {
  override readonly name = "TesError";
  readonly kind: TesErrorKind;
  readonly faults: readonly Fault[];

  constructor(
    kind: TesErrorKind,
    message: string,
    options: { faults?: readonly Fault[]; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.faults = options.faults ?? [];
  }
}
