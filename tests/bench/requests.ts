// Requests: how many calls of the API server one task costs the service.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTlsFetch } from "../../src/cluster/tls-fetch.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { startService } from "../runtimes/service.ts";
import { freePort } from "../support/free-port.ts";
import { createTesClient } from "../support/tes-client.ts";
import { kubeconfigText, readEntry } from "../with-cluster/kubernetes/support.ts";
import { type Figure, figure } from "./figures.ts";

export interface RequestsBench {
  readonly cluster: Cluster;
  /** Exists; the tasks' pods are made in it. */
  readonly namespace: string;
  readonly image: string;
  readonly sidecarImage: string;
  /** Address of this host for pods, if they can reach it: else the service reads journals, which is one call more. */
  readonly host: string | undefined;
  readonly tasks: number;
}

/** A service outside the cluster, whose calls go through a proxy that counts them; watches and lists are left out. */
export async function benchRequests(bench: RequestsBench): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "tespod-bench-"));
  const proxy = await countingProxy(bench.cluster.kubeconfig);
  try {
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, kubeconfigText({ server: proxy.url, "insecure-skip-tls-verify": true }, {}));
    const internalPort = await freePort();
    await using service = await startService([], {
      KUBECONFIG: kubeconfig,
      TESPOD_HOST: "0.0.0.0",
      TESPOD_INTERNAL_PORT: String(internalPort),
      TESPOD_NAMESPACE: bench.namespace,
      TESPOD_INSTANCE: "bench-requests",
      TESPOD_SIDECAR_IMAGE: bench.sidecarImage,
      TESPOD_DATABASE: join(folder, "tes.db"),
      ...(bench.host === undefined ? {} : { TESPOD_CALLBACK_URL: `http://${bench.host}:${internalPort}` }),
    });
    const tes = createTesClient(service.url);
    const counts: number[] = [];
    for (let task = 0; task < bench.tasks; task++) {
      const before = proxy.count();
      const id = await tes.create({ executors: [{ image: bench.image, command: ["true"] }] });
      await tes.wait(id);
      // What is owed after the end, the removal of the pod, is part of it.
      await Bun.sleep(2000);
      counts.push(proxy.count() - before);
    }
    return [figure("burst", "calls of the API server by the service, for one no-op task", "", counts)];
  } finally {
    proxy.stop();
    rmSync(folder, { recursive: true });
  }
}

async function countingProxy(kubeconfig: string) {
  const { server: base, ca, cert, key } = await readEntry(kubeconfig);
  const upstream = createTlsFetch({ ca, cert, key, skipVerify: false });
  let count = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const isListOrWatch = request.method === "GET" && pathname.endsWith("/pods");
      if (!isListOrWatch) count += 1;
      const body = request.method === "GET" ? undefined : await request.text();
      const { method, signal } = request;
      const headers = { "content-type": request.headers.get("content-type") ?? "application/json" };
      const answer = await upstream.fetch(`${base}${pathname}${search}`, {
        method,
        headers,
        signal,
        ...(body ? { body } : {}),
      });
      return new Response(answer.body, {
        status: answer.status,
        headers: { "content-type": answer.headers.get("content-type") ?? "application/json" },
      });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    count: () => count,
    stop: () => {
      server.stop(true);
      upstream.close();
    },
  };
}
