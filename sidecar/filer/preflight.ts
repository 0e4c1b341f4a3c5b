// Preflight: asks, while images and inputs are on their way, whether what outputs go to is there at all.
import { unlessAborted, within } from "../within.ts";
import type { FilerContext } from "./filer.ts";

export interface Preflight extends Disposable {
  /** Aborted with the reason in words once an output is known to have nowhere to go, and with the task. */
  readonly signal: AbortSignal;
  /** Waits for `ready`, and then a moment for answers that are still to come. Throws the signal's reason. */
  passed(ready: Promise<unknown>): Promise<void>;
}

/** A server that is slower than this has not said no, and the upload will see. */
const ANSWER_MILLISECONDS_MAX = 5000;
/** What a task waits for answers when all else is ready: a busy node takes some 300 for a host that it asks for twice. */
const WAIT_MILLISECONDS_MAX = 500;

/** Only a clear answer ends the task: silence and trouble on the way do not, as they may pass until the upload. */
export function startPreflight(context: FilerContext): Preflight {
  const { plan, signal } = context;
  const stop = new AbortController();
  const asking = new AbortController();
  const abort = (): void => stop.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => asking.abort(new Error("Too late")), ANSWER_MILLISECONDS_MAX);
  timer.unref();
  const limit = AbortSignal.any([stop.signal, asking.signal]);
  const isNeeded = plan.outputs.length > 0;
  const answered = isNeeded ? ask({ ...context, signal: limit }, stop) : Promise.resolve();
  return {
    signal: stop.signal,
    async passed(ready) {
      await unlessAborted(stop.signal, ready);
      await unlessAborted(stop.signal, within(WAIT_MILLISECONDS_MAX, answered));
      asking.abort(new Error("Too late"));
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      asking.abort(new Error("Over"));
    },
  };
}

/** Never throws. */
async function ask(context: FilerContext, stop: AbortController): Promise<void> {
  // Loaded only now: a task without outputs starts some milliseconds earlier.
  const { missingTarget } = await import("./upload-targets.ts");
  const fault = await missingTarget(context);
  if (fault !== undefined && !context.signal.aborted) stop.abort(fault);
}
