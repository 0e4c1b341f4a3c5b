// The benches that need a cluster: what they measure, and the deployments they measure it on.
import { connectKubernetes } from "../../src/cluster/kubernetes.ts";
import { type Cluster, ensureCluster } from "../cluster/cluster.ts";
import { buildImages } from "../cluster/images.ts";
import { type Deployed, deploy } from "../support/deploy.ts";
import { connectS3 } from "../support/s3.ts";
import type { Figure } from "./figures.ts";
import { benchLatency, type Contender } from "./latency.ts";

const image = "localhost/busybox:1";
const bucket = "tespod-bench";

/** A no-op task, and one with 1 KiB from S3 and back, staged by the init container and by the supervisor; emptyDir. */
export async function runLatency(rounds: number): Promise<Figure[]> {
  const cluster = await ensureCluster();
  await buildImages(cluster);
  await putInput(cluster);
  const deployed: Deployed[] = [];
  try {
    for (const staging of ["init", "supervisor"]) {
      const settings = { TESPOD_WORK_VOLUME: "emptyDir", TESPOD_STAGING: staging };
      deployed.push(await deploy(cluster, { namespace: `tespod-bench-${staging}`, settings }));
    }
    const [init, supervisor] = deployed;
    if (init === undefined || supervisor === undefined) throw new Error("Services are missing");
    const pods = connectKubernetes({ kubeconfig: cluster.kubeconfig, namespace: init.namespace });
    const contenders: Contender[] = [
      { name: "no-op", tes: init.tes, make: () => ({ executors: [{ image, command: ["true"] }] }) },
      { name: "1 KiB, staged by init container", tes: init.tes, make: copyTask },
      { name: "1 KiB, staged by supervisor", tes: supervisor.tes, make: copyTask },
    ];
    return await benchLatency({ pods, image, rounds, contenders });
  } finally {
    await Promise.allSettled(deployed.map((one) => one.remove()));
  }
}

async function putInput(cluster: Cluster): Promise<void> {
  const s3 = connectS3(cluster.s3);
  await s3.put(await s3.bucket(bucket), "in", "x".repeat(1024));
}

const copyTask = (round: number): object => ({
  inputs: [{ url: `s3://${bucket}/in`, path: "/in/file" }],
  outputs: [{ url: `s3://${bucket}/out-${round}`, path: "/out/file" }],
  executors: [{ image, command: ["cp", "/in/file", "/out/file"] }],
});
