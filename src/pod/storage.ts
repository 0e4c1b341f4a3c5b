// What stage-in and supervisor have of storage, besides Secrets: the claim with files that tasks may name, and a token.
import type { V1Capabilities, V1EnvVar, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { FILES, IDENTITY, IDENTITY_TOKEN } from "../../sidecar/contract/paths.ts";
import type { TaskPlan } from "../../sidecar/contract/plan.ts";
import * as names from "./names.ts";
import type { PodSettings } from "./settings.ts";

type Settings = Pick<PodSettings, "files" | "webIdentity" | "work">;

/** Of a pod that names one claim as two volumes, the kubelet would wait for the second for ever. */
const filesVolume = ({ files, work }: Settings): string =>
  work.kind === "claim" && work.claim === files?.claim ? names.volumes.work : names.volumes.files;

export function storageVolumes(plan: Pick<TaskPlan, "files">, settings: Settings): V1Volume[] {
  const { files, webIdentity } = settings;
  const volumes: V1Volume[] = [];
  if (plan.files && files && filesVolume(settings) !== names.volumes.work) {
    volumes.push({ name: names.volumes.files, persistentVolumeClaim: { claimName: files.claim } });
  }
  if (webIdentity) {
    const { audience, expirationSeconds } = webIdentity;
    const token = { path: IDENTITY_TOKEN, audience, expirationSeconds };
    volumes.push({
      name: names.volumes.identity,
      projected: { sources: [{ serviceAccountToken: token }] },
    });
  }
  return volumes;
}

export const storageMounts = (plan: Pick<TaskPlan, "files">, settings: Settings): V1VolumeMount[] => [
  ...(plan.files ? [{ name: filesVolume(settings), mountPath: FILES }] : []),
  ...(settings.webIdentity ? [{ name: names.volumes.identity, mountPath: IDENTITY, readOnly: true }] : []),
];

/** What executors see of the claim itself. */
export const inPlaceMounts = ({ inPlace = [] }: TaskPlan, settings: Settings): V1VolumeMount[] =>
  inPlace.map(({ path, subPath }) => ({
    name: filesVolume(settings),
    mountPath: path,
    subPath,
    readOnly: true,
  }));

/** By the name that AWS's own tools know. It goes before what a Secret says. */
export const storageEnv = ({ webIdentity }: Pick<PodSettings, "webIdentity">): V1EnvVar[] =>
  webIdentity ? [{ name: "AWS_WEB_IDENTITY_TOKEN_FILE", value: `${IDENTITY}/${IDENTITY_TOKEN}` }] : [];

/** What root may do in our containers. Outputs among shared files are to belong to the owner of the folder that they are in. */
export const capabilities = (plan: Pick<TaskPlan, "files">): V1Capabilities => ({
  drop: ["ALL"],
  add: ["DAC_OVERRIDE", ...(plan.files ? ["CHOWN"] : [])],
});
