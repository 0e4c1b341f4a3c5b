// CreateTask, ListTasks, GetTask, CancelTask: what becomes of their requests.
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { TaskPath } from "../../sidecar/contract/path.ts";
import { checkPlan } from "../pod/plan.ts";
import type { PodSettings } from "../pod/settings.ts";
import type { Reconciler } from "../reconcile/reconcile.ts";
import type { Claim, TaskStore } from "../store/store.ts";
import { StoreError } from "../store/store-error.ts";
import { TesError } from "../tes/errors.ts";
import { pageToken, parseListQuery, parseView } from "../tes/filter.ts";
import { atOnce, inTurns, type Steps } from "../tes/in-turns.ts";
import { limits } from "../tes/limits.ts";
import { parsingTask } from "../tes/parse-task.ts";
import { type Additions, newRecord, systemLog, type TaskRecord } from "../tes/record.ts";
import { checkResources } from "../tes/resources.ts";
import type { Task } from "../tes/task.ts";
import { basicView, fullView, minimalView, type View } from "../tes/view.ts";
import { answer, etagOf, isKnown, notModified, privateCache } from "./answer.ts";
import { parsingJson, readExactText } from "./body.ts";
import { type BodyBudget, largeBytesMin, smallBytesMax } from "./body-budget.ts";
import { taskContracts } from "./contracts.ts";
import { readClaim } from "./idempotency.ts";
import { hasRows, readRows } from "./list.ts";

export interface TaskRoutes {
  readonly store: TaskStore;
  readonly reconciler: Pick<Reconciler, "poke" | "cancel">;
  readonly podSettings: PodSettings;
  /** Bounds the bodies that are read at once. */
  readonly bodies: BodyBudget;
  /** Signs page tokens. */
  readonly tokenKey: string;
  /** Version of this program: another may answer the same task in another form. */
  readonly release: string;
  readonly clock: () => Date;
}

/** 16 characters of base32: safe in a path, a pod name and a label, and 80 bits of chance. */
function newId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  let id = "";
  for (const byte of randomBytes(16)) id += alphabet[byte % alphabet.length];
  return id;
}

/**
 * Hono would take ":id:cancel" for one parameter of that name, so the pattern takes both and the suffix is cut off. Some
 * clients encode the colon, which Hono decodes in the parameter only after it has matched.
 */
export const cancelPath = "/tasks/:id{[^/]+(?::|%3[Aa])cancel}";

/**
 * Adds the four routes. They parse what they get themselves, since zod-openapi's own validation refuses content types and
 * empty bodies that real clients send; the contracts are only published.
 */
export function addTaskRoutes(app: OpenAPIHono, routes: TaskRoutes): void {
  for (const contract of taskContracts) app.openAPIRegistry.registerPath(contract);
  app.post("/tasks", async (context) => {
    const { bodies } = routes;
    const id = await bodies.run(async (lease) => {
      const body = await readExactText(context, limits.bodyBytesMax, lease);
      const work = () => create(context, body, routes);
      return await (body.length < largeBytesMin ? work() : bodies.alone(work));
    });
    return context.json({ id });
  });
  app.get("/tasks", (context) => list(context, routes));
  app.get("/tasks/:id", (context) => get(context, context.req.param("id"), routes));
  app.post(cancelPath, async (context) => {
    const task = context.req.param("id").slice(0, -":cancel".length);
    if (!isId(task) || !(await routes.reconciler.cancel(task))) throw unknownTask(task);
    return context.json({});
  });
}

async function create(
  context: Context,
  body: string,
  { store, reconciler, podSettings, clock }: TaskRoutes,
): Promise<string> {
  const now = clock();
  const claim = readClaim(context, body, now);
  const reading = readingTask(body, podSettings.files?.bases);
  const isSmall = body.length < smallBytesMax; // then it is done before anybody waits
  const parsed = isSmall ? atOnce(reading) : await inTurns(reading);
  const { task, warnings } = checkResources(parsed, podSettings.offer);
  const record = newRecord(task, newId(), now);
  // A task that no pod could carry is refused now, while somebody listens.
  if (!isSmall) await setImmediate();
  const notes = await checkPlan(record, podSettings);
  if (!isSmall) await setImmediate();
  const systemLogs = [...warnings, ...notes].map((warning) => systemLog(warning, now.toISOString()));
  const id = await keep(store, record, { systemLogs, tails: [] }, claim).catch((error: unknown) =>
    Promise.reject(isOutcomeUnknown(error) ? outcomeUnknown(claim, error) : error),
  );
  // Also if it is another's: that may have been stored without its sender having heard of it.
  reconciler.poke(id);
  return id;
}

