/** A cluster of kind, for machines with Docker or podman. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../cluster.ts";
import { findEngine } from "../engine.ts";
import { kubectlRunner } from "../kubectl.ts";
import { withLock } from "../lock.ts";
import { ensureS3, s3NodePort, s3Server } from "../s3/s3.ts";
import type { Settings } from "../settings.ts";
import { isOnPath, run, say, tryRun } from "../shell.ts";

/** True if kind is installed and Docker or podman answers. */
export async function canUseKind(): Promise<boolean> {
  return isOnPath("kind") && (await kindEnvironment()) !== undefined;
}

/** The running kind cluster of ours, or undefined. Only writes its kubeconfig to our own folder. */
export async function findKind(settings: Settings): Promise<Cluster | undefined> {
  const env = isOnPath("kind") ? await kindEnvironment() : undefined;
  if (env === undefined) {
    return undefined;
  }
  const found = await tryRun("kind", ["get", "kubeconfig", "--name", settings.name], { env });
  if (found.code !== 0) {
    return undefined;
  }
  mkdirSync(settings.stateFolder, { recursive: true });
  const kubeconfig = kindKubeconfig(settings);
  writeFileSync(kubeconfig, found.stdout, { mode: 0o600 });
  const cluster = kindCluster(settings, kubeconfig, env);
  try {
    await cluster.kubectl(["get", "--raw", "/readyz", "--request-timeout=10s"]);
    return cluster;
  } catch {
    return undefined; // Its node is stopped, say: of no use as it is.
  }
}

/** Creates the kind cluster if it is not there, and an S3 server in it. Idempotent. */
export async function bringUpKind(settings: Settings): Promise<Cluster> {
  const onWait = () => say("Waiting for another process that changes the cluster");
  return await withLock(`${settings.stateFolder}.lock`, onWait, async () => {
    const cluster = (await findKind(settings)) ?? (await createKind(settings));
    await ensureS3(settings, cluster, "NodePort");
    return cluster;
  });
}

/** Deletes the kind cluster of ours with all that is in it. Idempotent. */
export async function takeDownKind(settings: Settings): Promise<void> {
  const env = isOnPath("kind") ? await kindEnvironment() : undefined;
  if (env !== undefined) {
    await run(
      "kind",
      ["delete", "cluster", "--name", settings.name, "--kubeconfig", kindKubeconfig(settings)],
      { env },
    );
  }
}

async function createKind(settings: Settings): Promise<Cluster> {
  if (!isOnPath("kubectl")) {
    throw new Error("Cannot use kind: kubectl is not on PATH; install it");
  }
  const env = await kindEnvironment();
  // A cluster of that name that does not answer is of no use to anyone.
  await takeDownKind(settings);
  say(`Creating the kind cluster "${settings.name}"`);
  const kubeconfig = kindKubeconfig(settings);
  mkdirSync(settings.stateFolder, { recursive: true });
  const create = ["create", "cluster", "--name", settings.name, "--kubeconfig", kubeconfig, "--wait", "180s"];
  const input = JSON.stringify(kindConfig(settings));
  await run("kind", [...create, "--config", "-"], { input, env: env ?? {}, timeoutSeconds: 900 });
  return kindCluster(settings, kubeconfig, env ?? {});
}

/** The S3 server's port of the node is one of this host's: no port-forward that could break. */
function kindConfig(settings: Settings): object {
  const mapping = { containerPort: s3NodePort, hostPort: settings.ports.s3, listenAddress: "127.0.0.1" };
  const node = { role: "control-plane", extraPortMappings: [mapping] };
  return { kind: "Cluster", apiVersion: "kind.x-k8s.io/v1alpha4", nodes: [node] };
}

function kindCluster(settings: Settings, kubeconfig: string, env: Record<string, string>): Cluster {
  return {
    kind: "kind",
    kubeconfig,
    loadImages: (archives) => loadIntoKind(settings.name, archives, env),
    s3: s3Server(settings),
    kubectl: kubectlRunner(settings, kubeconfig),
  };
}

/** Loads archives into the kind cluster of that name. */
export async function loadIntoKind(
  name: string,
  archives: string[],
  env: Record<string, string>,
): Promise<void> {
  for (const archive of archives) {
    await run("kind", ["load", "image-archive", archive, "--name", name], { env, timeoutSeconds: 600 });
  }
}

/** What kind needs in its environment to use the engine that answers, or undefined if none does. */
export async function kindEnvironment(): Promise<Record<string, string> | undefined> {
  if (isOnPath("docker") && (await tryRun("docker", ["version"], { timeoutSeconds: 20 })).code === 0) {
    return {};
  }
  if (isOnPath("podman") && (await tryRun("podman", ["version"], { timeoutSeconds: 20 })).code === 0) {
    return { ...(await findEngine()).env, KIND_EXPERIMENTAL_PROVIDER: "podman" };
  }
  return undefined;
}

function kindKubeconfig(settings: Settings): string {
  return join(settings.stateFolder, "kind.kubeconfig");
}
