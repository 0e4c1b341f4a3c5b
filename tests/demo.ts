// npm run demo: a cluster, the service in it, one task with S3 inputs and outputs, and its result.

import { type Cluster, ensureCluster } from "./cluster/cluster.ts";
import { buildImages } from "./cluster/images.ts";
import { deploy } from "./support/deploy.ts";
import { connectS3 } from "./support/s3.ts";

const bucket = "tespod-demo";

const help = `Usage: npm run demo

Brings a Kubernetes cluster up if there is none (KUBECONFIG, else kind, else a local one), deploys the service into it,
runs a task of two executors with inputs from S3 and outputs to S3 in one pod, and shows the result.
The cluster and the service stay: npm run cluster -- down ends them.
`;

const started = Date.now();
const say = (message: string) =>
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(7)} s  ${message}`);

/** Counts the words of two texts: the first executor joins them, the second counts. */
const demoTask = {
  name: "word count",
  description: "Joins two texts and counts their words",
  inputs: [
    { url: `s3://${bucket}/in/one.txt`, path: "/data/in/one.txt" },
    { url: `s3://${bucket}/in/two.txt`, path: "/data/in/two.txt" },
  ],
  outputs: [
    { url: `s3://${bucket}/out/all.txt`, path: "/data/out/all.txt" },
    { url: `s3://${bucket}/out/count.txt`, path: "/data/out/count.txt" },
  ],
  volumes: ["/data/out"],
  executors: [
    {
      image: "localhost/busybox:1",
      command: ["sh", "-c", "cat /data/in/*.txt; sleep 1"],
      stdout: "/data/out/all.txt",
    },
    {
      image: "localhost/busybox:1",
      command: ["wc", "-w"],
      stdin: "/data/out/all.txt",
      stdout: "/data/out/count.txt",
    },
  ],
};

async function main(): Promise<void> {
  if (process.argv.includes("--help")) return void process.stdout.write(help);
  say("Looking for a cluster");
  const cluster = await ensureCluster();
  say(`Cluster: ${cluster.kind} (${cluster.kubeconfig})`);
  await buildImages(cluster);
  say("Images are in the cluster");
  await putInputs(cluster);
  const { tes, kubectl, url, disconnect } = await deploy(cluster, { restart: true });
  say(`Service: ${url}`);
  say("Everybody who reaches it may use it: TESPOD_AUTH=none, as this cluster is for trying things out");

  const id = await tes.create(demoTask);
  say(`Task ${id} created`);
  let pods = "";
  const task = await tes.wait(id, {
    seconds: 300,
    onState: (state) => {
      say(`  ${state}`);
      if (state === "RUNNING")
        void kubectl(["get", "pods", "-l", "tespod/task"]).then((text) => (pods = text));
    },
  });
  const [log] = task.logs ?? [];
  for (const line of log?.system_logs ?? []) console.log(`           ${line}`);
  console.log(
    `           While it ran, its pods were:\n${pods.replaceAll(/^/gm, "             ").trimEnd()}`,
  );
  if (task.state !== "COMPLETE")
    throw new Error(`Task ended ${task.state}: ${JSON.stringify(task, undefined, 2)}`);
  const s3 = connectS3(cluster.s3);
  for (const key of ["out/all.txt", "out/count.txt"]) {
    const text = (await s3.get(bucket, key)).toString();
    console.log(`           s3://${bucket}/${key}:\n${text.trimEnd().replaceAll(/^/gm, "             ")}`);
  }
  say("Done. The cluster stays up; npm run cluster -- down ends it.");
  disconnect();
}

async function putInputs(cluster: Cluster): Promise<void> {
  const s3 = connectS3(cluster.s3);
  await s3.bucket(bucket);
  await s3.put(bucket, "in/one.txt", "one pod for each task\n");
  await s3.put(bucket, "in/two.txt", "and nothing left behind\n");
}

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(`Demo failed: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
