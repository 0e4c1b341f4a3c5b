// An admission webhook for the pods of one namespace, which denies them all. It wants an API server on this host.
import { setTimeout as sleep } from "node:timers/promises";
import type { Transport } from "../../../src/cluster/transport.ts";
import { base64, idlePod, never } from "./support.ts";

export interface Webhook extends AsyncDisposable {
  /** The code that it denies with; without one it answers what no API server understands. */
  code: number | undefined;
}

interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const tries = 300;

/** Returns once the API server asks it. */
export async function startWebhook(
  admin: Transport,
  namespace: string,
  { key, certificate }: Certificate,
): Promise<Webhook> {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key, cert: certificate },
    async fetch(request) {
      const review = (await request.json()) as { request: { uid: string } };
      if (webhook.code === undefined) return new Response("out of order", { status: 500 });
      const status = { code: webhook.code, message: "not here" };
      return Response.json({
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: { uid: review.request.uid, allowed: false, status },
      });
    },
  });
  const send = async (path: string, method: string, body: object): Promise<Response> =>
    await admin.send(`${admin.server}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: never,
    });
  const name = `${namespace}.tespod.test`;
  const webhook: Webhook = {
    code: 403,
    [Symbol.asyncDispose]: async () => {
      await send(`${configurations}/${name}`, "DELETE", {});
      await server.stop(true);
    },
  };
  await send(configurations, "POST", {
    metadata: { name },
    webhooks: [
      {
        name,
        clientConfig: { url: `https://127.0.0.1:${server.port}/`, caBundle: base64(certificate) },
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        failurePolicy: "Fail",
        timeoutSeconds: 5,
      },
    ],
  });
  for (let count = 0; count < tries; count += 1) {
    const refusal = await send(
      `/api/v1/namespaces/${namespace}/pods?dryRun=All`,
      "POST",
      idlePod("probe"),
    ).then(() => "", String);
    if (refusal.includes("denied the request")) return webhook;
    await sleep(100);
  }
  await webhook[Symbol.asyncDispose]();
  throw new Error("The API server does not ask the webhook");
}
