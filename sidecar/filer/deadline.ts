// Deadline: how long a transfer, or all of them, may take, if the operator sets a bound.

/** Calls `expire`, with words, once so many seconds are over and it was not disposed of. Without seconds, never. */
export function deadline(seconds: number | undefined, expire: (reason: Error) => void): Disposable {
  const timer =
    seconds === undefined
      ? undefined
      : setTimeout(() => expire(new Error(`it takes longer than ${seconds} s`)), seconds * 1000);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
