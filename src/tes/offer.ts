// Offer: what tasks may ask of this installation, as its operator set it.

export interface Offer {
  /** The most that one task may ask for; absent: no bound but the cluster's. */
  readonly max: { readonly cpuCores?: number; readonly ramGb?: number; readonly diskGb?: number };
  /** The longest a pod may live, staging and waiting for images included. */
  readonly wallSecondsMax: number;
  /** Devices of one pod; 0: this installation has none. */
  readonly gpusMax: number;
  readonly gpuTypes: readonly string[];
  readonly priorityClasses: readonly string[];
  readonly runtimeClasses: readonly string[];
  readonly serviceAccounts: readonly string[];
  /** Name of a backend parameter → the label of nodes that it chooses by. */
  readonly nodeLabels: Readonly<Record<string, string>>;
}

/** The backend parameters that stand for something other than a label; those of `nodeLabels` have other names. */
export const parameterNames = {
  wallSeconds: "wall_seconds",
  gpu: "gpu",
  gpuType: "gpu_type",
  priorityClass: "priority_class",
  runtimeClass: "runtime_class",
  serviceAccount: "service_account",
} as const;

/** The offer in a sentence or two, for the documentation that clients read. */
export function describeOffer(offer: Offer): string {
  const { max, wallSecondsMax, gpusMax, nodeLabels } = offer;
  const maxima = [
    ...(max.cpuCores === undefined ? [] : [`cpu_cores ${max.cpuCores}`]),
    ...(max.ramGb === undefined ? [] : [`ram_gb ${max.ramGb}`]),
    ...(max.diskGb === undefined ? [] : [`disk_gb ${max.diskGb}`]),
  ];
  const choice = (name: string, values: readonly string[]) =>
    values.length === 0 ? [] : [`${name} (${values.join(", ")})`];
  const parameters = [
    `${parameterNames.wallSeconds} (at most ${wallSecondsMax})`,
    ...(gpusMax === 0 ? [] : [`${parameterNames.gpu} (at most ${gpusMax} in a task)`]),
    ...(gpusMax === 0 ? [] : choice(parameterNames.gpuType, offer.gpuTypes)),
    ...choice(parameterNames.priorityClass, offer.priorityClasses),
    ...choice(parameterNames.runtimeClass, offer.runtimeClasses),
    ...choice(parameterNames.serviceAccount, offer.serviceAccounts),
    ...Object.entries(nodeLabels).map(([name, label]) =>
      name === label ? `${name} (a label of nodes)` : `${name} (the nodes' label ${label})`,
    ),
  ];
  const bounds = maxima.length === 0 ? "" : `A task may ask for at most ${maxima.join(", ")}. `;
  return `${bounds}Its backend_parameters may be ${parameters.join(", ")}.`;
}
