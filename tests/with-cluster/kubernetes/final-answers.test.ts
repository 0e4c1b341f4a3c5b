// Every answer of a real API server to a create that will not change: each is "refused", which ends the task.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Pod, V1PodSpec } from "@kubernetes/client-node";
import { type Cluster, ClusterError } from "../../../src/cluster/cluster.ts";
import { kubernetesCluster } from "../../../src/cluster/kubernetes-cluster.ts";
import { coreApi, type Transport } from "../../../src/cluster/transport.ts";
import { findCluster } from "../../cluster/cluster.ts";
import { makeCertificates } from "../../filer/certificates.ts";
import { startWebhook, type Webhook } from "./admission-webhook.ts";
import {
  findKubeconfig,
  idlePod,
  makeNamespace,
  never,
  type ScratchNamespace,
  transportOf,
} from "./support.ts";

const kubeconfig = await findKubeconfig();
/** Whether the API server reaches this host by the loopback. */
const onHost = (await findCluster())?.kind === "local";

/** A pod of which the request is about so large. */
const sized = (name: string, bytes: number): V1Pod => {
  const pod = idlePod(name);
  const part = "a".repeat(1000);
  const env = Array.from({ length: Math.round(bytes / 1030) }, (_, index) => ({
    name: `V${index}`,
    value: part,
  }));
  return withSpec(pod, { containers: [{ ...pod.spec?.containers[0], name: "main", env }] });
};

const withSpec = (pod: V1Pod, spec: Partial<V1PodSpec>): V1Pod => ({
  ...pod,
  spec: { containers: [], ...pod.spec, ...spec },
});

