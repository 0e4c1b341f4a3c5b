// V1Pod → PodFacts: the little of a pod's status that decisions rest on.
import type { V1ContainerStatus, V1Pod, V1PodCondition } from "@kubernetes/client-node";
import * as v from "valibot";
import { ENV_RELEASE_WAIT } from "../../sidecar/contract/paths.ts";
import { type Termination, terminationSchema } from "../../sidecar/contract/report.ts";
import { defined } from "../defined.ts";
import { containers, executorIndex, labels } from "./names.ts";

/** One of our two containers that ended. */
interface SidecarEnd {
  readonly exitCode: number;
  /** Kubernetes' word for it: Completed, Error, OOMKilled, … */
  readonly reason: string;
  readonly endTime?: Date;
  /** What it left as its termination message; absent if it was killed. */
  readonly final?: Termination;
}

/** A container that does not start. */
export interface Trouble {
  readonly container: string;
  /** The executor's index, if it is an executor's container. */
  readonly executor?: number;
  readonly reason: string;
  readonly message: string;
}

export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  readonly task: string;
  readonly creationTime: Date;
  /** When this was heard of the pod; absent if that is of no matter. */
  readonly heardAt?: Date;
  readonly deleting: boolean;
  /** When its grace ends: it should be gone by then. Known once the API server has said so. */
  readonly deletionTime?: Date;
  readonly scheduled: boolean;
  /** When it was given to its node, by the cluster's clock. */
  readonly scheduledTime?: Date;
  readonly nodeName?: string;
  /** For how long its first executor waits for our word; absent if it does not. */
  readonly holdSeconds?: number;
  /** What the executors' images are, by the executor's index: digests, known once a container was made. */
  readonly images?: Readonly<Record<string, string>>;
  /** Why no node has the pod: the scheduler's message, or that of what holds the pod back from it. */
  readonly unschedulable?: string;
  /** Since when its node has the pod without having started one of our containers. */
  readonly startingSince?: Date;
  /** The first container, in the order of their turns, that waits for something that may never come. */
  readonly trouble?: Trouble;
  /** The first executor whose container, and each after it, is not made yet, for no reason that is told. */
  readonly creatingFrom?: number;
  /** Since when the supervisor runs. */
  readonly supervisorSince?: Date;
  readonly stageIn?: SidecarEnd;
  readonly supervisor?: SidecarEnd;
  /** Why the system took the pod away (condition DisruptionTarget), with its own words in brackets. */
  readonly disruption?: string;
  /** Terminal phase with what Kubernetes says of it (Evicted, DeadlineExceeded, …); empty if it says nothing. */
  readonly failed?: { readonly reason: string; readonly message: string };
}

/** Waiting reasons of the kubelet that are not steps on the way of every container. src/reconcile/patience.ts judges each. */
const troubles: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "ImageInspectError",
  "InvalidImageName",
  "ErrImageNeverPull",
  "RegistryUnavailable",
  "SignatureValidationFailed",
  "CreateContainerConfigError",
  "CreateContainerError",
  "PreCreateHookError",
  "PreStartHookError",
  "RunContainerError",
]);

/** Ends of a container whose program was never begun: the runtime could not start it, so it never came to our gate. */
export const failedStarts: ReadonlySet<string> = new Set(["StartError", "ContainerCannotRun"]);

/** Those that are: on the way of every container that is not made yet. */
const creating: ReadonlySet<string> = new Set(["ContainerCreating", "PodInitializing"]);

/** The facts of a pod. Pure; never throws, whatever the object lacks. */
export function observe(pod: V1Pod): PodFacts {
  const { metadata, spec, status } = pod;
  const condition = (type: string) => status?.conditions?.find((candidate) => candidate.type === type);
  const scheduled = condition("PodScheduled");
  const disruption = condition("DisruptionTarget");
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return defined<PodFacts>({
    ...identity(metadata),
    deletionTime: metadata?.deletionTimestamp,
    scheduled: scheduled?.status === "True",
    scheduledTime: scheduled?.status === "True" ? scheduled.lastTransitionTime : undefined,
    nodeName: spec?.nodeName,
    holdSeconds: holdSeconds(spec),
    images: executorImages(statuses),
    unschedulable:
      scheduled?.status === "False"
        ? (scheduled.message ?? scheduled.reason ?? "no reason given")
        : undefined,
    startingSince:
      scheduled?.status === "True" && !statuses.some(isBegun) ? scheduled.lastTransitionTime : undefined,
    trouble: firstTrouble(statuses),
    creatingFrom: firstCreating(statuses),
    supervisorSince: statuses.find(({ name }) => name === containers.supervisor)?.state?.running?.startedAt,
    stageIn: sidecarEnd(statuses, containers.stageIn),
    supervisor: sidecarEnd(statuses, containers.supervisor),
    disruption: disruption?.status === "True" ? describeDisruption(disruption) : undefined,
    failed:
      status?.phase === "Failed" ? { reason: status.reason ?? "", message: status.message ?? "" } : undefined,
  });
}

