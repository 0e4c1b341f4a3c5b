// Executors: runs a plan's executors one after the other through their gates.
import type { TaskPlan } from "../contract/plan.ts";
import type { ReportEvent } from "../contract/report.ts";
import { stopDelaySeconds } from "../contract/stop-delay.ts";
import { taskFolder } from "../filer/mounts.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";
import { stepFolderIn } from "../step/folder.ts";
import { aborted, sleep, unlessAborted, within } from "../within.ts";
import { readOutput } from "./output.ts";
import { openStep, type Step } from "./step.ts";
import { type Ending, exitCodeOf, type Next, nextAction } from "./supervise.ts";

/** How long output may still arrive after the command ended: a daemon may hold the pipe for ever. */
const DRAIN_MILLISECONDS_MAX = 1000;
/**
 * Whoever ends a pod tells all its containers to stop, some of them sooner than others: so long our own word may be late, on a
 * busy node, and so much longer a task takes whose executor alone was killed from outside.
 */
const STOP_MILLISECONDS_MAX = 3000;
/**
 * How long an executor may take to end, and its output to arrive, when we are told to stop: most tools obey at once, and what
 * they said and their code are then known. Of the others nobody hears any more.
 */
const LAST_WORD_MILLISECONDS_MAX = 2000;
const LAST_OUTPUT_MILLISECONDS_MAX = 300;
/** How long a gate may take to end what the command left, before the next executor starts all the same. */
const OVER_MILLISECONDS_MAX = 10_000;
/**
 * So many gates stay when their executors are over: the end of a container keeps the node busy just when the next executor
 * starts. No more, for some runtimes hang for minutes over dozens of containers of a pod that end at once (seen with 64).
 */
const STAYING_MAX = 16;
/** While more than these are there, one leaves after the other, with so long between. */
const LEAVING_MILLISECONDS = 50;

export interface ExecutorsContext {
  plan: TaskPlan;
  roots: Roots;
  report: Report;
  signal: AbortSignal;
  /** Waits until the first executor may start; absent: it may. Throws the signal's reason. */
  askToStart?: (signal: AbortSignal) => Promise<void>;
}

export const openSteps = ({ plan, roots }: Pick<ExecutorsContext, "plan" | "roots">): Step[] =>
  plan.executors.map((_, index) => openStep(stepFolderIn(roots, index)));

/** Lets the gates end: those that never had their turn with 0. Resolves when all are told; of sixteen or fewer, at once. */
export async function dismiss(steps: readonly Step[]): Promise<void> {
  const isThere = (step: Step): boolean => !step.isClosed();
  for (const [index, step] of steps.entries()) {
    if (!isThere(step)) continue;
    step.tell("leave");
    const others = steps.slice(index + 1).filter(isThere);
    if (others.length >= STAYING_MAX) await sleep(LEAVING_MILLISECONDS);
  }
}

/**
 * Runs the executors until all are over or one failed, and reports each. Waits without a bound for a gate that is not there yet:
 * only the service sees why, an image that cannot be pulled for instance. Throws the signal's reason when aborted, an Error if a
 * gate dies before its turn.
 */
export async function runExecutors(
  context: ExecutorsContext,
  steps: readonly Step[],
): Promise<Extract<Next, { action: "finish" }>["outcome"]> {
  const codes: number[] = [];
  const stopped = aborted(context.signal);
  for (;;) {
    const next = nextAction(context.plan.executors, codes);
    if (next.action === "finish") return next.outcome;
    const event = await runExecutor({ ...context, stopped }, steps, next.executor);
    context.report(event);
    // What ended together with us has not failed: the cause is for the service to find.
    context.signal.throwIfAborted();
    codes.push(event.exitCode);
    await dismiss(steps.slice(0, Math.max(0, codes.length - STAYING_MAX)));
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

/** How the command ended. Throws the signal's reason if we are told to stop, and it goes on when it was told so too. */
async function endingOf({ ended }: Step, executor: number, signal: AbortSignal): Promise<Ending> {
  return await unlessAborted(signal, ended).catch(async (reason: unknown) => {
    const told = stopDelaySeconds(executor) * 1000;
    const ending = await within(told + LAST_WORD_MILLISECONDS_MAX, ended);
    if (ending === undefined) throw reason;
    return ending;
  });
}

/** The executor's container is there, and so is what it mounts. */
async function mustBeAsSeen(plan: TaskPlan, roots: Roots, signal: AbortSignal): Promise<void> {
  const { mustBeNoneMade } = await import("../filer/seen-in-place.ts");
  await unlessAborted(signal, mustBeNoneMade(plan, roots));
}

async function runExecutor(
  { plan, roots, report, signal, stopped, askToStart }: ExecutorsContext & { stopped: Promise<void> },
  steps: readonly Step[],
  index: number,
): Promise<Extract<ReportEvent, { type: "executor-ended" }>> {
  const [step, executor] = [steps[index], plan.executors[index]];
  if (!step || !executor) throw new RangeError(`Cannot run executor ${index}: it is not in the plan`);
  const isThere = await unlessAborted(signal, step.greeted);
  if (isThere && index === 0) await askToStart?.(signal);
  if (!isThere || step.isClosed()) {
    await within(STOP_MILLISECONDS_MAX, stopped);
    signal.throwIfAborted();
    throw new Error(`Executor ${index} was killed before its turn`);
  }
  if (plan.inPlace) await mustBeAsSeen(plan, roots, signal);
  const output = readOutput(executor, stepFolderIn(roots, index), plan, taskFolder(roots.work, plan));
  const startTime = new Date().toISOString();
  step.tell("run");
  report({ type: "executor-started", executor: index });
  const ending = await endingOf(step, index, signal);
  const endTime = new Date().toISOString();
  if (step.isStopped()) await within(STOP_MILLISECONDS_MAX, stopped);
  await within(signal.aborted ? LAST_OUTPUT_MILLISECONDS_MAX : DRAIN_MILLISECONDS_MAX, output.drained);
  step.tell("done");
  await within(OVER_MILLISECONDS_MAX, Promise.race([step.over, stopped]));
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
