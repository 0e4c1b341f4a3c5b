// Reporter: what stage-in and the supervisor say of their work, to the journal first, then to the service.
import { reportPath } from "../contract/paths.ts";
import type { TaskPlan } from "../contract/plan.ts";
import type { ReportEvent } from "../contract/report.ts";
import { reportSigner } from "../contract/token.ts";
import type { Journal, JournalLine } from "./journal.ts";
import type { Poster, PosterSettings } from "./poster.ts";

/** Takes an event. Never waits for the service, never throws. */
export type Report = (event: ReportEvent) => void;

/** How the service is reached from a pod. */
export interface Callback {
  url: string;
  reportKey: string;
}

/** Where the reports of this attempt are POSTed, and what signs them. */
export function postTarget(
  callback: Callback,
  { task, attempt }: Pick<TaskPlan, "task" | "attempt">,
): Pick<PosterSettings, "url" | "sign"> {
  return {
    url: callback.url.replace(/\/+$/, "") + reportPath(task, attempt),
    sign: reportSigner(callback.reportKey, task, attempt),
  };
}

export const reportTo =
  (journal: Journal, poster: Pick<Poster, "push"> | undefined): Report =>
  (event) => {
    const line: JournalLine = journal.write(event);
    poster?.push(line);
  };
