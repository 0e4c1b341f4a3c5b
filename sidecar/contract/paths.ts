// Every path and environment name that the service, stage-in, the supervisor and the gate must agree on.

/** Our own folder in every container of the pod. User paths below it are refused. */
export const ROOT = "/.tes";
/** Static sh, gate and busybox, copied here from the sidecar image; read-only in executors. */
export const BIN = `${ROOT}/bin`;
/** All step folders (stage-in, supervisor); an executor sees only its own, read-only, as STEP. */
export const STEPS = `${ROOT}/steps`;
export const STEP = `${ROOT}/step`;
/** The work volume (stage-in, supervisor). */
export const WORK = `${ROOT}/work`;
/** The claim whose folders tasks may name by file URLs (stage-in and supervisor, if the task names one). */
export const FILES = `${ROOT}/files`;
/** The token that stage-in and supervisor may change for keys of storage, if the operator wants one. */
export const IDENTITY = `${ROOT}/identity`;
export const IDENTITY_TOKEN = "token";
/** Where a plan that is too large for the pod object is mounted from a Secret: the encoded plan. */
export const PLAN_FILE = `${ROOT}/plan/plan`;

/** Where the sidecar image carries what stage-in copies to BIN. */
export const IMAGE_BIN = "/opt/tespod";
/** The names in IMAGE_BIN and BIN. */
export const SHELL = "sh";
export const BUSYBOX = "busybox";
export const GATE = "gate";
/** Made in BIN of the script that IMAGE_BIN has: what the gate's shell runs in place of a program of an unknown format. */
export const NO_FORMAT = "no-format";

/** Run by the kubelet right after the supervisor was started (postStart): ends when LAID_OUT is there. */
export const AWAIT_LAYOUT = "await-layout";
/** In STEPS, made last: bin, step folders and mounts are in place. */
export const LAID_OUT = "laid-out";

/** What a step folder holds: the step script, and FIFOs. The supervisor reads all but TURN and logs, which it writes. */
export const STEP_SCRIPT = "run";
export const TURN_FIFO = "turn";
export const REPORT_FIFO = "report";
export const STDOUT_FIFO = "stdout";
export const STDERR_FIFO = "stderr";
/** The way back of a stream that has no path of its own: what the supervisor read goes to the container's own log. */
export const logFifo = (stream: string): string => `${stream}.log`;

/**
 * Files that the runtime shares between all containers of a pod, writable for root: an executor could send our own containers
 * to a server of its own. Executors see read-only copies, which lie in STEPS by their names.
 */
export const SHARED_FILES = ["/etc/hosts", "/etc/resolv.conf"] as const;
export const copyName = (file: (typeof SHARED_FILES)[number]): string => file.slice("/etc/".length);

export const stepFolder = (executor: number): string => `${STEPS}/${executor}`;

/** In BIN, only of a plan that carries files: brings them into an executor's own root and back. */
export const CARRY = "carry";
/** In a step folder, for the same: the paths. */
export const PLACES = "places";
/** Where each executor sees what is carried, beside STEP; and its name in the task's folder of the work volume. */
export const CARRIED_FOLDER = "carried";
export const CARRIED = `${ROOT}/${CARRIED_FOLDER}`;

/** Environment of stage-in and supervisor. The storage credentials (AWS_…) come beside these, from operator-named Secrets. */
export const ENV_PLAN = "TESPOD_PLAN";
/** Base URL of the service as seen from a pod; without it the journal alone carries the reports. */
export const ENV_CALLBACK_URL = "TESPOD_CALLBACK_URL";
/** Key that reports are signed with, from a Secret; see token.ts. */
export const ENV_REPORT_KEY = "TESPOD_REPORT_KEY";
/** For so many seconds the first executor waits for the service to acknowledge that it can start; absent: it does not wait. */
export const ENV_RELEASE_WAIT = "TESPOD_RELEASE_WAIT_SECONDS";

/** What the pod that cleans up is to abort; see uploads.ts. */
export const ENV_UPLOADS = "TESPOD_UPLOADS";

/** Path of the service that takes reports: a POST of journal lines (application/x-ndjson). */
export const reportPath = (task: string, attempt: number): string =>
  `/internal/tasks/${encodeURIComponent(task)}/attempts/${attempt}/reports`;
