// Supervise: what to do next, from what the executors did. Pure; steps.ts and main.ts act on it.
import type { PlanExecutor } from "../contract/plan.ts";
import type { Outcome } from "../contract/report.ts";

/** How a released executor ended: the code its gate told, or nothing, when the gate died without a word. */
export type Ending = number | "gone";

/** A process that SIGKILL ended, as a shell tells it: what an executor without a word is taken for. */
const KILLED = 137;

export const exitCodeOf = (ending: Ending): number => (ending === "gone" ? KILLED : ending);

export type Next =
  | { action: "release"; executor: number }
  /** No executor is to run any more. */
  | { action: "finish"; outcome: Extract<Outcome, "complete" | "executor-error"> };

/**
 * Executors run one at a time in their order, and stop at the first that fails unless its failure is to be ignored
 * (TES 1.1, tesExecutor.ignore_error). `codes` are the exit codes of those that are over.
 */
export function nextAction(
  executors: readonly Pick<PlanExecutor, "ignoreError">[],
  codes: readonly number[],
): Next {
  const failed = codes.some((code, index) => code !== 0 && executors[index]?.ignoreError !== true);
  if (!failed && codes.length < executors.length) return { action: "release", executor: codes.length };
  return { action: "finish", outcome: failed ? "executor-error" : "complete" };
}
