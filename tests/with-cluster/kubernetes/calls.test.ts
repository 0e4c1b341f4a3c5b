// Each call of Cluster against a real API server: what it does, what it says when refused, and what it costs in connections.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Cluster, ClusterError } from "../../../src/cluster/cluster.ts";
import { connectKubernetes } from "../../../src/cluster/kubernetes.ts";
import { kubernetesCluster } from "../../../src/cluster/kubernetes-cluster.ts";
import { podSource } from "../../../src/cluster/pod-source.ts";
import { coreApi, type Transport } from "../../../src/cluster/transport.ts";
import {
  adminKubeconfig,
  base64,
  findKubeconfig,
  idlePod,
  kubeconfigText,
  makeNamespace,
  makeScratch,
  never,
  podName,
  readEntry,
  type Scratch,
  type ScratchNamespace,
  transportOf,
} from "./support.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const kubeconfig = await findKubeconfig();

describe.skipIf(kubeconfig === undefined)("calls to the API server", () => {
  let scratch: Scratch;
  let admin: Transport;
  let namespace: ScratchNamespace;
  let cluster: Cluster;

  beforeAll(async () => {
    scratch = makeScratch();
    admin = transportOf(kubeconfig ?? "");
    namespace = await makeNamespace(admin);
    cluster = connectKubernetes({ kubeconfig, namespace: namespace.name });
  });

  afterAll(async () => {
    await namespace[Symbol.asyncDispose]();
    scratch[Symbol.dispose]();
    admin.close();
  });

  async function errorOf(promise: Promise<unknown>): Promise<ClusterError> {
    const error = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ClusterError);
    return error as ClusterError;
  }

  describe("a pod", () => {
    test("is created, read, and deleted; then it is not there", async () => {
      const created = await cluster.createPod(idlePod("life"), never);
      expect(created.metadata?.creationTimestamp).toBeInstanceOf(Date);
      expect((await cluster.getPod("life", never))?.metadata?.uid).toBe(created.metadata?.uid ?? "");
      await cluster.deletePod("life", { graceSeconds: 0 }, never);
      expect(await cluster.getPod("life", never)).toBeUndefined();
    });

    test("created twice is the first one, unchanged", async () => {
      const first = await cluster.createPod(idlePod("twice", { attempt: "first" }), never);
      const second = await cluster.createPod(idlePod("twice", { attempt: "second" }), never);
      expect(second.metadata?.uid).toBe(first.metadata?.uid ?? "");
      expect(second.metadata?.labels).toEqual({ attempt: "first" });
    });

    test("created ten times at once is one pod", async () => {
      const pods = await Promise.all(
        Array.from({ length: 10 }, () => cluster.createPod(idlePod("crowd"), never)),
      );
      expect(new Set(pods.map((pod) => pod.metadata?.uid)).size).toBe(1);
    });

    test("whose earlier namesake is going away is to be tried again later", async () => {
      const pod = idlePod("going");
      await cluster.createPod(
        { ...pod, metadata: { ...pod.metadata, finalizers: ["tespod.test/hold"] } },
        never,
      );
      await cluster.deletePod("going", { graceSeconds: 0 }, never);
      const error = await errorOf(cluster.createPod(pod, never));
      expect(error).toMatchObject({
        kind: "unavailable",
        message: 'Cannot create pod "going": an earlier pod of that name is going away',
      });
      const patch = await admin.send(`${admin.server}/api/v1/namespaces/${namespace.name}/pods/going`, {
        method: "PATCH",
        headers: { "Content-Type": "application/merge-patch+json" },
        body: JSON.stringify({ metadata: { finalizers: null } }),
        signal: never,
      });
      expect(patch.status).toBe(200);
    });

    test("that is gone can be deleted again", async () => {
      await cluster.deletePod("was-never-there", { graceSeconds: 0 }, never);
      await cluster.deletePod("was-never-there", { graceSeconds: 0, uid: crypto.randomUUID() }, never);
      expect(await cluster.getPod("was-never-there", never)).toBeUndefined();
    });

    test("is not deleted by the uid of another", async () => {
      const pod = await cluster.createPod(idlePod("uid"), never);
      await cluster.deletePod("uid", { graceSeconds: 0, uid: crypto.randomUUID() }, never);
      expect((await cluster.getPod("uid", never))?.metadata?.uid).toBe(pod.metadata?.uid ?? "");
      await cluster.deletePod("uid", { graceSeconds: 0, uid: pod.metadata?.uid }, never);
      expect(await cluster.getPod("uid", never)).toBeUndefined();
    });

    test("without a name is refused before anything is sent", async () => {
      await expect(cluster.createPod({ spec: { containers: [] } }, never)).rejects.toThrow(TypeError);
    });
  });

  test("a secret is created once and read", async () => {
    const first = await cluster.createSecret({ metadata: { name: "s" }, stringData: { plan: "one" } }, never);
    const again = await cluster.createSecret({ metadata: { name: "s" }, stringData: { plan: "two" } }, never);
    expect(again.metadata?.uid).toBe(first.metadata?.uid ?? "");
    expect((await cluster.getSecret("s", never))?.data).toEqual({ plan: btoa("one") });
    expect(await cluster.getSecret("none", never)).toBeUndefined();
  });

  describe("a refusal says why", () => {
    test("an invalid pod", async () => {
      const pod = idlePod("invalid");
      const error = await errorOf(
        cluster.createPod({ ...pod, spec: { containers: [{ name: "UPPER" }] } }, never),
      );
      expect(error.kind).toBe("refused");
      expect(error.message).toMatch(
        /^Cannot create pod "invalid": Pod "invalid" is invalid: .*spec\.containers\[0\]/,
      );
    });

    test("a namespace that does not exist", async () => {
      const elsewhere = kubernetesCluster(admin, "tespod-no-such-namespace");
      expect(await errorOf(elsewhere.createPod(idlePod("x"), never))).toMatchObject({
        kind: "refused",
        message: 'Cannot create pod "x": namespaces "tespod-no-such-namespace" not found',
      });
    });

    test("an exhausted quota", async () => {
      await using full = await makeNamespace(admin);
      const quota = { metadata: { name: "none" }, spec: { hard: { pods: "0" } } };
      await coreApi(admin, never).createNamespacedResourceQuota({ namespace: full.name, body: quota });
      const inFull = kubernetesCluster(admin, full.name);
      // It takes the API server a moment to see the quota, and then another one to count what it holds.
      const tryOnce = (count: number) =>
        inFull.createPod(idlePod(`x-${count}`), never).then(
          () => undefined,
          (reason: unknown) => reason as ClusterError,
        );
      let tries = 0;
      let error = await tryOnce(tries);
      while (error?.message.includes("exceeded quota") !== true && tries < 100) {
        tries += 1;
        error = await tryOnce(tries);
      }
      expect(error).toMatchObject({
        kind: "quota",
        message: expect.stringContaining("exceeded quota: none"),
      });
    });

    test("a role that is not bound", async () => {
      const { status } = await coreApi(admin, never).createNamespacedServiceAccountToken({
        name: "default",
        namespace: namespace.name,
        body: { spec: { audiences: [] } },
      });
      const entry = await readEntry(kubeconfig ?? "");
      const path = scratch.write(
        "unprivileged",
        kubeconfigText(
          { server: entry.server, "certificate-authority-data": base64(entry.ca) },
          { token: status?.token },
        ),
      );
      const unprivileged = connectKubernetes({ kubeconfig: path, namespace: namespace.name });
      const error = await errorOf(unprivileged.createPod(idlePod("x"), never));
      expect(error.kind).toBe("unavailable");
      expect(error.message).toContain('cannot create resource "pods"');
      expect((await errorOf(unprivileged.getPod("x", never))).kind).toBe("unavailable");
    });
  });

  test("a list comes in pages", async () => {
    const names = ["page-1", "page-2", "page-3", "page-4", "page-5"];
    await Promise.all(names.map((name) => cluster.createPod(idlePod(name, { app: "pages" }), never)));
    const source = podSource(admin, namespace.name, "app=pages");
    const first = await source.list({ limit: 2, continueToken: undefined }, never);
    expect(first.items.map(podName)).toEqual(["page-1", "page-2"]);
    const second = await source.list({ limit: 2, continueToken: first.metadata?._continue }, never);
    expect(second.items.map(podName)).toEqual(["page-3", "page-4"]);
    expect(second.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion ?? "");
  });

  describe("through a proxy that counts", () => {
    let proxy: TcpProxy;
    let transport: Transport;

    beforeAll(async () => {
      const entry = await readEntry(kubeconfig ?? "");
      proxy = await startTcpProxy(entry);
      const text = adminKubeconfig(entry, `https://127.0.0.1:${proxy.port}`);
      transport = transportOf(scratch.write("proxied", text));
    });

    afterAll(async () => {
      transport.close();
      await proxy[Symbol.asyncDispose]();
    });

    test("two hundred calls one after the other share one connection", async () => {
      const proxied = kubernetesCluster(transport, namespace.name);
      await proxied.getPod("x", never);
      const before = proxy.opened;
      for (let call = 0; call < 200; call++) await proxied.getPod("x", never);
      expect(proxy.opened - before).toBe(0);
    });

    test("two hundred calls at once all succeed, and leave connections to use again", async () => {
      const proxied = kubernetesCluster(transport, namespace.name);
      const pods = await Promise.all(Array.from({ length: 200 }, () => proxied.getPod("x", never)));
      expect(pods).toHaveLength(200);
      const before = proxy.opened;
      await Promise.all(Array.from({ length: 20 }, () => proxied.getPod("x", never)));
      expect(proxy.opened - before).toBe(0);
    });

    test("a kept connection that was cut meanwhile costs no call", async () => {
      const proxied = kubernetesCluster(transport, namespace.name);
      await proxied.getPod("x", never);
      proxy.cut();
      expect(await proxied.getPod("x", never)).toBeUndefined();
      proxy.cut();
      const pod = await proxied.createPod(idlePod("after-a-cut"), never);
      expect(podName(pod)).toBe("after-a-cut");
    });

    test("an answer that never comes is unavailable after the bound", async () => {
      const hasty = kubernetesCluster(transport, namespace.name, 0.2);
      await hasty.getPod("x", never);
      proxy.freeze();
      expect(await errorOf(hasty.getPod("x", never))).toMatchObject({
        kind: "unavailable",
        message: 'Cannot read pod "x": No answer in 0.2 s',
      });
    });

    test("the caller's signal ends a call at once, with its reason", async () => {
      const proxied = kubernetesCluster(transport, namespace.name);
      await proxied.getPod("x", never);
      proxy.freeze();
      const ending = new AbortController();
      const call = proxied.getPod("x", ending.signal);
      ending.abort(new Error("shutting down"));
      await expect(call).rejects.toThrow("shutting down");
      await expect(proxied.getPod("x", ending.signal)).rejects.toThrow("shutting down");
    });

    test("an API server that is away is unavailable, with the cause", async () => {
      const proxied = kubernetesCluster(transport, namespace.name);
      await proxy.refuse();
      const error = await errorOf(proxied.createPod(idlePod("away"), never));
      expect(error.kind).toBe("unavailable");
      expect(error.cause).toBeInstanceOf(Error);
      await proxy.listen();
      expect(await proxied.getPod("away", never)).toBeUndefined();
    });
  });
});
