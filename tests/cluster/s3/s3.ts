/** The S3 server as a Deployment, for clusters whose pods cannot reach this host. */
import type { Cluster, S3Server } from "../cluster.ts";
import { s3Keys } from "../local/daemons.ts";
import type { Settings } from "../settings.ts";
import { ensureS3Image, s3Image } from "./s3-image.ts";

/** Namespace of everything that the harness itself puts into a cluster. */
export const s3Namespace = "tespod-test";

/** Name of the Service. */
export const s3Service = "s3";

/** Its port inside the cluster. */
export const s3Port = 9000;

/** Its port on every node, when it is a NodePort. */
export const s3NodePort = 30_900;

/** How to reach the server: through a port of this host, or by the Service's name. */
export function s3Server(settings: Settings): S3Server {
  return {
    endpointFromHost: `http://127.0.0.1:${settings.ports.s3}`,
    endpointFromPods: `http://${s3Service}.${s3Namespace}.svc.cluster.local:${s3Port}`,
    ...s3Keys,
    region: "us-east-1",
  };
}

/** Builds and loads the server's image unless it was, applies its objects and waits until it is ready. Idempotent. */
export async function ensureS3(
  settings: Settings,
  cluster: Cluster,
  type: "NodePort" | "ClusterIP",
): Promise<void> {
  // The image first: a pod that misses it is tried again only after a growing pause.
  await ensureS3Image(settings, cluster);
  const list = { apiVersion: "v1", kind: "List", items: manifests(type) };
  await cluster.kubectl(["apply", "-f", "-"], { input: JSON.stringify(list) });
  await cluster.kubectl(["rollout", "status", "deployment/s3", "--namespace", s3Namespace, "--timeout=120s"]);
}

function manifests(type: "NodePort" | "ClusterIP"): object[] {
  const metadata = { name: s3Service, namespace: s3Namespace };
  const labels = { app: s3Service };
  const port = { port: s3Port, targetPort: s3Port, ...(type === "NodePort" ? { nodePort: s3NodePort } : {}) };
  const template = { metadata: { labels }, spec: podSpec() };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: s3Namespace } },
    { apiVersion: "v1", kind: "Service", metadata, spec: { type, selector: labels, ports: [port] } },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: { selector: { matchLabels: labels }, template },
    },
  ];
}

function podSpec(): object {
  const environment = {
    MINIO_ROOT_USER: s3Keys.accessKeyId,
    MINIO_ROOT_PASSWORD: s3Keys.secretAccessKey,
    MINIO_BROWSER: "off",
    MINIO_UPDATE: "off",
    HOME: "/data",
  };
  const container = {
    name: "s3",
    image: s3Image,
    imagePullPolicy: "Never",
    args: ["server", "--quiet", "--address", `:${s3Port}`, "/data/objects"],
    env: Object.entries(environment).map(([name, value]) => ({ name, value })),
    readinessProbe: { httpGet: { path: "/minio/health/live", port: s3Port }, periodSeconds: 1 },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    volumeMounts: [{ name: "data", mountPath: "/data" }],
  };
  return {
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [container],
    volumes: [{ name: "data", emptyDir: {} }],
  };
}
