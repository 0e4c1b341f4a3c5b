// cutLists: a body without what is certain to be refused, so that nobody walks millions of elements to say so.
import { limits } from "./limits.ts";

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One more than may be: the schema still sees that there are too many, and looks at no more of them. */
function cut(value: unknown, max: number): unknown {
  if (Array.isArray(value)) return value.length > max ? value.slice(0, max + 1) : value;
  if (!isFields(value)) return value;
  const keys = Object.keys(value);
  if (keys.length <= max) return value;
  const kept: Record<string, unknown> = Object.create(null);
  for (const key of keys.slice(0, max + 1)) kept[key] = value[key];
  return kept;
}

/** The object with some of its fields as `change` makes them. Most objects need no change, and are not copied. */
function changed(value: unknown, changes: Readonly<Record<string, (field: unknown) => unknown>>): unknown {
  if (!isFields(value)) return value;
  let copy: Record<string, unknown> | undefined;
  for (const name in changes) {
    const field = value[name];
    const next = field === undefined ? field : changes[name]?.(field);
    if (next === field) continue;
    copy ??= { ...value };
    copy[name] = next;
  }
  return copy ?? value;
}

const to =
  (max: number) =>
  (field: unknown): unknown =>
    cut(field, max);

const ofExecutor = { command: to(limits.argumentsMax), env: to(limits.environmentMax) };
const ofResources = { zones: to(limits.zonesMax), backend_parameters: to(limits.backendParametersMax) };

function cutExecutors(executors: unknown): unknown {
  const few = cut(executors, limits.executorsMax);
  if (!Array.isArray(few)) return few;
  const each = few.map((executor) => changed(executor, ofExecutor));
  return each.every((executor, index) => executor === few[index]) ? few : each;
}

const ofTask = {
  inputs: to(limits.inputsMax),
  outputs: to(limits.outputsMax),
  volumes: to(limits.volumesMax),
  tags: to(limits.tagsMax),
  resources: (resources: unknown): unknown => changed(resources, ofResources),
  executors: cutExecutors,
};

/** Lists and maps of a tidied body, each with one element more than it may have at most. */
export const cutLists = (body: unknown): unknown => changed(body, ofTask);
