// TES resources → where a pod may run, for how long, and under which names of the cluster.
import type { V1Affinity, V1PodSpec, V1Toleration } from "@kubernetes/client-node";
import { defined } from "../defined.ts";
import { grantedWishes } from "../tes/resources.ts";
import type { Task } from "../tes/task.ts";
import type { PodSettings } from "./settings.ts";

type Placement = Pick<
  V1PodSpec,
  | "activeDeadlineSeconds"
  | "affinity"
  | "nodeSelector"
  | "priorityClassName"
  | "runtimeClassName"
  | "serviceAccountName"
  | "tolerations"
>;

const zoneLabel = "topology.kubernetes.io/zone";

/** A node that is away for a minute is given up. */
const lostNode: readonly V1Toleration[] = [
  "node.kubernetes.io/not-ready",
  "node.kubernetes.io/unreachable",
].map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: 60 }));

/** Throws TesError "invalid" if the operator has since taken back what the task was granted. Pure. */
export function placement(task: Task, settings: PodSettings): Placement {
  const { offer, preemptible, gpu } = settings;
  const wishes = grantedWishes(task, offer);
  const { zones = [], preemptible: mayBePreempted = false } = task.resources ?? {};
  const extra = mayBePreempted ? preemptible : { nodeSelector: {}, tolerations: [] };
  // Nodes with devices are tainted by the resource's name, where they are to be kept for those who need them.
  const devices = wishes.gpus > 0 ? [{ key: gpu.resource, operator: "Exists" }] : [];
  return defined<Placement>({
    activeDeadlineSeconds: wishes.wallSeconds ?? offer.wallSecondsMax,
    tolerations: [...lostNode, ...extra.tolerations, ...devices],
    nodeSelector: unlessEmpty({
      ...wishes.nodeLabels,
      ...defined<Record<string, string>>({ [gpu.typeLabel]: wishes.gpuType }),
      ...extra.nodeSelector,
    }),
    affinity: zones.length === 0 ? undefined : inZones([...new Set(zones)]),
    priorityClassName: wishes.priorityClass,
    runtimeClassName: wishes.runtimeClass,
    serviceAccountName: wishes.serviceAccount ?? settings.webIdentity?.serviceAccount,
  });
}

const unlessEmpty = <T extends object>(map: T): T | undefined =>
  Object.keys(map).length === 0 ? undefined : map;

const inZones = (values: string[]): V1Affinity => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: zoneLabel, operator: "In", values }] }],
    },
  },
});
