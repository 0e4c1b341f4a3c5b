/** The Kubernetes cluster that tests run against: found without side effects, or brought up. */
import { existsSync, readFileSync } from "node:fs";
import { bringUpGiven, givenCluster } from "./given/given.ts";
import { bringUpKind, canUseKind, findKind } from "./kind/kind.ts";
import { paths } from "./local/config-files.ts";
import { isHealthy } from "./local/health.ts";
import { localCluster } from "./local/local-cluster.ts";
import { bringUp } from "./local/up.ts";
import { readSettings, type Settings } from "./settings.ts";

/** A cluster to test against. Its methods may be called concurrently; none is retried. */
export type Cluster = {
  /** Whose cluster it is: named by KUBECONFIG, made with kind, or made from host processes. */
  kind: "kubeconfig" | "kind" | "local";
  /** Path of a kubeconfig file whose current context is the cluster. */
  kubeconfig: string;
  /** Makes the images of these archives (docker-archive or OCI) known to every node. Idempotent. */
  loadImages(archives: string[]): Promise<void>;
  /** An S3 server that this host and pods both reach, under different addresses. */
  s3: S3Server;
  /** Runs kubectl against the cluster and returns what it printed; throws what it complained. */
  kubectl(args: string[], options?: { input?: string }): Promise<string>;
};

/** How to reach the S3 server; path-style addressing, plain HTTP. */
export type S3Server = {
  endpointFromHost: string;
  endpointFromPods: string;
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
};

/**
 * The cluster that is there to use: the one KUBECONFIG names, else our local one if it is healthy, else a running kind
 * cluster of ours. Never the current context of the user's own configuration. Changes nothing, so the S3 server of a
 * cluster that `ensureCluster` did not prepare may be missing.
 */
export async function findCluster(settings: Settings = readSettings()): Promise<Cluster | undefined> {
  const given = explicitKubeconfig(settings);
  if (given !== undefined) {
    return await givenCluster(settings, given);
  }
  return (await isHealthy(settings)) ? localCluster(settings) : await findKind(settings);
}

/**
 * The same cluster, brought up if need be: takes a second when it is up, half a minute when it must start, and minutes
 * when its programs must first be built. Idempotent. Throws with the reason and what to do.
 */
export async function ensureCluster(settings: Settings = readSettings()): Promise<Cluster> {
  const given = explicitKubeconfig(settings);
  if (given !== undefined) {
    return await bringUpGiven(settings, given);
  }
  if (!(await isHealthy(settings)) && (await canUseKind())) {
    return await bringUpKind(settings);
  }
  await bringUp(settings);
  return localCluster(settings);
}

/** The file KUBECONFIG names, unless it is just the one of our own local cluster. */
export function explicitKubeconfig(settings: Settings): string | undefined {
  const file = process.env["KUBECONFIG"];
  if (!file) {
    return undefined;
  }
  if (file.includes(":")) {
    throw new Error(`Cannot use KUBECONFIG "${file}": tests need one file, not a list`);
  }
  if (!existsSync(file)) {
    throw new Error(`Cannot use KUBECONFIG "${file}": there is no such file`);
  }
  const own = paths(settings).kubeconfig;
  const isOwn = file === own || (existsSync(own) && sameContent(file, own));
  return isOwn ? undefined : file;
}

function sameContent(one: string, other: string): boolean {
  return readFileSync(one).equals(readFileSync(other));
}
