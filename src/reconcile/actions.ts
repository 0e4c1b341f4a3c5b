// Actions: what a decision does to the cluster and the store, with bounds on how much of it at once.
import PQueue from "p-queue";
import { type Cluster, ClusterError } from "../cluster/cluster.ts";
import { StatusError } from "../cluster/status-error.ts";
import type { Logger } from "../log.ts";
import { containers, podName } from "../pod/names.ts";
import type { PodSettings } from "../pod/settings.ts";
import type { TaskStore } from "../store/store.ts";
import { inTurns } from "../tes/in-turns.ts";
import { readingReports } from "../tes/read-reports.ts";
import { noAdditions, type TaskRecord } from "../tes/record.ts";
import { applyReports } from "../tes/reports.ts";
import { createPod } from "./create.ts";
import type { Decision } from "./decide.ts";
import { stillHeld } from "./hold.ts";
import { isLost } from "./lost.ts";
import type { PodCache } from "./pod-cache.ts";
import type { Next } from "./reconcile.ts";

export interface Actions {
  /** Runs `job` when it may create a pod: so many at once, so many a second, none while the API server asks to wait. */
  createSlot(signal: AbortSignal, job: () => Promise<void>): Promise<void>;
  /** Carries out one decision. Every one of them is idempotent: it may have been carried out by a process that died. */
  act(record: TaskRecord, decision: Exclude<Decision, { do: "rest" }>, signal: AbortSignal): Promise<Next>;
  /** Removes pods of the task but `keep`; those of an unknown task only when they are so old that it is none of this store. */
  removeStrangers(task: string, keep: string | undefined, signal: AbortSignal): Promise<void>;
}

interface Dependencies {
  readonly cluster: Cluster;
  readonly store: TaskStore;
  readonly pods: PodCache;
  readonly settings: PodSettings;
  readonly log: Logger;
  readonly clock: () => Date;
  readonly creates: { readonly concurrency: number; readonly perSecond: number };
}

const callsMax = 16;
const journalBytesMax = 16 * 1024 * 1024;
/** A pod of an unknown task may be one of a store that is only being restored. */
const strangerAgeSecondsMin = 600;

export function createActions(dependencies: Dependencies): Actions {
  const { store, log, creates } = dependencies;
  const createQueue = new PQueue({
    concurrency: creates.concurrency,
    intervalCap: creates.perSecond,
    interval: 1000,
  });
  const calls = new PQueue({ concurrency: callsMax });

  let pauseEnd: NodeJS.Timeout | undefined;
  /** The latest word counts: an earlier, shorter pause must not end a later one. */
  function pause(seconds: number): void {
    createQueue.pause();
    clearTimeout(pauseEnd);
    pauseEnd = setTimeout(() => createQueue.start(), seconds * 1000);
    pauseEnd.unref();
  }

  async function change(
    record: TaskRecord,
    { record: next, systemLogs }: Decision & { do: "change" },
  ): Promise<Next> {
    await store.save(next, { ...noAdditions, systemLogs });
    if (next.state !== record.state)
      log.info("task state", { task: record.id, from: record.state, to: next.state });
    return "again";
  }

  return {
    createSlot: (signal, job) => createQueue.add(job, { signal }),
    act(record, decision, signal) {
      switch (decision.do) {
        case "create":
          return createPod(record, { ...dependencies, pause }, signal);
        case "confirm":
          return calls.add(() => confirm(record, dependencies, signal));
        case "read-journal":
          return calls.add(() => readJournal(record, dependencies, signal));
        case "look":
          return calls.add(() => look(record, dependencies, signal));
        case "follow-journal":
          return calls.add(() => followJournal(record, decision.againAfterSeconds, dependencies, signal));
        case "delete":
          return calls.add(() => remove(record, decision.graceSeconds, dependencies, signal));
        case "change":
          return change(record, decision);
      }
    },
    removeStrangers: (task, keep, signal) => removeStrangers({ task, keep }, dependencies, signal),
  };
}

/** Asks for the pod by name: the list may be older than the pod. */
async function confirm(
  { id, run }: TaskRecord,
  { cluster, pods }: Dependencies,
  signal: AbortSignal,
): Promise<Next> {
  const pod = await cluster.getPod(podName(id, run.attempt), signal);
  if (pod === undefined) return "gone";
  pods.put(pod);
  return "again";
}

