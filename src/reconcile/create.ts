// Creating a task's pod, and what becomes of the task if that fails.
import type { V1Pod } from "@kubernetes/client-node";
import { type Cluster, ClusterError } from "../cluster/cluster.ts";
import { type Built, buildPod, ownedBy } from "../pod/build.ts";
import { buildCleanUpPod } from "../pod/clean-up.ts";
import { observe } from "../pod/observe.ts";
import type { PodSettings } from "../pod/settings.ts";
import { hasStopHooks, withoutStopHooks } from "../pod/stops.ts";
import type { TaskStore } from "../store/store.ts";
import { TesError } from "../tes/errors.ts";
import { noAdditions, systemLog, type TaskRecord, withState } from "../tes/record.ts";
import { uploadsLeft } from "./clean-up.ts";
import { holdOf } from "./hold.ts";
import type { PodCache } from "./pod-cache.ts";
import type { Next } from "./reconcile.ts";

export interface CreateDependencies {
  readonly cluster: Cluster;
  readonly store: TaskStore;
  readonly pods: PodCache;
  readonly settings: PodSettings;
  readonly clock: () => Date;
  /** Creates no pods at all for so many seconds. */
  readonly pause: (seconds: number) => void;
}

const quotaRetrySeconds = 10;

/**
 * Creates the pod of the record's attempt, and the Secret of its plan if it needs one. Idempotent by the pod's name. A
 * refusal that will not change ends the task; a full namespace or a busy API server leaves it QUEUED with the reason.
 */
export async function createPod(
  record: TaskRecord,
  dependencies: CreateDependencies,
  signal: AbortSignal,
): Promise<Next> {
  const { store, cluster, pods, settings, clock } = dependencies;
  const full = await store.getFull(record.id);
  if (full === undefined) return "rest";
  try {
    const { pod, planSecret } = build(full.record, settings);
    const before = clock();
    const created = await createKnown(cluster, pod, signal);
    if (planSecret !== undefined) await cluster.createSecret(ownedBy(planSecret, created), signal);
    pods.put(created);
    const hold = holdOf(observe(created), before);
    const run = {
      ...record.run,
      created: true,
      podUid: created.metadata?.uid ?? "",
      ...(hold === undefined ? {} : { hold }),
    };
    await store.save({ ...record, run }, noAdditions);
    return "again";
  } catch (error) {
    if (error instanceof TesError) return impossible(record, error, dependencies);
    if (!(error instanceof ClusterError)) throw error;
    return refused(record, error, dependencies);
  }
}

/** Before 1.30 Kubernetes knows no hook that waits (KEP-3960): it is left with hooks that do nothing, and refuses these. */
async function createKnown(cluster: Cluster, pod: V1Pod, signal: AbortSignal): Promise<V1Pod> {
  try {
    return await cluster.createPod(pod, signal);
  } catch (error) {
    const isOfHooks =
      error instanceof ClusterError && error.kind === "refused" && /preStop/.test(error.message);
    if (!isOfHooks || !hasStopHooks(pod)) throw error;
    return await cluster.createPod(withoutStopHooks(pod), signal);
  }
}

const build = (record: TaskRecord, settings: PodSettings): Built =>
  record.run.cleanUp === undefined ? buildPod(record, settings) : { pod: buildCleanUpPod(record, settings) };

/** The record of a task whose pod will never be: failed; or, where that pod was only to clean up, done with. */
const withoutPod = (record: TaskRecord, now: Date): TaskRecord =>
  record.run.cleanUp === undefined ? withState(record, "SYSTEM_ERROR", now) : { ...record, live: false };

const withoutPodLogs = (record: TaskRecord, message: string, now: Date): string[] => {
  const left = record.run.cleanUp === undefined ? [] : uploadsLeft(record, "was not created");
  return [message, ...left].map((line) => systemLog(line, now.toISOString()));
};

/** Possible once, when the task was accepted: the operator's settings have changed since. */
async function impossible(
  record: TaskRecord,
  { message }: TesError,
  { store, clock }: CreateDependencies,
): Promise<Next> {
  const now = clock();
  const systemLogs = withoutPodLogs(record, `Pod was not created: ${message}`, now);
  await store.save(withoutPod(record, now), { ...noAdditions, systemLogs });
  return "again";
}

async function refused(
  record: TaskRecord,
  error: ClusterError,
  { store, clock, pause }: CreateDependencies,
): Promise<Next> {
  const now = clock();
  const message = `Pod was not created: ${error.message}`;
  const additions = { ...noAdditions, systemLogs: [systemLog(message, now.toISOString())] };
  /** One line for each kind of reason: how much of a quota is used, and how a call broke, reads otherwise at every try. */
  const wait = async () => {
    const reason = `Pod was not created: ${error.kind}`;
    if (record.run.waiting?.reason === reason) return;
    const waiting = { reason, since: now.toISOString() };
    await store.save({ ...record, run: { ...record.run, waiting } }, additions);
  };
  switch (error.kind) {
    case "refused":
      await store.save(withoutPod(record, now), {
        ...additions,
        systemLogs: withoutPodLogs(record, message, now),
      });
      return "again";
    case "quota":
      await wait();
      return quotaRetrySeconds;
    case "throttled": {
      const seconds = error.retryAfterSeconds ?? 1;
      pause(seconds);
      await wait();
      return seconds;
    }
    case "unavailable":
      await wait();
      throw error;
  }
}
