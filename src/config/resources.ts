// The variables that say what tasks may ask of the cluster, and the settings that come of them.
import * as v from "valibot";
import { defined } from "../defined.ts";
import type { PodSettings, Toleration } from "../pod/settings.ts";
import { isLabelKey, isLabelValue, isObjectName } from "../tes/kubernetes-names.ts";
import { type Offer, parameterNames } from "../tes/offer.ts";
import { amount, integer, list, optionalAmount } from "./values.ts";

const objectNames = v.pipe(list, v.everyItem(isObjectName, "Must be names of Kubernetes objects"));
const labelKey = v.pipe(v.string(), v.check(isLabelKey, "Must be the key of a label"));

/** "key=value,key=value" */
const labels = v.pipe(
  list,
  v.transform((items) => items.map((item) => item.split("="))),
  v.check(
    (pairs) =>
      pairs.every(
        ([key = "", value = "", ...more]) => isLabelKey(key) && isLabelValue(value) && !more.length,
      ),
    'Must be labels like "key=value"',
  ),
  v.transform((pairs) => Object.fromEntries(pairs.map(([key = "", value = ""]) => [key, value] as const))),
);

/** The taints that are tolerated, as kubectl writes taints: "key=value:effect", where value and effect may be left out. */
const tolerations = v.pipe(
  list,
  v.transform((items) => items.map(toleration)),
  v.check(
    (all) => all.every((item) => item !== undefined),
    'Must be taints like "key=value:NoSchedule", "key:NoExecute" or "key"',
  ),
  v.transform((all) => all.filter((item) => item !== undefined)),
);

const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

function toleration(item: string): Toleration | undefined {
  const [taint = "", effect, ...more] = item.split(":");
  const [key = "", value, ...rest] = taint.split("=");
  const sound = isLabelKey(key) && (!value || isLabelValue(value)) && more.length + rest.length === 0;
  const known = effects.find((name) => name === effect);
  if (!sound || known !== effect) return undefined;
  return defined<Toleration>({
    key,
    operator: value === undefined ? "Exists" : "Equal",
    value,
    effect: known,
  });
}

const reserved: ReadonlySet<string> = new Set(Object.values(parameterNames));

/** "label" or "name=label": the backend parameters that choose nodes by a label. Case does not tell names apart. */
const nodeLabels = v.pipe(
  list,
  v.transform((items) => items.map((item) => (item.includes("=") ? item.split("=") : [item, item]))),
  v.check(
    (pairs) => pairs.every(([name = "", key = "", ...more]) => name && isLabelKey(key) && !more.length),
    'Must be labels of nodes, or "name=label"',
  ),
  v.check(
    (pairs) => {
      const names = pairs.map(([name = ""]) => name.toLowerCase());
      return new Set(names).size === names.length && !names.some((name) => reserved.has(name));
    },
    `Must be names that differ, and none of ${[...reserved].join(", ")}`,
  ),
  v.transform((pairs) => Object.fromEntries(pairs.map(([name = "", key = ""]) => [name, key] as const))),
);

export const resourceVariables = {
  TESPOD_DEFAULT_CPU_CORES: amount(0.1),
  TESPOD_DEFAULT_RAM_GB: amount(0.125),
  TESPOD_DEFAULT_DISK_GB: amount(10),
  TESPOD_CPU_CORES_MAX: optionalAmount,
  TESPOD_RAM_GB_MAX: optionalAmount,
  TESPOD_DISK_GB_MAX: optionalAmount,
  TESPOD_WALL_SECONDS_MAX: integer(60, 31_536_000, 604_800),
  TESPOD_PREEMPTIBLE_NODE_SELECTOR: labels,
  TESPOD_PREEMPTIBLE_TOLERATIONS: tolerations,
  TESPOD_GPUS_MAX: integer(0, 1024, 0),
  TESPOD_GPU_RESOURCE: v.optional(labelKey, "nvidia.com/gpu"),
  TESPOD_GPU_TYPES: v.pipe(list, v.everyItem(isLabelValue, "Must be values of a label")),
  TESPOD_GPU_TYPE_LABEL: v.optional(labelKey, "nvidia.com/gpu.product"),
  TESPOD_PRIORITY_CLASSES: objectNames,
  TESPOD_RUNTIME_CLASSES: objectNames,
  TESPOD_SERVICE_ACCOUNTS: objectNames,
  TESPOD_NODE_LABELS: nodeLabels,
} as const;

const schema = v.object(resourceVariables);
type Variables = v.InferOutput<typeof schema>;

export const resourceSettings = (
  env: Variables,
): Pick<PodSettings, "defaults" | "offer" | "preemptible" | "gpu"> => ({
  defaults: {
    cpuCores: env.TESPOD_DEFAULT_CPU_CORES,
    ramGb: env.TESPOD_DEFAULT_RAM_GB,
    diskGb: env.TESPOD_DEFAULT_DISK_GB,
  },
  offer: {
    max: defined<Offer["max"]>({
      cpuCores: env.TESPOD_CPU_CORES_MAX,
      ramGb: env.TESPOD_RAM_GB_MAX,
      diskGb: env.TESPOD_DISK_GB_MAX,
    }),
    wallSecondsMax: env.TESPOD_WALL_SECONDS_MAX,
    gpusMax: env.TESPOD_GPUS_MAX,
    gpuTypes: env.TESPOD_GPU_TYPES,
    priorityClasses: env.TESPOD_PRIORITY_CLASSES,
    runtimeClasses: env.TESPOD_RUNTIME_CLASSES,
    serviceAccounts: env.TESPOD_SERVICE_ACCOUNTS,
    nodeLabels: env.TESPOD_NODE_LABELS,
  },
  preemptible: {
    nodeSelector: env.TESPOD_PREEMPTIBLE_NODE_SELECTOR,
    tolerations: env.TESPOD_PREEMPTIBLE_TOLERATIONS,
  },
  gpu: { resource: env.TESPOD_GPU_RESOURCE, typeLabel: env.TESPOD_GPU_TYPE_LABEL },
});

/** A default above its maximum, as a message; undefined if there is none. */
export function defaultAboveMaximum(env: Variables): string | undefined {
  const names = ["CPU_CORES", "RAM_GB", "DISK_GB"] as const;
  const faults = names.flatMap((name) => {
    const [fallback, max] = [env[`TESPOD_DEFAULT_${name}`], env[`TESPOD_${name}_MAX`]];
    return max === undefined || fallback <= max
      ? []
      : [`TESPOD_DEFAULT_${name}="${fallback}": Must be at most TESPOD_${name}_MAX="${max}"`];
  });
  return faults.length === 0 ? undefined : faults.join("; ");
}
