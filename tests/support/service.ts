// The deployments that end-to-end tests share: made when first asked for, removed when the test run ends.
import { type Cluster, findCluster } from "../cluster/cluster.ts";
import { buildImages } from "../cluster/images.ts";
import { atEnd } from "./cleanups.ts";
import { type Deployed, type DeployOptions, deploy } from "./deploy.ts";

/** The cluster to test on, or undefined after saying how to get one. */
export const cluster: Cluster | undefined = await findCluster();
if (cluster === undefined) {
  console.error(
    "End-to-end tests are skipped: there is no cluster. npm test brings one up; so does npm run cluster -- up; or name one by KUBECONFIG.",
  );
}

/** Once for all of a run: sources do not change under it. */
let built: Promise<unknown> | undefined;
const deployed = new Map<string, Promise<Deployed>>();

/** Makes sure that the cluster has the images of the sources as they are. */
export function ensureImages(): Promise<unknown> {
  if (cluster === undefined) throw new Error("There is no cluster");
  built ??= buildImages(cluster);
  return built;
}

/** The deployment of that namespace, with those settings. */
export function service(options: DeployOptions = {}): Promise<Deployed> {
  const namespace = options.namespace ?? "tespod-e2e";
  const made = deployed.get(namespace) ?? make({ ...options, namespace });
  deployed.set(namespace, made);
  return made;
}

async function make(options: DeployOptions): Promise<Deployed> {
  if (cluster === undefined) throw new Error("There is no cluster");
  await ensureImages();
  // Nothing here is worth waiting five minutes for.
  const settings = { TESPOD_IMAGE_PULL_SECONDS_MAX: "15", ...options.settings };
  // Some twenty of them stay side by side, on a node of two cores that the tasks want for themselves.
  const requests = { cpu: "2m", memory: "32Mi" };
  const made = await deploy(cluster, { requests, ...options, settings, restart: true });
  atEnd(() => made.remove());
  return made;
}
