// parsingTask: what clients really send as a task, or every fault of it, up to so many.
import { z } from "@hono/zod-openapi";
import type { TaskPath } from "../../sidecar/contract/path.ts";
import { contradictionFaults } from "./contradictions.ts";
import { cutLists } from "./cut-lists.ts";
import { type Fault, TesError } from "./errors.ts";
import type { Steps } from "./in-turns.ts";
import { limits } from "./limits.ts";
import { lengthFaults } from "./path-length.ts";
import { sketchOf } from "./sketch.ts";
import { executorSchema, fileSchemas, type Task, taskFields } from "./task.ts";
import { tidy } from "./tidy.ts";
import { urlFaults } from "./urls.ts";

type Fields = Readonly<Record<string, unknown>>;
type Issue = z.core.$ZodIssue;

/** Elements that are read at once. What is shorter goes with the rest of the body. */
const pieceLength = 100;

/**
 * Reads a request body as a task. Unknown and read-only keys are ignored, `type` is filled in, all else is kept as sent.
 * `fileBases` are the folders that file URLs may name, where the operator shares some. Throws TesError "invalid" with the
 * faults and their paths: all, or the first `limits.faultsMax`. What is short is one step.
 */
export function* parsingTask(body: unknown, fileBases?: readonly TaskPath[]): Steps<Task> {
  const tidied = cutLists(tidy(body));
  const fields = fieldsOf(tidied);
  const isShort = !isLong(fields);
  if (!isShort) {
    checkPathLengths(fields);
    yield;
  }
  const { task, issues } = isShort ? readAtOnce(tidied) : yield* reading(fields);
  const faults = issues.map((issue): Fault => ({ path: dotPath(issue.path), message: messageOf(issue) }));
  if (task !== undefined) faults.push(...contentFaults(task));
  if (faults.length < limits.faultsMax) {
    const sketch = sketchOf(tidied);
    for (const look of further) {
      if (!isShort) yield;
      faults.push(...look(sketch, fileBases));
    }
  }
  if (task !== undefined && faults.length === 0) return task;
  throw refusal(faults);
}

/** What no schema sees. */
const further = [urlFaults, lengthFaults, contradictionFaults] as const;

const isLongList = (value: unknown): value is unknown[] => Array.isArray(value) && value.length > pieceLength;

const isLong = ({ inputs, outputs, executors }: Fields): boolean =>
  isLongList(inputs) || isLongList(outputs) || (Array.isArray(executors) && executors.some(isLarge));

function readAtOnce(tidied: unknown): Read {
  const { data, error } = taskFields.safeParse(tidied);
  return data === undefined ? { issues: error?.issues ?? [] } : { task: data, issues: [] };
}

function refusal(faults: readonly Fault[]): TesError {
  const told = faults
    .slice(0, limits.faultsMax)
    .map(({ path, message }) => ({ path: clip(path), message: clip(message) }));
  const rest = faults.length - told.length;
  // What is beyond was not looked at as soon as there were enough.
  const words =
    rest > 0 ? `Task is not valid: ${told.length} faults are told, there are more` : "Task is not valid";
  return new TesError("invalid", words, { faults: told });
}

const clip = (words: string): string =>
  words.length <= limits.faultLengthMax ? words : `${words.slice(0, limits.faultLengthMax).toWellFormed()}…`;

interface Read {
  /** Absent if it has issues. */
  readonly task?: Task;
  readonly issues: readonly Issue[];
}

/** What can be thousands is read a piece at a time, and no further once there are faults enough. */
function* reading(body: Fields): Steps<Read> {
  const issues: Issue[] = [];
  const files = yield* readingFiles(body, issues);
  yield* lookingAtExecutors(body["executors"], issues);
  if (issues.length >= limits.faultsMax) return { issues };
  const rest = readAtOnce({ ...body, ...emptied(files) });
  yield;
  issues.push(...rest.issues);
  return rest.task !== undefined && issues.length === 0
    ? { task: { ...rest.task, ...files }, issues }
    : { issues };
}

