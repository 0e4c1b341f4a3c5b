// Record + settings → V1Pod. Reads like the pod, top to bottom.
import type {
  V1Container,
  V1EnvVar,
  V1Pod,
  V1Secret,
  V1SecurityContext,
  V1Volume,
  V1VolumeMount,
} from "@kubernetes/client-node";
import * as paths from "../../sidecar/contract/paths.ts";
import type { TaskPlan } from "../../sidecar/contract/plan.ts";
import type { TaskRecord } from "../tes/record.ts";
import { executorSecurity } from "./capabilities.ts";
import * as names from "./names.ts";
import { placement } from "./placement.ts";
import { buildPlan, encodeWithinBounds } from "./plan.ts";
import { diskSize, executorResources, sidecarResources } from "./resources.ts";
import { type PodSettings, releaseWaitSeconds, reportKeyName } from "./settings.ts";
import { stopHook } from "./stops.ts";
import { capabilities, inPlaceMounts, storageEnv, storageMounts, storageVolumes } from "./storage.ts";

export interface Built {
  readonly pod: V1Pod;
  /** The plan's Secret, if it is too large for the pod; to be created after the pod, with `ownedBy`. */
  readonly planSecret?: V1Secret;
}

/** Name and labels of the pod of the record's current attempt. */
export const podMeta = ({ id, run }: TaskRecord, { instance }: PodSettings) => ({
  name: names.podName(id, run.attempt),
  labels: {
    [names.labels.managedBy]: names.managedBy,
    [names.labels.instance]: instance,
    [names.labels.task]: id,
    [names.labels.attempt]: String(run.attempt),
  },
});

/**
 * The pod of the record's current attempt. The record must hold the contents of its inputs. Throws TesError if no pod can be
 * made of it: "too-large", or "invalid" if the operator has since taken back what the task was granted. Pure.
 */
export function buildPod(record: TaskRecord, settings: PodSettings): Built {
  const plan = buildPlan(record, settings);
  const encoded = encodeWithinBounds(plan);
  const inSecret = encoded.length > names.planAnnotationBytesMax;
  const planned: Planned = { plan, inSecret };
  const meta = podMeta(record, settings);
  const pod: V1Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...meta,
      annotations: {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
        ...(inSecret ? {} : { [names.planAnnotation]: encoded }),
      },
    },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 30,
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      ...placement(record.task, settings),
      imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })),
      ...(plan.staging === "init" ? { initContainers: [stageIn(settings, planned)] } : {}),
      containers: [
        supervisor(settings, planned),
        ...plan.executors.map((_, executor) => executorContainer(executor, record, plan, settings)),
      ],
      volumes: [
        { name: names.volumes.bin, emptyDir: { sizeLimit: "8Mi" } },
        { name: names.volumes.steps, emptyDir: { sizeLimit: "64Mi" } },
        workVolume(record, settings),
        ...storageVolumes(plan, settings),
        ...(inSecret
          ? [
              {
                name: names.volumes.plan,
                secret: { secretName: names.planSecretName(record.id, record.run.attempt) },
              },
            ]
          : []),
      ],
    },
  };
  if (!inSecret) return { pod };
  const planSecret: V1Secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...meta, name: names.planSecretName(record.id, record.run.attempt) },
    stringData: { plan: encoded },
  };
  return { pod, planSecret };
}

/** The Secret, to be removed by Kubernetes together with the pod. */
export function ownedBy(secret: V1Secret, pod: V1Pod): V1Secret {
  const { name = "", uid = "" } = pod.metadata ?? {};
  return {
    ...secret,
    metadata: { ...secret.metadata, ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }] },
  };
}

interface Planned {
  plan: TaskPlan;
  /** Whether the plan is too large for the pod object. */
  inSecret: boolean;
}

const stageIn = (settings: PodSettings, planned: Planned): V1Container => ({
  ...sidecar(settings, planned),
  name: names.containers.stageIn,
  args: ["stage-in"],
});

/**
 * The first of the containers. Where it does the staging, its hook keeps the kubelet from starting the executors' containers
 * before their volumes are laid out: containers are started in their order, each after the hook of the one before.
 */
function supervisor(settings: PodSettings, planned: Planned): V1Container {
  const awaitLayout = [paths.SHELL, paths.AWAIT_LAYOUT].map((name) => `${paths.IMAGE_BIN}/${name}`);
  return {
    ...sidecar(settings, planned),
    name: names.containers.supervisor,
    args: ["supervise"],
    ...(planned.plan.staging === "supervisor"
      ? { lifecycle: { postStart: { exec: { command: [...awaitLayout, paths.STEPS] } } } }
      : {}),
  };
}

