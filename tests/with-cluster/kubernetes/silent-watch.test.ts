// A watch on which nothing at all comes for a long time is still alive. Alone in its file: npm test gives it ten minutes.
import { expect, test } from "bun:test";
import { kubernetesCluster } from "../../../src/cluster/kubernetes-cluster.ts";
import { coreApi } from "../../../src/cluster/transport.ts";
import {
  adminKubeconfig,
  findKubeconfig,
  idlePod,
  makeNamespace,
  makeScratch,
  never,
  readEntry,
  transportOf,
} from "./support.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

const kubeconfig = await findKubeconfig();
/** npm test asks for more than ten minutes, beside its other tests; alone, this is longer than a watch may be silent here. */
const SILENCE_SECONDS = Number(process.env["TESPOD_TEST_SILENCE_SECONDS"] || 100);

test.concurrent.skipIf(kubeconfig === undefined)(
  `an event arrives after ${SILENCE_SECONDS} s of silence, on the same connection`,
  async () => {
    const entry = await readEntry(kubeconfig ?? "");
    using scratch = makeScratch();
    await using proxy = await startTcpProxy(entry);
    const file = scratch.write("kubeconfig", adminKubeconfig(entry, `https://127.0.0.1:${proxy.port}`));
    const direct = transportOf(kubeconfig ?? "");
    await using namespace = await makeNamespace(direct);
    const transport = transportOf(file);
    const list = await coreApi(direct, never).listNamespacedPod({ namespace: namespace.name });

    // Without bookmarks, which would break the silence once a minute.
    const query = new URLSearchParams({
      watch: "true",
      resourceVersion: list.metadata?.resourceVersion ?? "",
      timeoutSeconds: "1800",
    });
    const ending = new AbortController();
    const url = `${transport.server}/api/v1/namespaces/${namespace.name}/pods?${query}`;
    const response = await transport.send(url, { signal: ending.signal });
    const reader = response.body?.getReader();
    const first = reader?.read();
    const bytesBefore = proxy.bytesDown;

    // The one place where time itself is under test: no event can stand for it.
    await Bun.sleep(SILENCE_SECONDS * 1000);
    expect(proxy.bytesDown).toBe(bytesBefore);
    await kubernetesCluster(direct, namespace.name).createPod(idlePod("after-the-silence"), never);
    const chunk = await first;
    expect(new TextDecoder().decode(chunk?.value)).toContain('"type":"ADDED"');
    expect(proxy.opened).toBe(1);
    ending.abort();
    transport.close();
    direct.close();
  },
  (SILENCE_SECONDS + 60) * 1000,
);

const RELIST_SECONDS = 600;
if (SILENCE_SECONDS <= RELIST_SECONDS) {
  console.error(
    `The relist of ten minutes is not waited for: TESPOD_TEST_SILENCE_SECONDS is ${SILENCE_SECONDS}; npm test sets it to more.`,
  );
}

test.concurrent.skipIf(kubeconfig === undefined || SILENCE_SECONDS <= RELIST_SECONDS)(
  "a watch of pods that the relist of ten minutes has passed still tells of the next pod, once",
  async () => {
    const transport = transportOf(kubeconfig ?? "");
    await using namespace = await makeNamespace(transport);
    const cluster = kubernetesCluster(transport, namespace.name);
    const ending = new AbortController();
    const troubles: string[] = [];
    const watch = cluster.watchPods(
      "app=silent",
      { onTrouble: (error) => troubles.push(error.message) },
      ending.signal,
    );
    const changes = watch[Symbol.asyncIterator]();
    expect((await changes.next()).value).toMatchObject({ type: "listed", pods: [] });
    expect((await changes.next()).value).toMatchObject({ type: "listed", pods: [] });
    await cluster.createPod(idlePod("after-the-relist", { app: "silent" }), never);
    expect((await changes.next()).value).toMatchObject({
      type: "changed",
      pod: { metadata: { name: "after-the-relist" } },
    });
    expect(troubles).toEqual([]);
    ending.abort();
    await expect(changes.next()).rejects.toThrow();
    transport.close();
  },
  (SILENCE_SECONDS + 60) * 1000,
);
