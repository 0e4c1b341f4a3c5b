// Executors: runs a plan's executors one after the other through their gates.
import type { PlanExecutor, TaskPlan } from "../contract/plan.ts";
import type { ReportEvent } from "../contract/report.ts";
import { stopDelaySeconds } from "../contract/stop-delay.ts";
import { taskFolder } from "../filer/mounts.ts";
import { reasonOf } from "../reason.ts";
import type { AskToStart } from "../report/ask-to-start.ts";
import type { Report } from "../report/reporter.ts";
import type { Roots } from "../roots.ts";
import { stepFolderIn } from "../step/folder.ts";
import { aborted, sleep, unlessAborted, within } from "../within.ts";
import { broughtOut, tellUnseen, unplacedHint } from "./carried.ts";
import { type Output, readOutput } from "./output.ts";
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
  askToStart?: AskToStart;
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

/** An executor succeeded, and what it made could not be kept: the next would start with the wrong files. */
export class Lost extends Error {
  override readonly name = "Lost";
}

/**
 * Runs the executors until all are over or one failed, and reports each. Waits without a bound for a gate that is not there yet:
 * only the service sees why, an image that cannot be pulled for instance. Throws the signal's reason when aborted, an Error if a
 * gate dies before its turn, Lost as said there.
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
    const { event, fault } = await runExecutor({ ...context, stopped }, steps, next.executor);
    context.report(event);
    // What ended together with us has not failed: the cause is for the service to find.
    context.signal.throwIfAborted();
    codes.push(event.exitCode);
    if (fault) tellLost(context, event, fault);
    await dismiss(steps.slice(0, Math.max(0, codes.length - STAYING_MAX)));
    if (event.exitCode !== 0) tellHints(context, steps, event.executor);
  }
}

/** Throws Lost, unless the task ends of the executor's own failure: then that is what counts. */
function tellLost(
  { plan, report }: ExecutorsContext,
  { executor, exitCode }: Ran["event"],
  fault: Error,
): void {
  const isFailed = exitCode !== 0 && plan.executors[executor]?.ignoreError !== true;
  if (!isFailed) throw new Lost(reasonOf(fault));
  report({ type: "note", message: reasonOf(fault) });
}

function tellHints(context: ExecutorsContext, steps: readonly Step[], index: number): void {
  const step = steps[index];
  const hints = [workdirHint(context, steps, index), step && unplacedHint(step, index, context.plan)];
  for (const message of hints) if (message !== undefined) context.report({ type: "note", message });
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

/** How an executor ended, and what it made that could not be kept. */
interface Ran {
  readonly event: Extract<ReportEvent, { type: "executor-ended" }>;
  readonly fault: Error | undefined;
}

type RunContext = ExecutorsContext & { stopped: Promise<void> };

/** Waits for the gate, and for the service's word that the first executor may start. Throws if the gate is dead by then. */
async function mustBeThere(
  { plan, roots, signal, stopped, askToStart }: RunContext,
  step: Step,
  index: number,
): Promise<void> {
  const isThere = await unlessAborted(signal, step.greeted);
  if (isThere && index === 0) await askToStart?.(signal);
  if (!isThere || step.isClosed()) {
    await within(STOP_MILLISECONDS_MAX, stopped);
    signal.throwIfAborted();
    throw new Error(`Executor ${index} was killed before its turn`);
  }
  if (plan.inPlace) await mustBeAsSeen(plan, roots, signal);
}

async function runExecutor(context: RunContext, steps: readonly Step[], index: number): Promise<Ran> {
  const { plan, roots, report, signal, stopped } = context;
  const [step, executor] = [steps[index], plan.executors[index]];
  if (!step || !executor) throw new RangeError(`Cannot run executor ${index}: it is not in the plan`);
  await mustBeThere(context, step, index);
  const startTime = new Date().toISOString();
  const output = await openOutput(executor, index, { plan, roots });
  if (output instanceof Error) return await refuse(step, index, { startTime, reason: output, report });
  tellUnseen(step, index, { plan, roots, report });
  step.tell("run");
  report({ type: "executor-started", executor: index });
  const ending = await endingOf(step, index, signal);
  const endTime = new Date().toISOString();
  if (step.isStopped()) await within(STOP_MILLISECONDS_MAX, stopped);
  await within(signal.aborted ? LAST_OUTPUT_MILLISECONDS_MAX : DRAIN_MILLISECONDS_MAX, output.drained);
  output.endLogs();
  step.tell("done");
  await within(OVER_MILLISECONDS_MAX, Promise.race([step.over, stopped]));
  const unkept = await broughtOut(step, index, { plan, stopped });
  if (!signal.aborted) await output.end();
  const event = {
    type: "executor-ended",
    executor: index,
    startTime,
    endTime,
    exitCode: exitCodeOf(ending),
    ...step.usage(),
    ...output.excerpts(),
  } as const;
  return { event, fault: output.fault() ?? unkept };
}

/** The error in words if a file that the executor names for its output cannot be opened. */
async function openOutput(
  executor: PlanExecutor,
  index: number,
  { plan, roots }: Pick<ExecutorsContext, "plan" | "roots">,
): Promise<Output | Error> {
  const places = { step: stepFolderIn(roots, index), plan, folder: taskFolder(roots.work, plan) };
  return await readOutput(executor, index, places).catch((error: Error) => error);
}

/** As the gate itself does it with a stdin that cannot be opened: 125, with the reason on stderr. */
async function refuse(
  step: Step,
  index: number,
  { startTime, reason, report }: { startTime: string; reason: Error } & Pick<ExecutorsContext, "report">,
): Promise<Ran> {
  report({ type: "executor-started", executor: index });
  step.tell("refuse");
  await within(OVER_MILLISECONDS_MAX, step.closed);
  const endTime = new Date().toISOString();
  const texts = { stdout: "", stderr: `${reasonOf(reason)}\n` };
  const event = {
    type: "executor-ended",
    executor: index,
    startTime,
    endTime,
    exitCode: 125,
    ...texts,
  } as const;
  return { event, fault: undefined };
}
