// A small TES client for tests, demo and bench: the wire as it is, and waiting for a state.
import { setTimeout as sleep } from "node:timers/promises";

export interface TesTask {
  readonly id: string;
  readonly state: string;
  readonly name?: string;
  readonly executors?: readonly { image: string; command: string[] }[];
  readonly inputs?: readonly { path: string; type: string; content?: string; url?: string }[];
  readonly outputs?: readonly { path: string; type: string; url: string }[];
  readonly logs?: readonly TesTaskLog[];
  readonly creation_time?: string;
}

interface TesTaskLog {
  readonly logs: readonly {
    readonly start_time: string;
    readonly end_time: string;
    readonly stdout?: string;
    readonly stderr?: string;
    readonly exit_code: number;
  }[];
  readonly outputs: readonly { url: string; path: string; size_bytes: string }[];
  readonly system_logs?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly start_time?: string;
  readonly end_time?: string;
}

export interface TesClient {
  readonly base: string;
  /** Any request; the answer as it is. */
  request(path: string, init?: RequestInit): Promise<Response>;
  create(task: object): Promise<string>;
  get(id: string, view?: "MINIMAL" | "BASIC" | "FULL"): Promise<TesTask>;
  cancel(id: string): Promise<void>;
  /** Polls until `done` says so; calls `onState` for each new state. Throws after `seconds` with the whole task. */
  wait(id: string, options?: WaitOptions): Promise<TesTask>;
}

interface WaitOptions {
  readonly seconds?: number;
  readonly everyMilliseconds?: number;
  readonly until?: (state: string) => boolean;
  readonly onState?: (state: string) => void;
}

const answerMilliseconds = 5000;

const ended = new Set(["COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED", "PREEMPTED"]);
const isEnded = (state: string): boolean => ended.has(state);

export function createTesClient(url: string): TesClient {
  const base = `${url}/ga4gh/tes/v1`;

  async function json<T>(path: string, init?: RequestInit): Promise<T> {
    // A connection to a service that was killed may stay silent for ever.
    const response = await fetch(`${base}${path}`, {
      signal: AbortSignal.timeout(answerMilliseconds),
      keepalive: false,
      ...init,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${init?.method ?? "GET"} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  const get = (id: string, view = "MINIMAL") => json<TesTask>(`/tasks/${id}?view=${view}`);

  /** Undefined while the service is away: tests take it away, at any moment. */
  const look = (id: string, view: "MINIMAL" | "FULL") => get(id, view).catch(() => undefined);
  const describe = async (id: string) =>
    JSON.stringify(await look(id, "FULL")) ?? "the service does not answer";

  return {
    base,
    request: (path, init) => fetch(`${base}${path}`, init),
    async create(task) {
      const headers = { "content-type": "application/json" };
      return (await json<{ id: string }>("/tasks", { method: "POST", headers, body: JSON.stringify(task) }))
        .id;
    },
    get,
    async cancel(id) {
      await json(`/tasks/${id}:cancel`, { method: "POST" });
    },
    async wait(id, { seconds = 90, everyMilliseconds = 20, until = isEnded, onState } = {}) {
      const deadline = Date.now() + seconds * 1000;
      let last: string | undefined;
      for (; Date.now() < deadline; await sleep(everyMilliseconds)) {
        const state = (await look(id, "MINIMAL"))?.state;
        if (state === undefined) continue;
        if (state !== last) onState?.(state);
        last = state;
        const whole = until(state) && (await look(id, "FULL"));
        if (whole) return whole;
      }
      throw new Error(`Task ${id} is ${last} after ${seconds} s: ${await describe(id)}`);
    },
  };
}
