// Logs of real containers: the last bytes, whole characters, and the many ways of there being no log.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Cluster } from "../../../src/cluster/cluster.ts";
import { kubernetesCluster } from "../../../src/cluster/kubernetes-cluster.ts";
import type { Transport } from "../../../src/cluster/transport.ts";
import { followLog } from "./follow-log.ts";
import {
  findKubeconfig,
  idlePod,
  makeNamespace,
  never,
  type ScratchNamespace,
  shellPod,
  transportOf,
} from "./support.ts";

const kubeconfig = await findKubeconfig();
const SECONDS = 60_000;

describe.skipIf(kubeconfig === undefined)("the log of a container", () => {
  let transport: Transport;
  let namespace: ScratchNamespace;
  let cluster: Cluster;

  beforeAll(async () => {
    transport = transportOf(kubeconfig ?? "");
    namespace = await makeNamespace(transport);
    cluster = kubernetesCluster(transport, namespace.name);
  });

  afterAll(async () => {
    await namespace[Symbol.asyncDispose]();
    transport.close();
  });

  /** Runs a command in a pod to its end. */
  async function run(name: string, command: string): Promise<void> {
    const ending = new AbortController();
    await cluster.createPod({ ...shellPod(name, command), metadata: { name, labels: { run: name } } }, never);
    for await (const change of cluster.watchPods(
      `run=${name}`,
      { onTrouble: () => undefined },
      ending.signal,
    )) {
      const pods = change.type === "listed" ? change.pods : [change.pod];
      if (pods.some((pod) => pod.status?.containerStatuses?.[0]?.state?.terminated)) break;
    }
    ending.abort();
  }

  test(
    "is whole if it is short, and its last bytes if not",
    async () => {
      await run("lines", "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done");
      const whole = Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join("");
      expect(await cluster.readLog("lines", "main", 1_000_000, never)).toBe(whole);
      expect(await cluster.readLog("lines", "main", whole.length, never)).toBe(whole);
      expect(await cluster.readLog("lines", "main", 100, never)).toBe(whole.slice(-100));
      expect(await cluster.readLog("lines", "main", 1, never)).toBe("\n");
    },
    SECONDS,
  );

  test(
    "of one line without an end, longer than the bound, is its last bytes",
    async () => {
      await run("long", "head -c 200000 /dev/zero | tr '\\0' x; printf END");
      expect(await cluster.readLog("long", "main", 1000, never)).toBe(`${"x".repeat(997)}END`);
    },
    SECONDS,
  );

  test(
    "begins with a whole character where the bound falls into one",
    async () => {
      await run("characters", "printf 'a\\342\\202\\254b'");
      expect(await cluster.readLog("characters", "main", 5, never)).toBe("a€b");
      expect(await cluster.readLog("characters", "main", 4, never)).toBe("€b");
      expect(await cluster.readLog("characters", "main", 3, never)).toBe("b");
      expect(await cluster.readLog("characters", "main", 2, never)).toBe("b");
    },
    SECONDS,
  );

  test(
    "that is empty is an empty text",
    async () => {
      await run("quiet", "true");
      expect(await cluster.readLog("quiet", "main", 1000, never)).toBe("");
    },
    SECONDS,
  );

  test("there is none without a pod or a container, and an empty one before there is a node", async () => {
    await cluster.createPod(idlePod("never-scheduled"), never);
    // The API server has no kubelet to ask yet and answers for itself.
    expect(await cluster.readLog("never-scheduled", "main", 1000, never)).toBe("");
    expect(await cluster.readLog("never-scheduled", "no-such-container", 1000, never)).toBeUndefined();
    expect(await cluster.readLog("no-such-pod", "main", 1000, never)).toBeUndefined();
  });

  test(
    "is empty while the image of the container cannot be had",
    async () => {
      const pod = shellPod("no-image", "true");
      const [container] = pod.spec?.containers ?? [];
      const spec = { ...pod.spec, containers: [{ name: "main", ...container, image: "localhost/none:1" }] };
      const ending = new AbortController();
      await cluster.createPod({ metadata: { name: "no-image", labels: { run: "no-image" } }, spec }, never);
      for await (const change of cluster.watchPods(
        "run=no-image",
        { onTrouble: () => undefined },
        ending.signal,
      )) {
        const pods = change.type === "listed" ? change.pods : [change.pod];
        if (
          pods.some(({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason?.includes("Image"))
        )
          break;
      }
      expect(await cluster.readLog("no-image", "main", 1000, never)).toBe("");
    },
    SECONDS,
  );

  test(
    "comes as it is written, and its signal ends it at once",
    async () => {
      const started = performance.now();
      await cluster.createPod(shellPod("talks", "echo one; sleep 2; echo two; sleep 600"), never);
      const ending = new AbortController();
      const seen: { text: string; atMs: number }[] = [];
      const follow = async () => {
        const ref = { namespace: namespace.name, pod: "talks", container: "main" };
        for await (const chunk of followLog(transport, ref, ending.signal)) {
          seen.push({ text: new TextDecoder().decode(chunk), atMs: performance.now() - started });
          if (seen.length === 2) ending.abort(new Error("enough"));
        }
      };
      // There is no log before the container runs, and no event of the log's own to wait for.
      for (;;) {
        const error = await follow().catch((reason: Error) => reason.message);
        if (error === "enough") break;
        await Bun.sleep(100);
      }
      expect(seen.map(({ text }) => text)).toEqual(["one\n", "two\n"]);
      expect((seen[1]?.atMs ?? 0) - (seen[0]?.atMs ?? 0)).toBeGreaterThan(1000);
    },
    SECONDS,
  );
});
