// backend_parameters: the keys that the operator's offer makes known, what their values may be, and what they mean.
import type { Fault } from "./errors.ts";
import { isLabelValue, labelValueFault } from "./kubernetes-names.ts";
import { parameterNames as names, type Offer } from "./offer.ts";
import type { Resources } from "./task.ts";

/** The backend parameters of a task, read. */
export interface Wishes {
  readonly wallSeconds?: number;
  /** For each executor. */
  readonly gpus: number;
  readonly gpuType?: string;
  readonly priorityClass?: string;
  readonly runtimeClass?: string;
  readonly serviceAccount?: string;
  /** Labels that the node must have. */
  readonly nodeLabels: Readonly<Record<string, string>>;
}

/** What is wrong with a value, or undefined. */
type Check = (value: string) => string | undefined;

const oneOf =
  (values: readonly string[]): Check =>
  (value) =>
    values.includes(value) ? undefined : `Must be one of ${values.join(", ")}, not "${value}"`;

const count =
  (min: number, max: number): Check =>
  (value) => {
    if (!/^\d{1,9}$/.test(value) || Number(value) < min)
      return `Must be an integer from ${min} to ${max}, not "${value}"`;
    return Number(value) <= max ? undefined : `${value} is more than the maximum of ${max}`;
  };

const labelValue: Check = (value) => (isLabelValue(value) ? undefined : `${labelValueFault}, not "${value}"`);

/** The parameters that are known, as they are listed, with their checks. What nothing is offered of is not known. */
function checksOf(offer: Offer): Readonly<Record<string, Check>> {
  const choices = (name: string, values: readonly string[]) =>
    values.length === 0 ? {} : { [name]: oneOf(values) };
  return {
    [names.wallSeconds]: count(1, offer.wallSecondsMax),
    ...(offer.gpusMax === 0 ? {} : { [names.gpu]: count(0, offer.gpusMax) }),
    ...(offer.gpusMax === 0 ? {} : choices(names.gpuType, offer.gpuTypes)),
    ...choices(names.priorityClass, offer.priorityClasses),
    ...choices(names.runtimeClass, offer.runtimeClasses),
    ...choices(names.serviceAccount, offer.serviceAccounts),
    ...Object.fromEntries(Object.keys(offer.nodeLabels).map((name) => [name, labelValue])),
  };
}

/** Listed in service-info. Keys are matched without regard to case (TES 1.1, tesResources). */
export const supportedBackendParameters = (offer: Offer): readonly string[] => Object.keys(checksOf(offer));

export interface CheckedParameters {
  /** Those that are known, with the keys as they were sent. */
  readonly known: Readonly<Record<string, string>>;
  /** The keys of the others. */
  readonly unknown: readonly string[];
  readonly faults: readonly Fault[];
}

export const parameterPath = (key: string): string => `resources.backend_parameters.${key}`;

/** Tells the known from the unknown, and what is wrong with the known. */
export function checkParameters(
  parameters: Readonly<Record<string, string>>,
  offer: Offer,
): CheckedParameters {
  const checks = new Map(
    Object.entries(checksOf(offer)).map(([name, check]) => [name.toLowerCase(), check] as const),
  );
  const keys = Object.keys(parameters);
  const known = Object.entries(parameters).filter(([key]) => checks.has(key.toLowerCase()));
  const seen = new Set<string>();
  const faults = known.flatMap(([key, value]): Fault[] => {
    const name = key.toLowerCase();
    const message = seen.has(name)
      ? "Is given more than once, in upper and lower case"
      : checks.get(name)?.(value);
    seen.add(name);
    return message === undefined ? [] : [{ path: parameterPath(key), message }];
  });
  return {
    known: Object.fromEntries(known),
    unknown: keys.filter((key) => !checks.has(key.toLowerCase())),
    faults,
  };
}

/** What the parameters of a task mean that `checkParameters` found no fault with. */
export function readWishes(resources: Resources | undefined, offer: Offer): Wishes {
  const given = new Map(
    Object.entries(resources?.backend_parameters ?? {}).map(([key, value]) => [key.toLowerCase(), value]),
  );
  const text = (name: string, key: keyof Wishes) => {
    const value = given.get(name);
    return value === undefined ? {} : { [key]: value };
  };
  const wallSeconds = given.get(names.wallSeconds);
  return {
    ...(wallSeconds === undefined ? {} : { wallSeconds: Number(wallSeconds) }),
    gpus: Number(given.get(names.gpu) ?? 0),
    ...text(names.gpuType, "gpuType"),
    ...text(names.priorityClass, "priorityClass"),
    ...text(names.runtimeClass, "runtimeClass"),
    ...text(names.serviceAccount, "serviceAccount"),
    nodeLabels: Object.fromEntries(
      Object.entries(offer.nodeLabels).flatMap(([name, label]) => {
        const value = given.get(name.toLowerCase());
        return value === undefined ? [] : [[label, value]];
      }),
    ),
  };
}
