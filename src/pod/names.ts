// Every name of pods, containers, volumes, labels and annotations.

export const managedBy = "tespod";

export const labels = {
  managedBy: "app.kubernetes.io/managed-by",
  instance: "tespod/instance",
  task: "tespod/task",
  attempt: "tespod/attempt",
} as const;

/** The encoded plan, if it fits into the pod object. */
export const planAnnotation = "tespod/plan";

export const containers = { stageIn: "stage-in", supervisor: "supervisor" } as const;
export const executorContainer = (executor: number): string => `exec-${executor}`;
/** The inverse of executorContainer; undefined for a container that is not an executor's. */
export function executorIndex(container: string): number | undefined {
  const match = /^exec-(\d+)$/.exec(container);
  return match === null ? undefined : Number(match[1]);
}

export const volumes = {
  bin: "bin",
  steps: "steps",
  work: "work",
  plan: "plan",
  files: "files",
  identity: "identity",
} as const;

/** Deterministic, so that creating it twice is creating it once. */
export const podName = (task: string, attempt: number): string => `tes-${task}-${attempt}`;

/** The Secret of a plan too large for the pod object; owned by the pod, and gone with it. */
export const planSecretName = (task: string, attempt: number): string => `${podName(task, attempt)}-plan`;
/** Kubernetes' limit on a Secret's data, less a little for the object around it. */
export const planSecretBytesMax = 1_000_000;
/** Above this size of the encoded plan it goes into a Secret: an environment variable holds at most 128 KiB. */
export const planAnnotationBytesMax = 90 * 1024;

/** The pods of one installation of the service. */
export const podSelector = (instance: string): string =>
  `${labels.managedBy}=${managedBy},${labels.instance}=${instance},${labels.task}`;
