// The reconciler on a real store and a cluster, put together as main.ts does it, and its death at any call.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Cluster } from "../../src/cluster/cluster.ts";
import type { WorkVolume } from "../../src/pod/settings.ts";
import { createActions } from "../../src/reconcile/actions.ts";
import type { Policy } from "../../src/reconcile/decide.ts";
import { createPodCache, type PodCache } from "../../src/reconcile/pod-cache.ts";
import { createReconciler, type Reconciler } from "../../src/reconcile/reconcile.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import type { TaskStore } from "../../src/store/store.ts";
import type { TaskRecord } from "../../src/tes/record.ts";
import { makePolicy, makeSettings, silent } from "../support/make.ts";

export interface Service extends AsyncDisposable {
  readonly reconciler: Reconciler;
  readonly pods: PodCache;
  /** After how many seconds each failure was to be tried again. */
  readonly waits: readonly unknown[];
  /** Ends it without waiting for what hangs. */
  kill(): void;
}

interface Rules {
  readonly work?: WorkVolume;
  readonly policy?: Partial<Policy>;
  readonly orphanSeconds?: number;
}

/** Starts a reconciler; it ends with the value. */
export function startService(
  store: TaskStore,
  cluster: Cluster,
  clock = () => new Date(),
  { work = { kind: "emptyDir" }, policy: rules = {}, orphanSeconds = 60 }: Rules = {},
): Service {
  const pods = createPodCache(cluster, { selector: "", onTrouble: () => undefined });
  const creates = { concurrency: 4, perSecond: 1000 };
  const settings = makeSettings({ work });
  const policy = makePolicy({ sharedClaim: work.kind === "claim", ...rules });
  const actions = createActions({ cluster, store, pods, settings, log: silent, clock, creates });
  const waits: unknown[] = [];
  const log = { ...silent, warn: (_: string, fields: object = {}) => void waits.push({ ...fields }) };
  const reconciler = createReconciler({ store, pods, actions, policy, log, clock, orphanSeconds });
  const stopping = new AbortController();
  const running = reconciler.run(stopping.signal);
  return {
    reconciler,
    pods,
    waits,
    kill: () => stopping.abort(),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

export interface WatchedStore extends TaskStore, AsyncDisposable {
  /** Resolves as soon as the stored record fits. */
  until(id: string, fits: (record: TaskRecord) => boolean): Promise<TaskRecord>;
  /** Changes the file behind its back. */
  change(sql: string): void;
}

/** A SQLite store in a folder of its own, which tells when a record is as a test waits for. */
export function openWatchedStore(): WatchedStore {
  const folder = mkdtempSync(join(tmpdir(), "tespod-reconcile-"));
  const store = openSqliteStore(join(folder, "tes.db"));
  const waiting = new Set<() => Promise<void>>();
  return {
    ...store,
    async save(record, additions) {
      const saved = await store.save(record, additions);
      for (const look of waiting) await look();
      return saved;
    },
    change(sql) {
      const database = new DatabaseSync(join(folder, "tes.db"));
      database.exec(sql);
      database.close();
    },
    async until(id, fits) {
      const { promise, resolve } = Promise.withResolvers<TaskRecord>();
      const look = async () => {
        const record = await store.get(id);
        if (record !== undefined && fits(record)) resolve(record);
      };
      waiting.add(look);
      await look();
      const record = await promise;
      waiting.delete(look);
      return record;
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** When the service dies: at its n-th call, with that call not made, or made and its answer never seen. */
export interface Death {
  readonly call: number;
  readonly made: boolean;
}

export interface Mortal<T> {
  readonly store: T;
  readonly cluster: Cluster;
  /** Resolves when it is dead. */
  readonly died: Promise<void>;
  readonly isDead: () => boolean;
}

/** Store and cluster as a process sees them that is killed at a call: from then on nothing ever comes back. */
export function makeMortal(store: TaskStore, cluster: Cluster, { call, made }: Death): Mortal<TaskStore> {
  const { promise: died, resolve } = Promise.withResolvers<void>();
  const forever = new Promise<never>(() => undefined);
  let calls = 0;
  let dead = false;

  async function count(run: () => Promise<unknown>): Promise<unknown> {
    calls++;
    if (dead) return forever;
    if (calls < call) return await untilDeath(run());
    dead = true;
    if (made) await run();
    resolve();
    return forever;
  }
  /** An answer that comes after the death is not seen. */
  async function untilDeath(answer: Promise<unknown>): Promise<unknown> {
    const value = await answer;
    return dead ? forever : value;
  }

  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key, receiver) {
        const method: unknown = Reflect.get(object, key, receiver);
        if (typeof method !== "function" || key === "watchPods") return method;
        return (...args: unknown[]) => count(() => method.apply(object, args));
      },
    });

  async function* watchPods(...args: Parameters<Cluster["watchPods"]>): ReturnType<Cluster["watchPods"]> {
    for await (const change of cluster.watchPods(...args)) {
      if (dead) return;
      yield change;
    }
  }
  return { store: wrap(store), cluster: wrap({ ...cluster, watchPods }), died, isDead: () => dead };
}
