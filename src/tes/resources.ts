// A task's resources against what is offered: too much is refused, what is not known is left out with a warning.
import { checkParameters, parameterPath, readWishes, type Wishes } from "./backend-parameters.ts";
import { type Fault, TesError } from "./errors.ts";
import { type Offer, parameterNames } from "./offer.ts";
import type { Resources, Task } from "./task.ts";

/**
 * The task without the backend parameters that are not known ("shall not store or return"), and what its system logs should
 * say. Throws TesError "invalid" with every figure over its maximum and every parameter that is wrong; with
 * backend_parameters_strict also with those that are not known.
 */
export function checkResources(task: Task, offer: Offer): { task: Task; warnings: readonly string[] } {
  const { resources } = task;
  if (resources === undefined) return { task, warnings: [] };
  const { known, unknown, faults } = checkParameters(resources.backend_parameters ?? {}, offer);
  const granted = { ...task, resources: { ...resources, backend_parameters: known } };
  const strict = resources.backend_parameters_strict ? unknown : [];
  const all = [
    ...overMaxima(resources, offer),
    ...faults,
    ...strict.map((key) => ({ path: parameterPath(key), message: "Is not supported" })),
    ...(faults.length > 0 ? [] : gpuFaults(granted, offer)),
  ];
  if (all.length > 0) throw new TesError("invalid", "Task is not valid", { faults: all });
  if (resources.backend_parameters === undefined) return { task, warnings: [] };
  const warnings = unknown.map(
    (key) => `Warning: backend parameter "${key}" is not supported and was ignored`,
  );
  return { task: granted, warnings: [...warnings, ...gpuWarnings(granted, offer)] };
}

/**
 * The wishes of a task that was accepted once. Throws TesError "invalid" if the operator has since taken back what it wishes:
 * a service account above all must not be used any more.
 */
export function grantedWishes(task: Task, offer: Offer): Wishes {
  const { unknown, faults } = checkParameters(task.resources?.backend_parameters ?? {}, offer);
  const [fault] = [
    ...faults,
    ...unknown.map((key) => ({ path: parameterPath(key), message: "Is not supported" })),
  ];
  if (fault !== undefined)
    throw new TesError("invalid", `${fault.path} is no longer granted: ${fault.message}`);
  return readWishes(task.resources, offer);
}

function overMaxima(resources: Resources, { max }: Offer): Fault[] {
  const figures = [
    ["cpu_cores", max.cpuCores],
    ["ram_gb", max.ramGb],
    ["disk_gb", max.diskGb],
  ] as const;
  return figures.flatMap(([name, most = Number.POSITIVE_INFINITY]) => {
    const asked = resources[name] ?? 0;
    return asked <= most
      ? []
      : [{ path: `resources.${name}`, message: `${asked} is more than the maximum of ${most}` }];
  });
}

const gpuPath = parameterPath(parameterNames.gpu);

/** Devices cannot pass from container to container, so each executor holds its own, all at the same time. */
function gpuFaults({ executors, resources }: Task, offer: Offer): Fault[] {
  const { gpus, gpuType } = readWishes(resources, offer);
  if (gpuType !== undefined && gpus === 0)
    return [{ path: parameterPath(parameterNames.gpuType), message: `Needs ${parameterNames.gpu}` }];
  if (gpus * executors.length <= offer.gpusMax) return [];
  const message = `${gpus} for each of ${executors.length} executors is more than the maximum of ${offer.gpusMax}: executors cannot share devices`;
  return [{ path: gpuPath, message }];
}

function gpuWarnings({ executors, resources }: Task, offer: Offer): string[] {
  const { gpus } = readWishes(resources, offer);
  if (gpus === 0 || executors.length === 1) return [];
  return [
    `Warning: each of the ${executors.length} executors holds ${gpus} GPU${gpus === 1 ? "" : "s"} of its own for the whole task, ${gpus * executors.length} in all`,
  ];
}
