/** What every kind of test cluster must do for the tests that use it. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { findCluster } from "./cluster.ts";
import { ensureImage } from "./image.ts";
import { ensureBusybox } from "./images.ts";

const cluster = await findCluster();
if (cluster === undefined) {
  process.stderr.write("skipped: no cluster; run npm run cluster -- up\n");
}

/** Runs a shell script in a pod of busybox to its end and returns what it printed. */
async function runInPod(script: string, image = "localhost/busybox:1"): Promise<string> {
  if (cluster === undefined) {
    throw new Error("Cannot run a pod: there is no cluster");
  }
  const name = `cluster-test-${randomUUID().slice(0, 8)}`;
  const container = { name, image, imagePullPolicy: "Never", command: ["/bin/sh", "-c", script] };
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
  await cluster.kubectl(["create", "-f", "-"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" }, spec }),
  });
  try {
    const phase = "--for=jsonpath={.status.containerStatuses[0].state.terminated}";
    await cluster.kubectl(["wait", "--namespace=default", `pod/${name}`, phase, "--timeout=60s"]);
    return await cluster.kubectl(["logs", "--namespace=default", name]);
  } finally {
    await cluster.kubectl(["delete", "--namespace=default", `pod/${name}`, "--wait=false"]);
  }
}

test.skipIf(cluster === undefined)(
  "pods resolve Services by name",
  async () => {
    if (cluster) {
      await ensureBusybox(cluster);
    }
    expect(await runInPod("nslookup kubernetes.default.svc.cluster.local")).toContain("Address: 10.96.0.1\n");
  },
  90_000,
);

test.skipIf(cluster === undefined)(
  "host and pods reach the same S3 server",
  async () => {
    const { endpointFromHost = "", endpointFromPods = "" } = cluster?.s3 ?? {};
    const fromHost = await fetch(`${endpointFromHost}/minio/health/live`);
    expect(fromHost.status).toBe(200);
    const { hostname, port } = new URL(endpointFromPods);
    const request = "printf 'GET /minio/health/live HTTP/1.0\\r\\nHost: s3\\r\\n\\r\\n'";
    expect(await runInPod(`(${request}; sleep 2) | nc ${hostname} ${port}`)).toStartWith("HTTP/1.0 200 OK");
  },
  90_000,
);

test.skipIf(cluster === undefined)(
  "an image built for a test replaces the one of its name",
  async () => {
    const name = "localhost/tespod-cluster-test:1";
    for (const text of ["one", "two"]) {
      const containerfile = "FROM localhost/busybox:1\nCOPY text /text\n";
      if (cluster) {
        await ensureImage(cluster, { name, containerfile, context: { text: { text } } });
      }
      expect(await runInPod("cat /text", name)).toBe(text);
    }
  },
  180_000,
);
