// PodSettings: what the operator decides about every pod.
import type { TaskPath } from "../../sidecar/contract/path.ts";
import type { Offer } from "../tes/offer.ts";
import type { Capability } from "./capabilities.ts";

/** Where the task's files lie while it runs. */
export type WorkVolume =
  /** A folder of the node: no provisioning, the fastest; counts against the node's disk. */
  | { readonly kind: "emptyDir" }
  /** A PersistentVolumeClaim per task (generic ephemeral volume), owned by the pod. */
  | { readonly kind: "ephemeral"; readonly storageClass?: string }
  /** A folder per task of one claim that all pods share (ReadWriteMany, or one node). */
  | { readonly kind: "claim"; readonly claim: string };

/** A claim with folders that tasks may name by file URLs. */
export interface SharedFiles {
  readonly claim: string;
  /** Where clients, and so tasks, see the claim's own root. */
  readonly root: TaskPath;
  /** The folders that tasks may use, as such paths. */
  readonly bases: readonly TaskPath[];
  /** Executors see inputs in the claim itself, where that is as good as a copy. */
  readonly inPlace?: boolean;
}

/** A token of the pod's service account for stage-in and supervisor, which a security token service changes for keys. */
export interface WebIdentity {
  readonly audience: string;
  readonly expirationSeconds: number;
  /** Whose token it is, where a task does not choose. */
  readonly serviceAccount?: string;
}

/** Without a value, of every value; without an effect, of every effect. */
export interface Toleration {
  readonly key: string;
  readonly operator: "Equal" | "Exists";
  readonly value?: string;
  readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
}

export interface PodSettings {
  /** Name of this installation: separates its pods from those of others in the namespace. */
  readonly instance: string;
  readonly sidecarImage: string;
  /** URL of the service as pods see it; without it reports are read from the journal when the pod ends. */
  readonly callbackUrl?: string;
  readonly work: WorkVolume;
  /** Absent: tasks cannot use file URLs. */
  readonly files?: SharedFiles;
  readonly webIdentity?: WebIdentity;
  /** How long one transfer may take, all of staging, and all of uploading; absent: as long as the pod lives. */
  readonly transferSecondsMax?: {
    readonly transfer?: number;
    readonly staging?: number;
    readonly upload?: number;
  };
  readonly staging: "init" | "supervisor";
  /** Names of Secrets whose keys become environment of stage-in and supervisor (AWS_ACCESS_KEY_ID, …). */
  readonly storageSecrets: readonly string[];
  /** Secret that holds the report key under `key`. */
  readonly reportKeySecret: string;
  readonly imagePullSecrets: readonly string[];
  /** Used where a task names no figure. */
  readonly defaults: { readonly cpuCores: number; readonly ramGb: number; readonly diskGb: number };
  /** What a task may ask for. */
  readonly offer: Offer;
  /** Where a task goes, besides, that may be stopped at any time. */
  readonly preemptible: {
    readonly nodeSelector: Readonly<Record<string, string>>;
    readonly tolerations: readonly Toleration[];
  };
  /** The extended resource that GPUs are, and the label that tells their type. */
  readonly gpu: { readonly resource: string; readonly typeLabel: string };
  /** What root may do in executors. */
  readonly executorCapabilities: readonly Capability[];
  readonly logHeadBytes: number;
  readonly logTailBytes: number;
  /** A declared output that is missing is a SYSTEM_ERROR and not just a line of system_logs. */
  readonly strictOutputs: boolean;
}

/** The key within reportKeySecret. */
export const reportKeyName = "report-key";

/**
 * For so long the first executor waits for the service to acknowledge that it can start. Longer than a service takes to
 * restart, mostly, and than a kubelet takes to end a pod that was deleted.
 */
export const releaseWaitSeconds = 20;
