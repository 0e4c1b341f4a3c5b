// The pod that removes what killed pods of a task left in a shared claim.
import type { V1Pod } from "@kubernetes/client-node";
import * as paths from "../../sidecar/contract/paths.ts";
import type { TaskRecord } from "../tes/record.ts";
import { podMeta, sidecarSecurity } from "./build.ts";
import * as names from "./names.ts";
import { sidecarResources } from "./resources.ts";
import type { PodSettings } from "./settings.ts";

/** Longer than any folder takes; the service waits less long. */
const secondsMax = 900;

/**
 * Has the name of the task's last pod, which is gone, so that there is never more than one. It knows no credential, and reports
 * nothing but its exit code. Throws if tasks have no folders of a shared claim.
 */
export function buildCleanUpPod(record: TaskRecord, settings: PodSettings): V1Pod {
  const { work } = settings;
  if (work.kind !== "claim") throw new TypeError(`Cannot clean up after "${record.id}": there is no claim`);
  const attempts = Array.from({ length: record.run.attempt }, (_, index) => index + 1);
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
      containers: [
        {
          name: names.containers.supervisor,
          image: settings.sidecarImage,
          imagePullPolicy: "IfNotPresent",
          args: ["clean-up", ...attempts.map((attempt) => names.podName(record.id, attempt))],
          resources: sidecarResources,
          securityContext: sidecarSecurity({}),
          volumeMounts: [{ name: names.volumes.work, mountPath: paths.WORK }],
        },
      ],
      volumes: [{ name: names.volumes.work, persistentVolumeClaim: { claimName: work.claim } }],
    },
  };
}