describe.skipIf(kubeconfig === undefined)("a create that is refused for good", () => {
  let admin: Transport;
  let namespace: ScratchNamespace;
  let cluster: Cluster;

  beforeAll(async () => {
    admin = transportOf(kubeconfig ?? "");
    namespace = await makeNamespace(admin);
    cluster = kubernetesCluster(admin, namespace.name);
  });

  afterAll(async () => {
    await namespace[Symbol.asyncDispose]();
    admin.close();
  });

  const answerTo = async (pod: V1Pod, there = cluster): Promise<ClusterError> => {
    const error: unknown = await there.createPod(pod, never).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ClusterError);
    return error as ClusterError;
  };

  test.each([
    { title: "a pod that etcd takes no more", bytes: 1_700_000, words: "etcdserver: request is too large" },
    {
      title: "a pod that the API server's client of etcd takes no more",
      bytes: 2_500_000,
      words: "trying to send message larger than max",
    },
    { title: "a pod that the API server takes no more", bytes: 3_500_000, words: "Request entity too large" },
  ])("$title", async ({ bytes, words }) => {
    expect(await answerTo(sized("large", bytes))).toMatchObject({
      kind: "refused",
      message: expect.stringContaining(words),
    });
  });

  test("a Secret that is too large", async () => {
    const secret = { metadata: { name: "large" }, stringData: { plan: "a".repeat(1_100_000) } };
    await expect(cluster.createSecret(secret, never)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("Too long"),
    });
  });

  test.each<{ title: string; pod: V1Pod; words: string }>([
    {
      title: "a name that Kubernetes does not take",
      pod: idlePod("Upper_Case"),
      words: "metadata.name: Invalid value",
    },
    {
      title: "a pod that is not valid",
      pod: withSpec(idlePod("invalid"), { containers: [{ name: "UPPER" }] }),
      words: "spec.containers[0]",
    },
    {
      title: "a field of the wrong type",
      pod: withSpec(idlePod("typed"), { activeDeadlineSeconds: "soon" as unknown as number }),
      words: "activeDeadlineSeconds",
    },
    {
      title: "a priority class that is not there",
      pod: withSpec(idlePod("priority"), { priorityClassName: "tespod-no-such-class" }),
      words: "no PriorityClass with name tespod-no-such-class was found",
    },
    {
      title: "a runtime class that is not there",
      pod: withSpec(idlePod("runtime"), { runtimeClassName: "tespod-no-such-class" }),
      words: "tespod-no-such-class",
    },
    {
      title: "a service account that is not there",
      pod: withSpec(idlePod("account"), { serviceAccountName: "tespod-no-such-account" }),
      words: 'serviceaccount "tespod-no-such-account" not found',
    },
  ])("$title", async ({ pod, words }) => {
    expect(await answerTo(pod)).toMatchObject({ kind: "refused", message: expect.stringContaining(words) });
  });

  test("a namespace that is not there, and one that is going away", async () => {
    const nowhere = kubernetesCluster(admin, "tespod-no-such-namespace");
    expect(await answerTo(idlePod("x"), nowhere)).toMatchObject({ kind: "refused" });
    const leaving = await makeNamespace(admin);
    const held = idlePod("held");
    const inLeaving = kubernetesCluster(admin, leaving.name);
    await inLeaving.createPod(
      { ...held, metadata: { ...held.metadata, finalizers: ["tespod.test/hold"] } },
      never,
    );
    await leaving[Symbol.asyncDispose]();
    const error = await answerTo(idlePod("x"), inLeaving);
    await admin.send(`${admin.server}/api/v1/namespaces/${leaving.name}/pods/held`, {
      method: "PATCH",
      headers: { "Content-Type": "application/merge-patch+json" },
      body: JSON.stringify({ metadata: { finalizers: null } }),
      signal: never,
    });
    expect(error).toMatchObject({
      kind: "refused",
      message: expect.stringContaining("because it is being terminated"),
    });
  });

  test("a pod that the namespace's security level does not allow, and one beyond its LimitRange", async () => {
    await using strict = await makeNamespace(admin);
    const api = coreApi(admin, never);
    const inStrict = kubernetesCluster(admin, strict.name);
    const limits = [{ type: "Container", max: { cpu: "1" }, default: { cpu: "1" } }];
    await api.createNamespacedLimitRange({
      namespace: strict.name,
      body: { metadata: { name: "small" }, spec: { limits } },
    });
    const large = idlePod("large");
    const container = {
      ...large.spec?.containers[0],
      name: "main",
      resources: { requests: { cpu: "2" }, limits: { cpu: "2" } },
    };
    const exceeding = withSpec(large, { containers: [container] });
    await admin.send(`${admin.server}/api/v1/namespaces/${strict.name}`, {
      method: "PATCH",
      headers: { "Content-Type": "application/merge-patch+json" },
      body: JSON.stringify({ metadata: { labels: { "pod-security.kubernetes.io/enforce": "baseline" } } }),
      signal: never,
    });
    expect(await answerTo(withSpec(idlePod("host"), { hostNetwork: true }), inStrict)).toMatchObject({
      kind: "refused",
      message: expect.stringContaining('violates PodSecurity "baseline:latest"'),
    });
    expect(await answerTo(exceeding, inStrict)).toMatchObject({
      kind: "refused",
      message: expect.stringContaining("maximum cpu usage per Container is 1"),
    });
  });
});

describe.skipIf(!onHost)("an admission webhook", () => {
  let admin: Transport;
  let namespace: ScratchNamespace;
  let webhook: Webhook;

  beforeAll(async () => {
    admin = transportOf(kubeconfig ?? "");
    namespace = await makeNamespace(admin);
    const folder = makeCertificates();
    const [key, certificate] = ["key.pem", "cert.pem"].map((name) =>
      readFileSync(join(folder, name), "utf8"),
    );
    webhook = await startWebhook(admin, namespace.name, { key: key ?? "", certificate: certificate ?? "" });
  });

  afterAll(async () => {
    await webhook[Symbol.asyncDispose]();
    await namespace[Symbol.asyncDispose]();
    admin.close();
  });

  test.each([400, 403, 422, 500, 503])("that denies a pod with %p refuses it", async (code) => {
    webhook.code = code;
    const create = kubernetesCluster(admin, namespace.name).createPod(idlePod("x"), never);
    await expect(create).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("denied the request: not here"),
    });
  });

  test("that gives no answer is to be asked again", async () => {
    webhook.code = undefined;
    const create = kubernetesCluster(admin, namespace.name).createPod(idlePod("x"), never);
    await expect(create).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("failed calling webhook"),
    });
  });
});