/**
 * The pod can do no more: never by the phase alone, which is late by a second, and "Pending" while any image is pulled.
 */
export const isOver = ({ supervisor, stageIn, failed }: PodFacts): boolean =>
  supervisor !== undefined || failed !== undefined || (stageIn !== undefined && stageIn.exitCode !== 0);

function holdSeconds(spec: V1Pod["spec"]): number | undefined {
  const supervisor = spec?.containers.find(({ name }) => name === containers.supervisor);
  const { value } = supervisor?.env?.find(({ name }) => name === ENV_RELEASE_WAIT) ?? {};
  return value === undefined ? undefined : Number(value);
}

const describeDisruption = ({ reason, message }: V1PodCondition): string =>
  `${reason ?? "DisruptionTarget"}${message ? ` (${message})` : ""}`;

const identity = (metadata: V1Pod["metadata"]) => ({
  name: metadata?.name ?? "",
  uid: metadata?.uid ?? "",
  task: metadata?.labels?.[labels.task] ?? "",
  creationTime: new Date(metadata?.creationTimestamp ?? 0),
  deleting: metadata?.deletionTimestamp !== undefined,
});

function executorImages(statuses: readonly V1ContainerStatus[]): PodFacts["images"] {
  const images = statuses.flatMap(({ name, imageID }) => {
    const executor = executorIndex(name);
    return executor === undefined || !imageID ? [] : [[String(executor), imageID] as const];
  });
  return images.length === 0 ? undefined : Object.fromEntries(images);
}

const isBegun = ({ name, state }: V1ContainerStatus): boolean =>
  executorIndex(name) === undefined && (state?.running ?? state?.terminated) !== undefined;

/** The kubelet sorts the statuses by name, where exec-10 stands before exec-2. */
function firstTrouble(statuses: readonly V1ContainerStatus[]): Trouble | undefined {
  const [first] = statuses
    .flatMap((status) => troubleOf(status) ?? [])
    .sort((a, b) => (a.executor ?? -1) - (b.executor ?? -1));
  return first;
}

function troubleOf({ name, state }: V1ContainerStatus): Trouble | undefined {
  const { waiting, terminated } = state ?? {};
  if (waiting?.reason !== undefined && troubles.has(waiting.reason))
    return trouble(name, waiting.reason, waiting.message);
  const { reason = "", message } = terminated ?? {};
  return failedStarts.has(reason) ? trouble(name, reason, message) : undefined;
}

function firstCreating(statuses: readonly V1ContainerStatus[]): number | undefined {
  const executors = statuses
    .filter(({ state }) => creating.has(state?.waiting?.reason ?? ""))
    .flatMap(({ name }) => executorIndex(name) ?? []);
  return executors.length === 0 ? undefined : Math.min(...executors);
}

function trouble(container: string, reason = "", message = ""): Trouble {
  const executor = executorIndex(container);
  return executor === undefined ? { container, reason, message } : { container, executor, reason, message };
}

function sidecarEnd(statuses: readonly V1ContainerStatus[], name: string): SidecarEnd | undefined {
  const terminated = statuses.find((status) => status.name === name)?.state?.terminated;
  if (terminated === undefined) return undefined;
  const { exitCode, reason = "", finishedAt } = terminated;
  const end = defined<SidecarEnd>({ exitCode, reason, endTime: finishedAt });
  const final = parseTermination(terminated.message);
  return final === undefined ? end : { ...end, final };
}

function parseTermination(message: string | undefined): SidecarEnd["final"] {
  if (message === undefined) return undefined;
  try {
    const result = v.safeParse(terminationSchema, JSON.parse(message));
    return result.success ? result.output : undefined;
  } catch {
    return undefined; // the runtime's own words, not ours
  }
}
