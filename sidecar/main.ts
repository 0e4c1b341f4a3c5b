// The program inside the pod: `stage-in` is the init container, `supervise` the container beside the executors.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  ENV_CALLBACK_URL,
  ENV_PLAN,
  ENV_RELEASE_WAIT,
  ENV_REPORT_KEY,
  ENV_UPLOADS,
} from "./contract/paths.ts";
import { decodePlan, type TaskPlan } from "./contract/plan.ts";
import type { Outcome, Termination } from "./contract/report.ts";
import { decodeUploads, UPLOADS_LEFT } from "./contract/uploads.ts";
import { storageSettings } from "./filer/settings.ts";
import type { StorageSettings } from "./filer/storage.ts";
import { reasonOf } from "./reason.ts";
import { Replan } from "./replan.ts";
import { createAskToStart } from "./report/ask-to-start.ts";
import { leaveLines, takeLines } from "./report/handover.ts";
import { createJournal, type Journal, type JournalLine } from "./report/journal.ts";
import { createPoster, type Poster } from "./report/poster.ts";
import { type Callback, postTarget, type Report, reportTo } from "./report/reporter.ts";
import { type Roots, rootsBelow } from "./roots.ts";
import { unlessAborted, within } from "./within.ts";

const HELP = `Usage: tespod-sidecar COMMAND [OPTION]...

Commands:
  stage-in    lay out the work volume and the steps of the executors; stage the inputs if the plan asks for it
  supervise   run the executors through their gates, upload the outputs, report
  clean-up    [FOLDER]...: remove what pods that were killed left of tasks: those folders of a shared work volume, and uploads in parts

Options, for runs outside a pod:
  --root=FOLDER            use FOLDER in place of /.tes
  --image-bin=FOLDER       take sh, busybox and gate from FOLDER in place of /opt/tespod
  --termination-log=FILE   leave the termination message there in place of /dev/termination-log
  --help

Environment:
  ${ENV_PLAN}           the encoded plan; otherwise it is read from plan/plan below the root
  ${ENV_CALLBACK_URL}   base URL of the service; without it the reports are only printed
  ${ENV_REPORT_KEY}     key that reports are signed with
  ${ENV_RELEASE_WAIT}
                        how long the first executor waits for the service to acknowledge that it can start
  ${ENV_UPLOADS}        the encoded uploads that clean-up aborts
  AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                        access to S3; without keys, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME,
                        AWS_ENDPOINT_URL_STS
  S3_ENDPOINTS          JSON: buckets that are elsewhere, with keys and authorities of their own
  HTTP_HOSTS            JSON: web hosts with logins and authorities of their own
  NETRC                 users and passwords by host, in the form of ~/.netrc; sent over TLS only
  FTP_TLS               "require" refuses FTP servers without TLS, "prefer" takes it where it is offered; the default requires it for logins of NETRC
  NODE_EXTRA_CA_CERTS   file of further certificate authorities
`;

/** How long the service may take to acknowledge the last report. It can read the journal all the same. */
const SETTLE_MILLISECONDS_MAX = 10_000;
/** The same when we were told to stop. */
const INTERRUPTED_SETTLE_MILLISECONDS_MAX = 800;
/** How long executors' containers that are only just starting are waited for, to tell them that there is nothing to do. */
const LATE_GATE_MILLISECONDS_MAX = 5000;

interface Program {
  roots: Roots;
  callback: Callback | undefined;
  releaseWaitSeconds: number;
  encodedPlan: string | undefined;
  storage: StorageSettings;
  signal: AbortSignal;
  cancel(reason: string): void;
}

function readOptions(): { command: string | undefined; operands: string[]; roots: Roots } {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { root: text, "image-bin": text, "termination-log": text, help: { type: "boolean" } },
  });
  const roots = rootsBelow(values.root);
  return {
    command: values.help ? "help" : positionals[0],
    operands: positionals.slice(1),
    roots: {
      ...roots,
      imageBin: values["image-bin"] ?? roots.imageBin,
      terminationLog: values["termination-log"] ?? roots.terminationLog,
    },
  };
}

function readProgram(roots: Roots): Program {
  const environment = process.env;
  const { [ENV_PLAN]: encodedPlan, [ENV_CALLBACK_URL]: url, [ENV_REPORT_KEY]: reportKey } = environment;
  const stop = new AbortController();
  const cancel = (reason: string): void => stop.abort(new Error(reason));
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => cancel(`Stopped by ${name}`));
  const callback = url && reportKey ? { url, reportKey } : undefined;
  return {
    roots,
    callback,
    releaseWaitSeconds: Number(environment[ENV_RELEASE_WAIT]) || 0,
    encodedPlan,
    storage: storageSettings(environment),
    signal: stop.signal,
    cancel,
  };
}

const readPlan = ({ encodedPlan, roots }: Program): TaskPlan =>
  decodePlan(encodedPlan || readFileSync(roots.planFile, "utf8"));

/** What is secret of it is in our own environment, the rest is in the plan. */
const storageFor = ({ files }: TaskPlan, { storage, roots }: Program): StorageSettings => ({
  ...storage,
  ...(files ? { files: { ...files, local: roots.files } } : {}),
});

function leaveTerminationMessage(roots: Roots, message: Termination): void {
  try {
    writeFileSync(roots.terminationLog, JSON.stringify(message));
  } catch {
    // Not under Kubernetes. The journal and the exit code say the same.
  }
}