/** What the pod's containers printed of their reports, after its end. */
async function readJournal(
  record: TaskRecord,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<Next> {
  const { record: told, additions, isThere } = await journalOf(record, dependencies, signal);
  const run = { ...told.run, journalRead: true, ...(isThere ? { journalHeld: true as const } : {}) };
  await dependencies.store.save({ ...told, run }, additions);
  return "again";
}

/** The same of a pod that is given up. A kubelet that the API server cannot ask proves nothing, and is not waited for. */
async function look(record: TaskRecord, dependencies: Dependencies, signal: AbortSignal): Promise<Next> {
  const pod = await dependencies.cluster.getPod(podName(record.id, record.run.attempt), signal);
  if (pod === undefined) return "gone";
  if (pod.spec?.nodeName === undefined) return "unbound";
  try {
    const { record: told, additions } = await journalOf(record, dependencies, signal);
    if (told !== record) await dependencies.store.save(told, additions);
  } catch (error) {
    if (!(error instanceof ClusterError && error.cause instanceof StatusError)) throw error;
  }
  return "bound";
}

/** The same of a pod that still runs. */
async function followJournal(
  record: TaskRecord,
  againAfterSeconds: number,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<Next> {
  const { record: told, additions } = await journalOf(record, dependencies, signal);
  if (told === record) return againAfterSeconds;
  await dependencies.store.save(told, additions);
  return "again";
}

/** The record with the reports of the journal applied like those that come by HTTP; whether there is a supervisor's journal. */
async function journalOf(record: TaskRecord, { cluster, clock }: Dependencies, signal: AbortSignal) {
  const pod = podName(record.id, record.run.attempt);
  const before = clock();
  const [stageIn, supervisor] = [
    await cluster.readLog(pod, containers.stageIn, journalBytesMax, signal),
    await cluster.readLog(pod, containers.supervisor, journalBytesMax, signal),
  ];
  const reports = await inTurns(readingReports(`${stageIn ?? ""}\n${supervisor ?? ""}`));
  const { record: told, additions } = applyReports(record, reports);
  const isThere = supervisor !== undefined;
  const run = isThere ? stillHeld(told.run, before) : told.run;
  return { record: run === told.run ? told : { ...told, run }, additions, isThere };
}

async function remove(
  record: TaskRecord,
  graceSeconds: number,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<Next> {
  const { cluster, pods } = dependencies;
  const { id, run } = record;
  const name = podName(id, run.attempt);
  if (mayBeUploading(record)) await noteUploads(record, dependencies, signal);
  await cluster.deletePod(name, { graceSeconds, uid: run.podUid || undefined }, signal);
  pods.markDeleting(name);
  return "again";
}

/** A task that ends by itself has told of all its uploads; a cancel may come before it could. */
const mayBeUploading = ({ state, task, run }: TaskRecord): boolean =>
  state === "CANCELING" && (task.outputs?.length ?? 0) > 0 && run.released === task.executors.length;

/** A cancel waits no longer for it. */
const noteMillisecondsMax = 10_000;

/** What the pod has begun to upload goes with its journal: a supervisor that was killed cannot tell of it any more. */
async function noteUploads(
  record: TaskRecord,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(noteMillisecondsMax)]);
  try {
    const { record: told, additions } = await journalOf(record, dependencies, limit);
    if (told !== record) await dependencies.store.save(told, additions);
  } catch (error) {
    signal.throwIfAborted();
    dependencies.log.warn("journal not read before a cancel", { task: record.id, error });
  }
}

async function removeStrangers(
  { task, keep }: { task: string; keep: string | undefined },
  { cluster, store, pods, clock }: Dependencies,
  signal: AbortSignal,
): Promise<void> {
  const now = clock();
  // One that is being deleted is gone soon, unless its node is lost: then only force removes it, and its claim.
  const strangers = pods
    .podsOf(task)
    .filter((facts) => facts.name !== keep && (!facts.deleting || isLost(facts, now)));
  if (strangers.length === 0) return;
  const known = (await store.getLine(task)) !== undefined;
  for (const { name, uid, creationTime } of strangers) {
    const ageSeconds = (now.getTime() - creationTime.getTime()) / 1000;
    if (known || ageSeconds >= strangerAgeSecondsMin)
      await cluster.deletePod(name, { graceSeconds: 0, uid }, signal);
  }
}
