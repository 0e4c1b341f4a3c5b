// TES resources → requests and limits of the containers.
import type { V1ResourceRequirements } from "@kubernetes/client-node";
import { defined } from "../defined.ts";
import { readWishes } from "../tes/backend-parameters.ts";
import type { Resources } from "../tes/task.ts";
import type { PodSettings } from "./settings.ts";

/**
 * What one executor container asks for. TES resources are the task's, and executors run one at a time: the first
 * container requests all of it, the others "0" (an absent request would default to the limit), each is limited to all of
 * it. Without figures in the task the operator's defaults are requested and nothing is limited. Devices alone cannot be
 * shared: each executor holds its own. Disk is requested where the work volume is the node's; the volume itself is limited.
 */
export function executorResources(
  executor: number,
  resources: Resources | undefined,
  { defaults, offer, gpu, work }: Pick<PodSettings, "defaults" | "offer" | "gpu" | "work">,
): V1ResourceRequirements {
  const { gpus } = readWishes(resources, offer);
  const asked = {
    cpu: resources?.cpu_cores ? cores(resources.cpu_cores) : undefined,
    memory: resources?.ram_gb ? mebibytes(resources.ram_gb) : undefined,
    disk: resources?.disk_gb && work.kind === "emptyDir" ? mebibytes(resources.disk_gb) : undefined,
  };
  const devices = { [gpu.resource]: gpus > 0 ? String(gpus) : undefined };
  const limits = defined<Quantities>({ cpu: asked.cpu, memory: asked.memory, ...devices });
  const first = {
    cpu: asked.cpu ?? cores(defaults.cpuCores),
    memory: asked.memory ?? mebibytes(defaults.ramGb),
    "ephemeral-storage": asked.disk,
  };
  const later = { cpu: "0", memory: "0", "ephemeral-storage": asked.disk && "0" };
  const requests = defined<Quantities>({ ...(executor === 0 ? first : later), ...devices });
  return Object.keys(limits).length === 0 ? { requests } : { requests, limits };
}

type Quantities = Readonly<Record<string, string>>;

/** Our own containers: small, and bounded. */
export const sidecarResources: V1ResourceRequirements = {
  requests: { cpu: "20m", memory: "64Mi" },
  limits: { memory: "256Mi" },
};

/** Size of the work volume. */
export const diskSize = (resources: Resources | undefined, defaults: PodSettings["defaults"]): string =>
  mebibytes(resources?.disk_gb || defaults.diskGb);

const cores = (count: number): string => `${Math.max(1, Math.ceil(count * 1000))}m`;

/**
 * Gigabytes as the clients mean them: Nextflow and Toil divide bytes by 2^30, so 1 GB is 1024 MiB here; those who divide
 * by 10^9 get 7 % more than they asked for, and nobody gets less.
 */
export const mebibytesIn = (gigabytes: number): number => Math.max(1, Math.ceil(gigabytes * 1024));

const mebibytes = (gigabytes: number): string => `${mebibytesIn(gigabytes)}Mi`;
