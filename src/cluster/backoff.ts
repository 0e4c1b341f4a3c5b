// backoffSeconds: how long to wait before the next try.

export interface BackoffBounds {
  readonly backoffSecondsMin: number;
  readonly backoffSecondsMax: number;
}

/** A server that asks for more is asked again anyway: a watch must not sleep for an hour on one odd header. */
const RETRY_AFTER_SECONDS_MAX = 60;

/** Doubles with each failure, and takes between half and all of it at random, so that many clients do not come at once. */
export function backoffSeconds(
  failures: number,
  bounds: BackoffBounds,
  retryAfterSeconds: number | undefined,
  random: () => number = Math.random,
): number {
  const grown = Math.min(bounds.backoffSecondsMax, bounds.backoffSecondsMin * 2 ** failures);
  return Math.max(grown * (0.5 + random() / 2), Math.min(retryAfterSeconds ?? 0, RETRY_AFTER_SECONDS_MAX));
}