function* readingTask(body: string, fileBases: readonly TaskPath[] | undefined): Steps<Task> {
  return yield* parsingTask(yield* parsingJson(body), fileBases);
}

const isOutcomeUnknown = (error: unknown): boolean =>
  error instanceof StoreError && error.kind === "outcome-unknown";

function outcomeUnknown(claim: Claim | undefined, cause: unknown): TesError {
  const advice =
    claim === undefined
      ? "look for it in the list before you send it again, and send creates with an Idempotency-Key, which makes that safe"
      : "send it again with the same Idempotency-Key";
  return new TesError("unavailable", `It is not known whether the task was stored: ${advice}`, { cause });
}

/** Stores the task; the id is another's if the claim's key stands for that. */
async function keep(
  store: TaskStore,
  record: TaskRecord,
  additions: Additions,
  claim: Claim | undefined,
): Promise<string> {
  if (claim === undefined) {
    await store.create(record, additions);
    return record.id;
  }
  const stored = await store.createOnce(record, additions, claim);
  if (stored !== "conflict") return stored.id;
  throw new TesError("reused", "Idempotency-Key was used with another body");
}

async function list(context: Context, { store, tokenKey, release }: TaskRoutes): Promise<Response> {
  const { view, ...request } = parseListQuery(new URL(context.req.url).searchParams, tokenKey);
  const { rows, next } = await readRows(store, view, request);
  const token = next === undefined ? undefined : pageToken(next, request.filter, tokenKey);
  const rest = token === undefined ? "" : `,"next_page_token":${JSON.stringify(token)}`;
  return answer(context, {
    text: `{"tasks":[${rows.map(({ text }) => text).join(",")}]${rest}}`,
    etag: etagOf(release, view, token, ...rows.flatMap(({ id, stamp }) => [id, stamp])),
    cache: privateCache,
  });
}

async function get(context: Context, id: string, { store, release }: TaskRoutes): Promise<Response> {
  const view = parseView(context.req.query("view") ?? null);
  if (!isId(id)) throw unknownTask(id);
  // What is large is read only if it is to be sent.
  if (view === "FULL" && context.req.header("if-none-match") !== undefined) {
    const record = await store.get(id);
    const etag = record && etagOf(release, view, record.version);
    if (etag !== undefined && isKnown(context, etag)) return notModified(context, etag, privateCache);
  }
  const found = await read(store, view, id);
  if (found === undefined) throw unknownTask(id);
  return answer(context, {
    text: found.text,
    etag: etagOf(release, view, found.stamp),
    cache: privateCache,
  });
}

/** The task in that view, and what tells it apart from its earlier and later forms. */
async function read(
  store: TaskStore,
  view: View,
  id: string,
): Promise<{ text: string; stamp: string | number } | undefined> {
  switch (view) {
    case "MINIMAL": {
      const line = await store.getLine(id);
      return line && { text: minimalView(line), stamp: line.state };
    }
    case "BASIC": {
      const record = await store.get(id);
      if (record === undefined) return undefined;
      const outputs = hasRows(record) ? (await store.outputsOf([id])).get(id) : undefined;
      return { text: basicView(record, outputs), stamp: record.version };
    }
    case "FULL": {
      const full = await store.getFull(id);
      return full && { text: fullView(full.record, full.additions), stamp: full.record.version };
    }
  }
}

/** Whether a task could have that id; a database need not be asked for what none of them can hold. */
const isId = (text: string): boolean => /^[\w-]{1,64}$/.test(text);

const unknownTask = (task: string): TesError => new TesError("not-found", `There is no task "${task}"`);
