// Deadline: one signal that ends with another signal or when a timer runs out, and leaves no listener behind.

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** True if the timer ended it, not the outer signal. */
  readonly expired: boolean;
  /** Starts the timer, or starts it anew. */
  readonly start: (milliseconds: number) => void;
  /** Stops the timer. */
  readonly stop: () => void;
}

/**
 * Disposing of it aborts its signal, so that whatever still hangs on it is let go.
 * Unlike AbortSignal.any() it does not rely on garbage collection: `outer` may live as long as the process.
 */
export function createDeadline(outer: AbortSignal): Deadline {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let expired = false;
  const stop = () => clearTimeout(timer);
  const follow = () => controller.abort(outer.reason);
  if (outer.aborted) follow();
  else outer.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    start: (milliseconds) => {
      stop();
      timer = setTimeout(() => {
        expired = true;
        controller.abort(new DOMException(`No answer in ${milliseconds / 1000} s`, "TimeoutError"));
      }, milliseconds);
    },
    stop,
    [Symbol.dispose]: () => {
      stop();
      outer.removeEventListener("abort", follow);
      controller.abort();
    },
  };
}
