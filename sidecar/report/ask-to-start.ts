// askToStart: the first executor starts once the service has it on disk that it may, so that the service makes another pod only
// where it knows that no executor was started.
import { unlessAborted, within } from "../within.ts";
import type { Journal } from "./journal.ts";
import type { Poster } from "./poster.ts";
import type { Report } from "./reporter.ts";

interface Means {
  readonly journal: Journal;
  readonly poster: Poster;
  readonly report: Report;
  /** A service that is away must not keep tasks from running for ever. */
  readonly secondsMax: number;
}

/** Throws the signal's reason when aborted, as the service does that has another pod for the task by now. */
export async function askToStart(
  { journal, poster, report, secondsMax }: Means,
  signal: AbortSignal,
): Promise<void> {
  const line = journal.write({ type: "ready" });
  const acknowledged = poster.acknowledged(line.sequence).then(() => true);
  poster.push(line);
  const isKnown = await unlessAborted(signal, within(secondsMax * 1000, acknowledged));
  signal.throwIfAborted();
  if (isKnown) return;
  report({
    type: "note",
    message: `The service did not answer in ${secondsMax} s; the first executor was started all the same`,
  });
}
