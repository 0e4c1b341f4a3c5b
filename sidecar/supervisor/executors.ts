// Executors: runs a plan's executors one after the other through their gates.
import type { TaskPlan } from "../contract/plan.ts";
import type { ReportEvent } from "../contract/report.ts";
import { taskFolder } from "../filer/mounts.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";
import { stepFolderIn } from "../step/folder.ts";
import { sleep, unlessAborted, within } from "../within.ts";
import { readOutput } from "./output.ts";
import { openStep, type Step } from "./step.ts";
import { exitCodeOf, type Next, nextAction } from "./supervise.ts";

/** How long output may still arrive after the command ended: a daemon may hold the pipe for ever. */
const DRAIN_MILLISECONDS_MAX = 1000;
/**
 * Whoever ends a pod tells all its containers to stop, some of them sooner than others: so long our own word may be late, on a
 * busy node, and so much longer a task takes whose executor alone was killed from outside.
 */
const STOP_MILLISECONDS_MAX = 3000;
/** How long a gate may take to end itself and what the command left, before the next executor starts all the same. */
const CLOSE_MILLISECONDS_MAX = 10_000;

export interface ExecutorsContext {
  plan: TaskPlan;
  roots: Roots;
  report: Report;
  signal: AbortSignal;
}

export const openSteps = ({ plan, roots }: Pick<ExecutorsContext, "plan" | "roots">): Step[] =>
  plan.executors.map((_, index) => openStep(stepFolderIn(roots, index)));

/** Lets waiting gates end with 0. */
export const skip = (steps: readonly Step[]): void => {
  for (const step of steps) step.tell("skip");
};

/**
 * Runs the executors until all are over or one failed, reports each, and lets the others' gates go. Waits without a bound
 * for a gate that is not there yet: only the service sees why, an image that cannot be pulled for instance.
 * Throws the signal's reason when aborted, an Error if a gate dies before its turn.
 */
export async function runExecutors(
  context: ExecutorsContext,
  steps: readonly Step[],
): Promise<Extract<Next, { action: "finish" }>["outcome"]> {
  const codes: number[] = [];
  for (;;) {
    const next = nextAction(context.plan.executors, codes);
    if (next.action === "finish") {
      skip(steps.slice(codes.length));
      return next.outcome;
    }
    const event = await unlessAborted(context.signal, runExecutor(context, steps, next.executor));
    context.report(event);
    codes.push(event.exitCode);
    const hint = event.exitCode === 0 ? undefined : workdirHint(context, steps, event.executor);
    if (hint !== undefined) context.report({ type: "note", message: hint });
  }
}

/** A folder that only root may write to is the image's business, unless the executor failed: it may have failed of that. */
function workdirHint({ plan }: ExecutorsContext, steps: readonly Step[], index: number): string | undefined {
  const workdir = plan.executors[index]?.workdir;
  if (workdir === undefined || steps[index]?.isWritable() !== false) return undefined;
  return `Executor ${index} failed, and its user cannot write to its workdir "${workdir}"; named in "volumes", every user can`;
}

/** Throws the signal's reason if we are being stopped as well: the executor's end is then no failure of its own. */
async function unlessStopped(signal: AbortSignal): Promise<void> {
  await unlessAborted(signal, sleep(STOP_MILLISECONDS_MAX));
}

async function runExecutor(
  { plan, roots, report, signal }: ExecutorsContext,
  steps: readonly Step[],
  index: number,
): Promise<Extract<ReportEvent, { type: "executor-ended" }>> {
  const [step, executor] = [steps[index], plan.executors[index]];
  if (!step || !executor) throw new RangeError(`Cannot run executor ${index}: it is not in the plan`);
  if (!(await step.greeted) || step.isClosed()) {
    await unlessStopped(signal);
    throw new Error(`Executor ${index} was killed before its turn`);
  }
  // Whoever waits for us has gone on without us.
  signal.throwIfAborted();
  const output = readOutput(executor, stepFolderIn(roots, index), plan, taskFolder(roots.work, plan));
  const startTime = new Date().toISOString();
  step.tell("run");
  report({ type: "executor-started", executor: index });
  const ending = await step.ended;
  const endTime = new Date().toISOString();
  if (step.isStopped()) await unlessStopped(signal);
  await within(DRAIN_MILLISECONDS_MAX, output.drained);
  step.tell("done");
  await within(CLOSE_MILLISECONDS_MAX, step.closed);
  const exitCode = exitCodeOf(ending);
  return {
    type: "executor-ended",
    executor: index,
    startTime,
    endTime,
    exitCode,
    ...step.usage(),
    ...(await output.excerpts()),
  };
}
