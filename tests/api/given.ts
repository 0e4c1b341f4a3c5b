// An app on a real store and the real reconciler, which is not running: what it was asked to look at is recorded.
import { expect } from "bun:test";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "../../src/api/app.ts";
import { type BodyBudget, createBodyBudget } from "../../src/api/body-budget.ts";
import { createInternalApp } from "../../src/api/internal.ts";
import type { MetricsOfApi } from "../../src/api/metrics.ts";
import { reportBodiesBytesMax } from "../../src/api/reports.ts";
import type { Authenticate } from "../../src/authenticate.ts";
import type { PodSettings } from "../../src/pod/settings.ts";
import { createActions } from "../../src/reconcile/actions.ts";
import { createPodCache } from "../../src/reconcile/pod-cache.ts";
import { createReconciler } from "../../src/reconcile/reconcile.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import type { TaskStore } from "../../src/store/store.ts";
import { newRecord, noAdditions, type TaskRecord } from "../../src/tes/record.ts";
import { createStandIn } from "../reconcile/cluster-stand-in.ts";
import { makePolicy, makeSettings, makeTask, now, silent } from "../support/make.ts";
import { answerFaults } from "./spec.ts";

export const reportKey = "report key";
/** As configured by default. */
export const bodiesBytesMax = 32 * 1024 * 1024;

interface Options {
  readonly settings?: Partial<PodSettings>;
  readonly reportKey?: () => string | undefined;
  readonly bodies?: BodyBudget;
  readonly reportBodies?: BodyBudget;
  readonly isReady?: () => boolean;
  /** By default no report is taken at the port of the API. */
  readonly internalSince?: string;
  readonly tokensBefore?: string;
  readonly corsOrigins?: readonly string[];
  readonly clock?: () => Date;
  readonly metrics?: MetricsOfApi;
  readonly authenticate?: Authenticate;
  /** Takes the place of methods of the store, to make it fail. */
  readonly store?: Partial<TaskStore>;
}

export interface Given extends AsyncDisposable {
  readonly store: TaskStore;
  /** The file behind it. */
  readonly database: string;
  /** Ids that the reconciler was told of. */
  readonly poked: string[];
  /** What was logged as an error. */
  readonly logged: unknown[];
  /** What was logged as a warning. */
  readonly warned: unknown[];
  /** The answer, its body parsed; one that is not as the specification says fails the test. */
  ask(method: string, path: string, init?: Omit<RequestInit, "method">): Promise<Answer>;
  /** The same of the internal port. */
  askInternal(method: string, path: string, init?: Omit<RequestInit, "method">): Promise<Answer>;
  /** The answer as it is. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  fetchInternal(path: string): Promise<Response>;
  /** POST of a task document. */
  create(body: unknown): Promise<Answer>;
  /** Stores a task as it would be after some time. */
  put(id: string, differences?: Partial<TaskRecord>): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export const base = "/ga4gh/tes/v1";

export function given(options: Options = {}): Given {
  const folder = mkdtempSync(join(tmpdir(), "tespod-api-"));
  const database = join(folder, "tes.db");
  const real = openSqliteStore(database);
  const store = { ...real, ...options.store };
  const poked: string[] = [];
  const logged: unknown[] = [];
  const warned: unknown[] = [];
  const log = {
    ...silent,
    error: (message: string, fields?: object) => void logged.push({ message, ...fields }),
    warn: (message: string, fields?: object) => void warned.push({ message, ...fields }),
  };
  const clock = options.clock ?? (() => now);
  const cluster = createStandIn();
  const pods = createPodCache(cluster, { selector: "", onTrouble: () => undefined });
  const podSettings = makeSettings(options.settings);
  const creates = { concurrency: 1, perSecond: 1 };
  const actions = createActions({ cluster, store, pods, log, settings: podSettings, clock, creates });
  const reconciler = createReconciler({ store, pods, actions, policy: makePolicy(), log, clock });
  const shared = {
    store,
    reconciler: { ...reconciler, poke: (id: string) => void poked.push(id) },
    reportKey: options.reportKey ?? (() => reportKey),
    tokensBefore: options.tokensBefore ?? new Date(0).toISOString(),
    reportBodies: options.reportBodies ?? createBodyBudget(reportBodiesBytesMax),
    log,
    isReady: options.isReady ?? (() => true),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
  };
  const internal = createInternalApp(shared);
  const app = createApp({
    ...shared,
    podSettings,
    bodies: options.bodies ?? createBodyBudget(bodiesBytesMax),
    tokenKey: "token key",
    internalSince: options.internalSince ?? new Date(0).toISOString(),
    info: {
      id: "org.example.tes",
      name: "Example",
      organization: { name: "Example", url: "https://example.org" },
      storage: ["s3://bucket"],
      version: "1.2.3",
    },
    clock,
    corsOrigins: options.corsOrigins ?? [],
    ...(options.authenticate === undefined ? {} : { authenticate: options.authenticate }),
  });

  const ask: Given["ask"] = (method, path, init = {}) =>
    answerOf(method, path, app.request(path, { ...init, method }));

  async function answerOf(
    method: string,
    path: string,
    asked: Response | Promise<Response>,
  ): Promise<Answer> {
    const response = await asked;
    const text = await response.text();
    const isHtml = response.headers.get("content-type")?.startsWith("text/html");
    const body: unknown = isHtml || text === "" ? text || undefined : JSON.parse(text);
    // Whatever a test asks for, the answer is one that the specification knows.
    expect(answerFaults(method, path, response.status, body)).toEqual([]);
    return { status: response.status, headers: response.headers, body };
  }

  return {
    store,
    database,
    poked,
    logged,
    warned,
    ask,
    askInternal: (method, path, init = {}) =>
      answerOf(method, path, internal.request(path, { ...init, method })),
    fetch: async (path, init) => app.request(path, init),
    fetchInternal: async (path) => internal.request(path),
    create: (body) =>
      ask("POST", `${base}/tasks`, {
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    put: (id, differences = {}) =>
      store.create({ ...newRecord(makeTask(), id, now), ...differences }, noAdditions),
    async [Symbol.asyncDispose]() {
      await real.close();
      await rm(folder, { recursive: true });
    },
  };
}
