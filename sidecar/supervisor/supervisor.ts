// Supervisor: the story of a task inside its pod, from the first gate to the last upload.
import type { Outcome } from "../contract/report.ts";
import { stageInputs, uploadOutputs } from "../filer/filer.ts";
import { startPreflight } from "../filer/preflight.ts";
import type { StorageSettings } from "../filer/storage.ts";
import { reasonOf } from "../reason.ts";
import { Replan } from "../replan.ts";
import { cleanUp } from "../stage-in/clean-up.ts";
import { layOut } from "../stage-in/layout.ts";
import { unlessAborted, within } from "../within.ts";
import { watchPlaces } from "./carried.ts";
import { dismiss, type ExecutorsContext, Lost, openSteps, runExecutors } from "./executors.ts";
import type { Step } from "./step.ts";

export interface SupervisorContext extends ExecutorsContext {
  storage: StorageSettings;
}

/** How the task's work in the pod ended, and why, if there is something to say. */
export interface Ending {
  outcome: Outcome;
  message?: string;
}

/** How long the executors may take to end after we were told to stop, before their folder goes from under them. */
const CLOSE_MILLISECONDS_MAX = 1000;

export interface Supervised {
  ending: Ending;
  /**
   * Resolves when every gate came and went. One that comes when nobody holds its FIFOs any more waits in vain, so the process
   * should outlive this; but an executor's container may never be started.
   */
  gatesGone: Promise<unknown>;
}

/** Stages if the plan says so, runs the executors, uploads, cleans up. Reports all but the end, which it returns. Never throws. */
export async function superviseTask(context: SupervisorContext): Promise<Supervised> {
  const steps: Step[] = [];
  const ending = await supervise(context, steps);
  const gatesGone = Promise.allSettled(steps.map(({ closed }) => closed));
  if (context.plan.workFolder !== "") {
    await within(CLOSE_MILLISECONDS_MAX, gatesGone);
    await cleanUp(context);
  }
  return { ending, gatesGone };
}

/** Fills `steps`, which outlive it, and lets their gates go, while outputs are uploaded. */
async function supervise(context: SupervisorContext, steps: Step[]): Promise<Ending> {
  let leaving: Promise<void> | undefined;
  try {
    // Before anything else: the kubelet starts no executor container until this is done.
    if (context.plan.staging === "supervisor") layOut(context.plan, context.roots);
    // And then: the gates that are there already see that they are waited for.
    steps.push(...openSteps(context));
    using preflight = startPreflight(context);
    const unplaced = new AbortController();
    const placed = watchPlaces(steps[0], context.plan, context.report);
    placed.catch((error: unknown) => unplaced.abort(error));
    if (context.plan.staging === "supervisor") {
      const signal = AbortSignal.any([preflight.signal, unplaced.signal]);
      const staged = await stageInputs({ ...context, signal });
      context.report({ type: "staged", ...staged });
    }
    await preflight.passed(steps[0]?.greeted ?? Promise.resolve());
    await unlessAborted(context.signal, placed);
    const outcome = await runExecutors(context, steps).catch((error: unknown) => {
      if (error instanceof Lost) return error;
      throw error;
    });
    leaving = dismiss(steps);
    return await upload(context, outcome);
  } catch (error) {
    if (context.signal.aborted) return { outcome: "interrupted", message: reasonOf(context.signal.reason) };
    return { outcome: error instanceof Replan ? "replan" : "system-error", message: reasonOf(error) };
  } finally {
    await (leaving ?? dismiss(steps));
  }
}

/** What the task failed of before is its failure, also if its outputs cannot be uploaded either. */
async function upload(
  context: SupervisorContext,
  outcome: "complete" | "executor-error" | Lost,
): Promise<Ending> {
  try {
    await uploadOutputs(context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (outcome === "complete") throw error;
    context.report({ type: "note", message: reasonOf(error) });
  }
  return outcome instanceof Lost ? { outcome: "system-error", message: outcome.message } : { outcome };
}
