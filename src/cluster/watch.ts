// watchPods: list, watch and relist as one stream of changes that survives whatever the network does.
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod, V1PodList } from "@kubernetes/client-node";
import { type BackoffBounds, backoffSeconds } from "./backoff.ts";
import type { ClusterError, PodChange } from "./cluster.ts";
import { createDeadline, type Deadline } from "./deadline.ts";
import { StatusError, toClusterError } from "./status-error.ts";
import { readChunks, readLines } from "./stream.ts";
import { parseWatchEvent, type WatchEvent } from "./watch-event.ts";

/** The two calls that a watch is made of. Neither retries; both throw StatusError or what the network threw. */
export interface PodSource {
  /** One page of the list. The bound on its time is its own. */
  readonly list: (page: ListPage, signal: AbortSignal) => Promise<V1PodList>;
  /** A watch from `resourceVersion` on, that the server is asked to end after `seconds`. */
  readonly open: (resourceVersion: string, seconds: number, signal: AbortSignal) => Promise<Response>;
}

export interface ListPage {
  readonly limit: number;
  readonly continueToken: string | undefined;
}

export interface WatchOptions {
  readonly onTrouble: (error: ClusterError) => void;
  readonly bounds?: Partial<WatchBounds>;
}

export interface WatchBounds extends BackoffBounds {
  readonly connectSeconds: number;
  /** kube-apiserver sends a bookmark about once a minute: a watch that is silent for longer than this is dead. */
  readonly silenceSeconds: number;
  readonly relistSeconds: number;
  readonly pageSize: number;
  /** The largest object that etcd takes is 1.5 MiB; as JSON it may be several times that. */
  readonly lineCharsMax: number;
}

const BOUNDS: WatchBounds = {
  connectSeconds: 30,
  silenceSeconds: 90,
  relistSeconds: 600,
  backoffSecondsMin: 0.2,
  backoffSecondsMax: 10,
  pageSize: 500,
  lineCharsMax: 16 * 1024 * 1024,
};

/** A watch that ended sooner than this, without a word, brought nothing. */
const FRUITLESS_MS = 1000;

class FruitlessError extends Error {}

/** What happens now and then on a healthy cluster is no trouble until it has happened so often in a row. */
const QUIET_FAILURES = 3;

interface Watching {
  readonly source: PodSource;
  readonly bounds: WatchBounds;
  readonly signal: AbortSignal;
  /** Tells of what failed, if it is a trouble, and waits longer each time. */
  readonly recover: (error: unknown) => Promise<void>;
  /** There was a sign of life: the next wait is short again. */
  readonly thrive: () => void;
}

/** See Cluster.watchPods for what it promises. */
export async function* watchPods(
  source: PodSource,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<PodChange> {
  const watching = startWatching(source, options, signal);
  for (;;) {
    signal.throwIfAborted();
    try {
      const { pods, resourceVersion } = await listPods(source, watching.bounds.pageSize, signal);
      yield { type: "listed", pods };
      yield* follow(watching, resourceVersion);
    } catch (error) {
      signal.throwIfAborted();
      await watching.recover(error);
    }
  }
}

function startWatching(source: PodSource, options: WatchOptions, signal: AbortSignal): Watching {
  const bounds = { ...BOUNDS, ...options.bounds };
  let failures = 0;
  return {
    source,
    bounds,
    signal,
    recover: async (error) => {
      const trouble = toClusterError("Cannot watch pods", error);
      if (!isUsual(error) || failures >= QUIET_FAILURES) options.onTrouble(trouble);
      await pause(backoffSeconds(failures, bounds, trouble.retryAfterSeconds), signal);
      failures += 1;
    },
    thrive: () => {
      failures = 0;
    },
  };
}

interface Listed {
  readonly pods: V1Pod[];
  readonly resourceVersion: string;
}

async function listPods(source: PodSource, limit: number, signal: AbortSignal): Promise<Listed> {
  const pods: V1Pod[] = [];
  let continueToken: string | undefined;
  for (;;) {
    const page = await source.list({ limit, continueToken }, signal);
    pods.push(...page.items);
    continueToken = page.metadata?._continue || undefined;
    if (continueToken !== undefined) continue;
    const resourceVersion = page.metadata?.resourceVersion;
    // Without a version a watch would begin anywhere, and what happened since the list would be lost.
    if (!resourceVersion) throw new Error("the list has no resourceVersion");
    return { pods, resourceVersion };
  }
}

/** Watches, and watches again from where it was, until a new list is due. Throws what calls for one at once. */
async function* follow(watching: Watching, listedVersion: string): AsyncGenerator<PodChange> {
  const relistAt = performance.now() + watching.bounds.relistSeconds * 1000;
  let resourceVersion = listedVersion;
  while (performance.now() < relistAt) {
    resourceVersion = yield* watchOnce(watching, resourceVersion, relistAt);
  }
}

/**
 * The changes of one connection, until it ends, however it does, or a list is due.
 * Returns the version to go on from.
 */
async function* watchOnce(
  watching: Watching,
  listedVersion: string,
  relistAt: number,
): AsyncGenerator<PodChange, string> {
  let resourceVersion = listedVersion;
  for await (const event of readEvents(watching, resourceVersion, relistAt)) {
    watching.thrive();
    resourceVersion = event.resourceVersion;
    if (event.change !== undefined) yield event.change;
    // The server was asked to end the watch by now, and need not have heard.
    if (performance.now() >= relistAt) break;
  }
  return resourceVersion;
}

/** Ends when the connection does. Throws only what calls for a new list, or the signal's reason. */
async function* readEvents(
  watching: Watching,
  resourceVersion: string,
  relistAt: number,
): AsyncGenerator<WatchEvent> {
  const { bounds, signal } = watching;
  const openedAt = performance.now();
  using patience = createDeadline(signal);
  const response = await openWatch(watching, resourceVersion, relistAt, patience);
  if (!response?.body) return;
  let events = 0;
  const chunks = readChunks(response.body, patience, bounds.silenceSeconds * 1000);
  for await (const line of readLines(chunks, bounds.lineCharsMax)) {
    events += 1;
    yield parseWatchEvent(line);
  }
  signal.throwIfAborted();
  // Closed, cut or silent: that means nothing. But who closes every watch at once must not be asked in a hot loop.
  if (events > 0 || performance.now() - openedAt > FRUITLESS_MS) watching.thrive();
  else await watching.recover(new FruitlessError("the watch was closed as soon as it was opened"));
}

/** A server that cannot be reached is waited for, and asked from the same version on: undefined. */
async function openWatch(
  { source, bounds, signal, recover }: Watching,
  resourceVersion: string,
  relistAt: number,
  patience: Deadline,
): Promise<Response | undefined> {
  const seconds = Math.max(1, Math.ceil((relistAt - performance.now()) / 1000));
  patience.start(bounds.connectSeconds * 1000);
  try {
    return await source.open(resourceVersion, seconds, patience.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StatusError) throw error;
    await recover(error);
    return undefined;
  }
}

/** 410, a version that is too old, comes after a long cut and during a long list, on every healthy cluster. */
function isUsual(error: unknown): boolean {
  return error instanceof FruitlessError || (error instanceof StatusError && error.status.code === 410);
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}
