// Counts the starts of executors from outside of the system: each tells an HTTP server of the test that it has begun.
import { networkInterfaces } from "node:os";
import type { Deployed } from "../../support/deploy.ts";

export interface StartCounter extends AsyncDisposable {
  /** The beginning of a shell line that tells it of `name`. */
  tell(name: string): string;
  /** The pods that have told of that name, each as often as it did. */
  podsOf(name: string): readonly string[];
}

/** Reached by pods at the node's own address, which is this host's. */
export function startCounter(): StartCounter {
  const starts = new Map<string, string[]>();
  const server = Bun.serve({
    hostname: "0.0.0.0",
    port: 0,
    fetch(request) {
      const [, name = "", pod = ""] = new URL(request.url).pathname.split("/");
      starts.set(name, [...(starts.get(name) ?? []), pod]);
      return new Response("ok\n");
    },
  });
  const host = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === "IPv4" && !each.internal)?.address;
  return {
    tell: (name) =>
      `until wget -q -O /dev/null http://${host}:${server.port}/${name}/$HOSTNAME; do sleep 0.2; done`,
    podsOf: (name) => starts.get(name) ?? [],
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** What a test has seen of one task. */
export interface Seen {
  readonly id: string;
  readonly state: string;
  /** The pods in which its first executor was started. */
  readonly starts: readonly string[];
  readonly systemLogs: string;
}

/** Waits for the end of each task; `names` are what their executors tell the counter. */
export const seenOf = (
  { tes }: Deployed,
  counter: StartCounter,
  tasks: ReadonlyMap<string, string>,
): Promise<Seen[]> =>
  Promise.all(
    [...tasks].map(async ([id, name]) => {
      const { state = "", logs } = await tes.wait(id, { seconds: 420, everyMilliseconds: 1000 });
      const systemLogs = (logs?.[0]?.system_logs ?? []).join("\n");
      return { id, state, starts: counter.podsOf(name), systemLogs };
    }),
  );

/** Tasks whose executor ran twice. */
export const ranTwice = (all: readonly Seen[]): Seen[] => all.filter(({ starts }) => starts.length > 1);

/** Tasks whose `system_logs` say what is not so. */
export const untrue = (all: readonly Seen[]): Seen[] =>
  all.filter(({ id, state, starts, systemLogs }) => {
    const attempts = [...systemLogs.matchAll(/no executor was started, trying again \(attempt (\d+) of/g)];
    const unstarted = attempts.map(([, attempt]) => `tes-${id}-${Number(attempt) - 1}`);
    const isUnknown = systemLogs.includes("whether an executor had started is not known");
    return (
      starts.some((pod) => unstarted.includes(pod)) ||
      (state === "COMPLETE" && starts.length !== 1) ||
      (state === "SYSTEM_ERROR" && starts.length === 0 && !isUnknown)
    );
  });

/** Tasks that were given up although they could have been repeated. */
export const inVain = (all: readonly Seen[]): Seen[] =>
  all.filter(({ state, starts }) => state === "SYSTEM_ERROR" && starts.length === 0);

/** The figures of a run, for whoever reads its output. */
export function tell(title: string, all: readonly Seen[]): void {
  const count = (state: string) => all.filter((seen) => seen.state === state).length;
  const again = all.filter(({ systemLogs }) => systemLogs.includes("trying again")).length;
  console.error(
    `    ${title}: ${all.length} tasks, COMPLETE ${count("COMPLETE")}, SYSTEM_ERROR ${count("SYSTEM_ERROR")}, ` +
      `another pod ${again}, ran twice ${ranTwice(all).length}, given up though not started ${inVain(all).length}`,
  );
}
