// Stage-in: the init container's story. Lays out the volumes and stages the inputs.
import type { TaskPlan } from "../contract/plan.ts";
import { type Staged, stageInputs } from "../filer/filer.ts";
import { startPreflight } from "../filer/preflight.ts";
import type { StorageSettings } from "../filer/storage.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";
import { cleanUp } from "./clean-up.ts";
import { layOut } from "./layout.ts";

export interface StageInContext {
  plan: TaskPlan;
  roots: Roots;
  storage: StorageSettings;
  signal: AbortSignal;
  report: Report;
}

/** Throws what went wrong. Not idempotent: the folders must be empty. The caller has set umask 0. */
export async function stageIn(context: StageInContext): Promise<Staged> {
  layOut(context.plan, context.roots);
  try {
    // The supervisor asks again, and waits for the answers: here they only spare the rest of a long staging.
    using preflight = startPreflight(context);
    return await stageInputs({ ...context, signal: preflight.signal });
  } catch (error) {
    // No supervisor will come to do it. Of the two failures the first is what counts.
    await cleanUp(context);
    throw error;
  }
}
