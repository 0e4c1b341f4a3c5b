// serve: a fetch handler behind a port, on Bun or Deno.
import { setTimeout as sleep } from "node:timers/promises";

export interface Server {
  readonly port: number;
  /** Waits a bounded time for the requests under way, then closes every connection. */
  stop(): Promise<void>;
}

interface ServeOptions {
  readonly hostname: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

/** The little of Deno that is used here; its types are not among ours. */
interface DenoServe {
  serve(
    options: { hostname: string; port: number; onListen: () => void },
    handler: ServeOptions["fetch"],
  ): { addr: { port: number }; shutdown(): Promise<void> };
}

const stopMillisecondsMax = 5000;
/** For the last answers to leave. */
const flushMilliseconds = 50;

export function serve({ hostname, port, bodyBytesMax, fetch }: ServeOptions): Server {
  const { Deno } = globalThis as { Deno?: DenoServe };
  if (Deno !== undefined) {
    const server = Deno.serve({ hostname, port, onListen: () => undefined }, fetch);
    // The gentle stop is the only one it has, and waits for as long as clients keep their connections.
    const stop = () => Promise.race([server.shutdown(), sleep(stopMillisecondsMax)]);
    return { port: server.addr.port, stop };
  }
  // Bun answers a larger body by itself, without our error form; our own check comes first, so this is only a backstop.
  const requests = countRequests(fetch);
  const server = Bun.serve({
    hostname,
    port,
    maxRequestBodySize: bodyBytesMax * 2,
    idleTimeout: 120,
    fetch: requests.fetch,
  });
  return {
    port: server.port ?? port,
    async stop() {
      await Promise.race([requests.idle(), sleep(stopMillisecondsMax)]);
      await sleep(flushMilliseconds);
      // Not the gentle stop: it answers 404 on connections that clients keep, for as long as they keep them.
      await server.stop(true);
    },
  };
}

/** The handler, and when no request is under way in it. */
function countRequests(fetch: ServeOptions["fetch"]) {
  const underWay = new Set<Promise<unknown>>();
  return {
    async fetch(request: Request): Promise<Response> {
      const answer = Promise.resolve(fetch(request));
      underWay.add(answer);
      try {
        return await answer;
      } finally {
        underWay.delete(answer);
      }
    },
    async idle(): Promise<void> {
      await Promise.allSettled(underWay);
    },
  };
}
