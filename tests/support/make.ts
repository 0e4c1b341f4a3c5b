// Builders of the values that tests of the service start from: each gives a sound one, and takes what differs.
import type { Report, ReportEvent, ReportSource } from "../../sidecar/contract/report.ts";
import type { Logger } from "../../src/log.ts";
import { usualCapabilities } from "../../src/pod/capabilities.ts";
import type { PodFacts } from "../../src/pod/observe.ts";
import type { PodSettings } from "../../src/pod/settings.ts";
import type { Policy } from "../../src/reconcile/decide.ts";
import type { Offer } from "../../src/tes/offer.ts";
import { newRecord, newRun, type Run, type TaskRecord } from "../../src/tes/record.ts";
import type { Task } from "../../src/tes/task.ts";

/** The moment at which all of it plays. */
export const now = new Date("2026-01-02T03:04:05.678Z");

export const secondsAgo = (seconds: number): string => new Date(now.getTime() - seconds * 1000).toISOString();
export const inSeconds = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);

export const makeTask = (differences: Partial<Task> = {}): Task => ({
  executors: [{ image: "busybox", command: ["true"] }],
  ...differences,
});

interface RecordDifferences extends Partial<Omit<TaskRecord, "run" | "task">> {
  readonly run?: Partial<Run>;
  readonly task?: Partial<Task>;
}

/** A task that was just stored. */
export const makeRecord = ({ run, task, ...differences }: RecordDifferences = {}): TaskRecord => ({
  ...newRecord(makeTask(task), "abc", now),
  ...differences,
  run: { ...newRun(1), ...run },
});

/** A pod that was just created. */
export const makeFacts = (differences: Partial<PodFacts> = {}): PodFacts => ({
  name: "tes-abc-1",
  uid: "uid-1",
  task: "abc",
  creationTime: now,
  deleting: false,
  scheduled: false,
  ...differences,
});

export const makePolicy = (differences: Partial<Policy> = {}): Policy => ({
  attemptsMax: 3,
  retryUnknown: false,
  imagePullSecondsMax: 300,
  containerStartSecondsMax: 120,
  podStartSecondsMax: 900,
  cancelGraceSeconds: 5,
  reportSecondsMax: 30,
  sharedClaim: false,
  preemptedState: "SYSTEM_ERROR",
  ...differences,
});

/** Nothing is offered but time. */
export const makeOffer = (differences: Partial<Offer> = {}): Offer => ({
  max: {},
  wallSecondsMax: 3600,
  gpusMax: 0,
  gpuTypes: [],
  priorityClasses: [],
  runtimeClasses: [],
  serviceAccounts: [],
  nodeLabels: {},
  ...differences,
});

export const makeSettings = (differences: Partial<PodSettings> = {}): PodSettings => ({
  instance: "test",
  sidecarImage: "tespod-sidecar",
  work: { kind: "emptyDir" },
  staging: "init",
  storageSecrets: [],
  reportKeySecret: "report-key-secret",
  imagePullSecrets: [],
  defaults: { cpuCores: 0.1, ramGb: 0.125, diskGb: 10 },
  offer: makeOffer(),
  preemptible: { nodeSelector: {}, tolerations: [] },
  gpu: { resource: "nvidia.com/gpu", typeLabel: "nvidia.com/gpu.product" },
  executorCapabilities: usualCapabilities,
  logHeadBytes: 100,
  logTailBytes: 200,
  strictOutputs: false,
  ...differences,
});

export const makeReport = (
  sequence: number,
  event: ReportEvent,
  source: ReportSource = "supervisor",
): Report => ({
  version: 1,
  source,
  sequence,
  time: now.toISOString(),
  event,
});

export const executorEnded = (
  executor: number,
  exitCode = 0,
  differences: { readonly stdout?: string; readonly stderr?: string } = {},
): ReportEvent => ({
  type: "executor-ended",
  executor,
  startTime: now.toISOString(),
  endTime: now.toISOString(),
  exitCode,
  stdout: `out ${executor}`,
  stderr: `err ${executor}`,
  ...differences,
});

export const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