/**
 * Our containers run as root without any capability but DAC_OVERRIDE: executors may run as any user, and what they wrote with
 * mode 0600 must still be uploaded, and removed.
 */
export const sidecarSecurity = (plan: Pick<TaskPlan, "files">): V1SecurityContext => ({
  runAsUser: 0,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: capabilities(plan),
});

/** What our two containers share. */
function sidecar(settings: PodSettings, { plan, inSecret }: Planned): Omit<V1Container, "name"> {
  return {
    image: settings.sidecarImage,
    imagePullPolicy: "IfNotPresent",
    env: [...sidecarEnv(settings, inSecret), ...storageEnv(settings)],
    envFrom: settings.storageSecrets.map((name) => ({ secretRef: { name, optional: true } })),
    resources: sidecarResources,
    securityContext: sidecarSecurity(plan),
    volumeMounts: [
      { name: names.volumes.bin, mountPath: paths.BIN },
      { name: names.volumes.steps, mountPath: paths.STEPS },
      { name: names.volumes.work, mountPath: paths.WORK },
      ...storageMounts(plan, settings),
      ...(inSecret
        ? [{ name: names.volumes.plan, mountPath: paths.PLAN_FILE.replace(/\/[^/]*$/, ""), readOnly: true }]
        : []),
    ],
  };
}

function sidecarEnv({ callbackUrl, reportKeySecret }: PodSettings, planInSecret: boolean): V1EnvVar[] {
  const key = { name: reportKeySecret, key: reportKeyName };
  return [
    ...(planInSecret
      ? []
      : [
          {
            name: paths.ENV_PLAN,
            valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${names.planAnnotation}']` } },
          },
        ]),
    ...(callbackUrl === undefined
      ? []
      : [
          { name: paths.ENV_CALLBACK_URL, value: callbackUrl },
          { name: paths.ENV_REPORT_KEY, valueFrom: { secretKeyRef: key } },
          { name: paths.ENV_RELEASE_WAIT, value: String(releaseWaitSeconds) },
        ]),
  ];
}

function executorContainer(
  index: number,
  { task }: TaskRecord,
  plan: TaskPlan,
  settings: PodSettings,
): V1Container {
  const executor = task.executors[index];
  return {
    name: names.executorContainer(index),
    image: executor?.image ?? "",
    command: [`${paths.BIN}/${paths.SHELL}`, `${paths.BIN}/${paths.GATE}`, paths.STEP],
    ...(executor?.workdir === undefined ? {} : { workingDir: executor.workdir }),
    resources: executorResources(index, task.resources, settings),
    securityContext: executorSecurity(settings),
    ...stopHook(index),
    volumeMounts: [
      { name: names.volumes.bin, mountPath: paths.BIN, readOnly: true },
      { name: names.volumes.steps, mountPath: paths.STEP, subPath: String(index), readOnly: true },
      ...sharedFileMounts(plan),
      ...plan.mounts.map((mount) => workMount(mount, plan.workFolder)),
      ...(plan.carried
        ? [workMount({ path: paths.CARRIED, folder: paths.CARRIED_FOLDER }, plan.workFolder)]
        : []),
      // After those that they may lie in.
      ...inPlaceMounts(plan, settings),
    ],
  };
}

/** Not where the task has a file of its own: then the runtime does not mount the shared one either. */
function sharedFileMounts({ mounts, inPlace = [] }: TaskPlan): V1VolumeMount[] {
  const taken = new Set<string>([...mounts, ...inPlace].map(({ path }) => path));
  return paths.SHARED_FILES.filter((path) => !taken.has(path)).map((path) => ({
    name: names.volumes.steps,
    mountPath: path,
    subPath: paths.copyName(path),
    readOnly: true,
  }));
}

const workMount = (
  { path, folder }: { path: string; folder: string },
  workFolder: string,
): V1VolumeMount => ({
  name: names.volumes.work,
  mountPath: path,
  subPath: workFolder === "" ? folder : `${workFolder}/${folder}`,
});

function workVolume({ task }: TaskRecord, { work, defaults }: PodSettings): V1Volume {
  const name = names.volumes.work;
  const size = diskSize(task.resources, defaults);
  switch (work.kind) {
    case "emptyDir":
      return { name, emptyDir: task.resources?.disk_gb ? { sizeLimit: size } : {} };
    case "claim":
      return { name, persistentVolumeClaim: { claimName: work.claim } };
    case "ephemeral":
      return {
        name,
        ephemeral: {
          volumeClaimTemplate: {
            spec: {
              accessModes: ["ReadWriteOnce"],
              ...(work.storageClass === undefined ? {} : { storageClassName: work.storageClass }),
              resources: { requests: { storage: size } },
            },
          },
        },
      };
  }
}