/** The lists of files that are long, as the task has them; their issues are added to the others. */
function* readingFiles(body: Fields, issues: Issue[]): Steps<Readonly<Record<string, unknown[]>>> {
  const read: Record<string, unknown[]> = {};
  for (const [field, max] of [
    ["inputs", limits.inputsMax],
    ["outputs", limits.outputsMax],
  ] as const) {
    const list = body[field];
    if (!isLongList(list)) continue;
    issues.push(...issuesAt([field], z.array(z.any()).max(max).safeParse(list)));
    read[field] = yield* readingList(field, list, issues);
  }
  return read;
}

const emptied = (lists: Fields): Fields => Object.fromEntries(Object.keys(lists).map((field) => [field, []]));

function* readingList(
  field: keyof typeof fileSchemas,
  list: readonly unknown[],
  issues: Issue[],
): Steps<unknown[]> {
  const piece = z.array<z.ZodType>(fileSchemas[field]);
  const read: unknown[] = [];
  for (let first = 0; first < list.length && issues.length < limits.faultsMax; first += pieceLength) {
    const result = piece.safeParse(list.slice(first, first + pieceLength));
    if (result.success) read.push(...result.data);
    issues.push(
      ...(result.error?.issues ?? []).map(({ path: [index, ...path], ...issue }) => ({
        ...issue,
        path: [field, first + Number(index), ...path],
      })),
    );
    yield;
  }
  return read;
}

/** Executors of many arguments one by one; their issues are kept only if they are enough. What is left is read with the rest. */
function* lookingAtExecutors(executors: unknown, issues: Issue[]): Steps<void> {
  if (!Array.isArray(executors)) return;
  for (const [index, executor] of executors.entries()) {
    if (!isLarge(executor)) continue;
    const found = issuesAt(["executors", index], executorSchema.safeParse(executor));
    yield;
    if (found.length < limits.faultsMax) continue;
    issues.push(...found);
    return;
  }
}

function isLarge(executor: unknown): boolean {
  const { command, env } = (executor ?? {}) as { command?: unknown; env?: unknown };
  const count = (value: unknown): number =>
    Array.isArray(value) ? value.length : Object.keys(value ?? {}).length;
  return count(command) + count(env) > pieceLength;
}

const issuesAt = (path: readonly PropertyKey[], { error }: { error?: z.ZodError | undefined }): Issue[] =>
  (error?.issues ?? []).map((issue) => ({ ...issue, path: [...path, ...issue.path] }));

/** Before any path is looked at. Throws TesError. */
function checkPathLengths({ inputs, outputs }: Fields): void {
  const paths = [inputs, outputs].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const length = paths.reduce<number>((sum, file) => {
    const { path } = fieldsOf(file);
    return sum + (typeof path === "string" ? path.length : 0);
  }, 0);
  if (length <= limits.pathLengthTotalMax) return;
  const message = `All paths of inputs and outputs together must be at most ${limits.pathLengthTotalMax} characters`;
  throw refusal([{ path: "inputs", message }]);
}

const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};

function contentFaults({ inputs = [] }: Task): Fault[] {
  const bytes = inputs.reduce((sum, { content = "" }) => sum + Buffer.byteLength(content), 0);
  const message = `All content together must be at most ${limits.contentBytesTotalMax} bytes`;
  return bytes <= limits.contentBytesTotalMax ? [] : [{ path: "inputs", message }];
}

const dotPath = (segments: readonly PropertyKey[]): string =>
  segments.reduce<string>((path, segment) => {
    if (typeof segment === "number") return `${path}[${segment}]`;
    return path === "" ? String(segment) : `${path}.${String(segment)}`;
  }, "");

/** What is wrong, in words that help: of a key, what is wrong with it, and not only that something is. */
function messageOf(issue: Issue): string {
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? issue.message;
  const isMissing = issue.code === "invalid_type" && /received undefined/.test(issue.message);
  return isMissing ? "Required" : issue.message;
}
