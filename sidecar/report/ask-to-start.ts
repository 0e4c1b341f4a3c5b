// askToStart: the first executor starts once the service has it on disk that it may, so that the service makes another pod only
// where it knows that no executor was started.
import type { ReportEvent } from "../contract/report.ts";
import { sleep, unlessAborted, within } from "../within.ts";
import type { Journal, JournalLine } from "./journal.ts";
import type { Poster } from "./poster.ts";
import type { Report } from "./reporter.ts";

interface Means {
  readonly journal: Journal;
  readonly poster: Poster;
  readonly report: Report;
  /** A service that is away must not keep tasks from running for ever. */
  readonly secondsMax: number;
  /** After so long without a first executor that can start, the service is told that we wait. */
  readonly longMilliseconds?: number;
}

/**
 * Once the service has answered us, it is only waited for while it restarts: so long, in which it knows that nothing was started
 * while an image is pulled or inputs are staged.
 */
const answeredSecondsMax = 600;

/** Waits until the first executor may start. Throws the signal's reason when aborted, as by a service that has another pod by now. */
export type AskToStart = (signal: AbortSignal) => Promise<void>;

export function createAskToStart({
  journal,
  poster,
  report,
  secondsMax,
  longMilliseconds = 5000,
}: Means): AskToStart {
  let seconds = secondsMax;
  let isAsked = false;

  const push = (event: ReportEvent): JournalLine => {
    const line = journal.write(event);
    poster.push(line);
    return line;
  };

  /** The promise to wait for longer is made only to a service that can be reached, and holds from its line in the journal on. */
  async function promise(): Promise<void> {
    await sleep(longMilliseconds);
    if (isAsked) return;
    await poster.acknowledged(push({ type: "waiting", seconds }).sequence);
    if (isAsked || seconds >= answeredSecondsMax) return;
    seconds = answeredSecondsMax;
    push({ type: "waiting", seconds });
  }
  void promise();

  return async (signal) => {
    isAsked = true;
    const { sequence } = push({ type: "ready" });
    const acknowledged = poster.acknowledged(sequence).then(() => true);
    const isKnown = await unlessAborted(signal, within(seconds * 1000, acknowledged));
    signal.throwIfAborted();
    if (isKnown) return;
    report({
      type: "note",
      message: `The service did not answer in ${seconds} s; the first executor was started all the same`,
    });
  };
}