const posterTo = (program: Program, plan: TaskPlan): Poster | undefined =>
  program.callback &&
  createPoster({
    ...postTarget(program.callback, plan),
    onCancel: () => program.cancel("Cancelled by the service"),
  });

function outcomeOf({ signal }: Program, error: unknown): Outcome {
  if (signal.aborted) return "interrupted";
  return error instanceof Replan ? "replan" : "system-error";
}

/** Reports that this program failed by itself, and waits a little for the service to hear it. */
async function fail(
  program: Program,
  error: unknown,
  { journal, poster }: { journal: Journal; poster: Poster | undefined },
): Promise<number> {
  const outcome = outcomeOf(program, error);
  const line = journal.write({ type: "finished", outcome, message: reasonOf(error) });
  leaveTerminationMessage(program.roots, { outcome, lastSequence: journal.lastSequence(), released: 0 });
  poster?.push(line);
  await poster?.settle(
    program.signal.aborted ? INTERRUPTED_SETTLE_MILLISECONDS_MAX : SETTLE_MILLISECONDS_MAX,
  );
  return 1;
}

async function runStageIn(program: Program): Promise<number> {
  process.umask(0);
  const journal = createJournal("stage-in");
  let poster: Poster | undefined;
  try {
    const plan = readPlan(program);
    poster = posterTo(program, plan);
    const lines: JournalLine[] = [];
    // What is told on the way the service hears at once; if it did not, the supervisor tells it again.
    const report: Report = (event) => {
      const line = journal.write(event);
      lines.push(line);
      poster?.push(line);
    };
    const { stageIn } = await import("./stage-in/stage-in.ts");
    const { roots, signal } = program;
    const staged = await stageIn({ plan, roots, signal, report, storage: storageFor(plan, program) });
    leaveLines([...lines, journal.write({ type: "staged", ...staged })], roots);
    return 0;
  } catch (error) {
    return await fail(program, error, { journal, poster });
  }
}

async function runSupervisor(program: Program): Promise<number> {
  process.umask(0);
  const { roots, signal } = program;
  let plan: TaskPlan;
  try {
    plan = readPlan(program);
  } catch (error) {
    return await fail(program, error, { journal: createJournal("supervisor"), poster: undefined });
  }
  const journal = createJournal("supervisor");
  const poster = posterTo(program, plan);
  const earlier = handOver(program, plan, takeLines(roots));
  let released = 0;
  const report: Report = (event) => {
    if (event.type === "executor-started") released++;
    reportTo(journal, poster)(event);
  };
  const secondsMax = program.releaseWaitSeconds;
  const { superviseTask } = await import("./supervisor/supervisor.ts");
  const { ending, gatesGone } = await superviseTask({
    plan,
    roots,
    report,
    signal,
    storage: storageFor(plan, program),
    ...(poster && secondsMax > 0
      ? { askToStart: createAskToStart({ journal, poster, report, secondsMax }) }
      : {}),
  });
  report({ type: "finished", ...ending });
  leaveTerminationMessage(roots, {
    outcome: ending.outcome,
    lastSequence: journal.lastSequence(),
    released,
  });
  const patience = signal.aborted ? INTERRUPTED_SETTLE_MILLISECONDS_MAX : SETTLE_MILLISECONDS_MAX;
  await Promise.all([
    ...[poster, earlier].map((each) => each?.settle(patience)),
    within(LATE_GATE_MILLISECONDS_MAX, unlessAborted(signal, gatesGone)).catch(() => undefined),
  ]);
  return 0;
}

/** stage-in's own lines, which the service acknowledges by their own numbers. */
function handOver(program: Program, plan: TaskPlan, lines: readonly JournalLine[]): Poster | undefined {
  const poster = lines.length > 0 ? posterTo(program, plan) : undefined;
  for (const line of lines) poster?.push(line);
  return poster;
}

async function runCleanUp(folders: readonly string[], { roots, storage, signal }: Program): Promise<number> {
  const encoded = process.env[ENV_UPLOADS];
  const faults = encoded ? await abortAll(encoded, storage, signal) : [];
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  const { removeFolders } = await import("./stage-in/clean-up.ts");
  await removeFolders(roots.work, folders);
  return faults.length > 0 ? UPLOADS_LEFT : 0;
}

async function abortAll(encoded: string, storage: StorageSettings, signal: AbortSignal): Promise<string[]> {
  const { abortUploads } = await import("./filer/abort-uploads.ts");
  return await abortUploads(decodeUploads(encoded), storage, signal);
}

async function main(): Promise<number> {
  const { command, operands, roots } = readOptions();
  if (command === "stage-in") return await runStageIn(readProgram(roots));
  if (command === "supervise") return await runSupervisor(readProgram(roots));
  if (command === "clean-up") return await runCleanUp(operands, readProgram(roots));
  (command === "help" ? process.stdout : process.stderr).write(HELP);
  return command === "help" ? 0 : 2;
}

/** Not as the runtime would print it: an error of a request has the signed URL in its properties. */
function crash(error: unknown): never {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exit(1);
}

process.on("unhandledRejection", crash);
process.on("uncaughtException", crash);
// What may still be open, reads of FIFOs that nobody will write for instance, must not keep the container alive.
main().then((code) => process.exit(code), crash);
