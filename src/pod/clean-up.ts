// The pod that takes back what killed pods of a task left: folders in a shared claim, and parts of uploads in S3.
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import * as paths from "../../sidecar/contract/paths.ts";
import { encodeUploads, type UnfinishedUpload } from "../../sidecar/contract/uploads.ts";
import { defined } from "../defined.ts";
import type { TaskRecord } from "../tes/record.ts";
import { podMeta, sidecarSecurity } from "./build.ts";
import * as names from "./names.ts";
import { placement } from "./placement.ts";
import { sidecarResources } from "./resources.ts";
import type { PodSettings } from "./settings.ts";
import { storageEnv, storageMounts, storageVolumes } from "./storage.ts";

/** Longer than any of it takes; the service waits less long. */
const secondsMax = 900;

/**
 * Has the name of the task's last pod, which is gone, so that there is never more than one. It reports nothing but its exit
 * code. It knows no credential unless there are uploads to abort: then those of storage, and the service account, that the task's
 * pods had. Throws TypeError if there is nothing to clean up, and TesError "invalid" if the operator has since taken back what
 * the task was granted.
 */
export function buildCleanUpPod(record: TaskRecord, settings: PodSettings): V1Pod {
  const { work } = settings;
  const uploads = record.run.uploads ?? [];
  const folders = work.kind === "claim" ? foldersOf(record) : [];
  if (folders.length + uploads.length === 0)
    throw new TypeError(`Cannot clean up after "${record.id}": there is no claim and no upload`);
  const storage = uploads.length > 0 ? storageOf(record, uploads, settings) : noStorage;
  const { serviceAccountName } = storage;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: podMeta(record, settings),
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      activeDeadlineSeconds: secondsMax,
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      imagePullSecrets: settings.imagePullSecrets.map((name) => ({ name })),
      ...defined({ serviceAccountName }),
      containers: [
        {
          name: names.containers.supervisor,
          image: settings.sidecarImage,
          imagePullPolicy: "IfNotPresent",
          args: ["clean-up", ...folders],
          ...storage.container,
          resources: sidecarResources,
          securityContext: sidecarSecurity({}),
          volumeMounts: [
            ...(work.kind === "claim" ? [{ name: names.volumes.work, mountPath: paths.WORK }] : []),
            ...storage.mounts,
          ],
        },
      ],
      volumes: [
        ...(work.kind === "claim"
          ? [{ name: names.volumes.work, persistentVolumeClaim: { claimName: work.claim } }]
          : []),
        ...storage.volumes,
      ],
    },
  };
}

const foldersOf = ({ id, run }: TaskRecord): string[] =>
  Array.from({ length: run.attempt }, (_, index) => names.podName(id, index + 1));

interface Storage {
  readonly container: Partial<V1Container>;
  readonly serviceAccountName?: string | undefined;
  readonly mounts: ReturnType<typeof storageMounts>;
  readonly volumes: ReturnType<typeof storageVolumes>;
}

const noStorage: Storage = { container: {}, mounts: [], volumes: [] };

function storageOf(
  { task }: TaskRecord,
  uploads: readonly UnfinishedUpload[],
  settings: PodSettings,
): Storage {
  return {
    container: {
      env: [{ name: paths.ENV_UPLOADS, value: encodeUploads(uploads) }, ...storageEnv(settings)],
      envFrom: settings.storageSecrets.map((name) => ({ secretRef: { name, optional: true } })),
    },
    serviceAccountName: placement(task, settings).serviceAccountName,
    mounts: storageMounts({}, settings),
    volumes: storageVolumes({}, settings),
  };
}
