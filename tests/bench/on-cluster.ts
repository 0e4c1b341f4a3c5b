// The benches that need a cluster: what they measure, and the deployments they measure it on.
import { connectKubernetes } from "../../src/cluster/kubernetes.ts";
import { type Cluster, ensureCluster } from "../cluster/cluster.ts";
import { buildImages, images } from "../cluster/images.ts";
import { type Deployed, deploy } from "../support/deploy.ts";
import { connectS3 } from "../support/s3.ts";
import { untilNothingIsLeft } from "../with-cluster/e2e/tasks.ts";
import { benchBurst } from "./burst.ts";
import { benchExecutors } from "./executors.ts";
import type { Figure } from "./figures.ts";
import { benchLatency, type Contender } from "./latency.ts";
import { benchRequests } from "./requests.ts";
import { startSlowRegistry } from "./slow-registry.ts";
import { benchStaging, type StagingBench } from "./staging.ts";
import { benchStarts } from "./starts.ts";

const image = "localhost/busybox:1";
const bucket = "tespod-bench";
/** What is staged while an image is pulled, and how long its registry takes. */
const [largeMib, pullSeconds] = [1024, 4];

/** A no-op task, and one with 1 KiB from S3 and back, staged by the init container and by the supervisor; emptyDir. */
export async function* runLatency(rounds: number): AsyncGenerator<Figure> {
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
    yield* await benchLatency({ pods, image, rounds, contenders });
  } finally {
    await Promise.allSettled(deployed.map((one) => one.remove()));
  }
}

/** A large input and an image that the node has to pull, slowly. */
export async function* runStaging(rounds: number): AsyncGenerator<Figure> {
  const cluster = await ensureCluster();
  if (cluster.kind !== "local") throw new Error("The node must be this host, as the registry is on loopback");
  await buildImages(cluster);
  const s3 = connectS3(cluster.s3);
  await s3.put(await s3.bucket(bucket), "large", Buffer.alloc(largeMib * 2 ** 20));
  await using registry = await startSlowRegistry(pullSeconds);
  await using stack = new AsyncDisposableStack();
  const services: StagingBench["services"][number][] = [];
  for (const staging of ["init", "supervisor"]) {
    const settings = { TESPOD_WORK_VOLUME: "emptyDir", TESPOD_STAGING: staging };
    const { tes, remove } = await deploy(cluster, { namespace: `tespod-bench-${staging}`, settings });
    stack.defer(remove);
    services.push({ staging, tes });
  }
  const what = `${largeMib} MiB from S3 and an image of ${pullSeconds} s`;
  yield* await benchStaging({ services, registry, rounds, url: `s3://${bucket}/large`, what });
}

/** So many no-op tasks at once against bare pods, and what one costs in calls of the API server. */
export async function* runBurst(tasks: number, rounds: number): AsyncGenerator<Figure> {
  const cluster = await ensureCluster();
  await buildImages(cluster);
  // The node of the tests is small: the tasks are to be held back by what they cost, not by what they ask for.
  const settings = { TESPOD_DEFAULT_CPU_CORES: "0.001", TESPOD_DEFAULT_RAM_GB: "0.01" };
  const deployed = await deploy(cluster, { namespace: "tespod-bench-burst", settings });
  const { namespace, tes } = deployed;
  try {
    const pods = connectKubernetes({ kubeconfig: cluster.kubeconfig, namespace });
    const settled = () => untilNothingIsLeft(deployed, 300);
    const sidecarImage = images.sidecar;
    const host = cluster.kind === "local" ? new URL(cluster.s3.endpointFromPods).hostname : undefined;
    yield* await benchRequests({ cluster, namespace, image, sidecarImage, host, tasks: 10 });
    yield* await benchBurst({ pods, tes, settled, image, sidecarImage, tasks, rounds });
  } finally {
    await deployed.remove();
  }
}

/** One service with the defaults; the starts of sidecar and gate without it. */
export async function* runExecutors(rounds: number): AsyncGenerator<Figure> {
  const cluster = await ensureCluster();
  await buildImages(cluster);
  yield* await benchStarts("executors", rounds);
  const deployed = await deploy(cluster, { namespace: "tespod-bench-executors" });
  try {
    yield* benchExecutors({ deployed, rounds });
  } finally {
    await deployed.remove();
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
