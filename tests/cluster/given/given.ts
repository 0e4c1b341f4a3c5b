/** A cluster that is not ours: the one KUBECONFIG names. We put one namespace into it, and take that away again. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../cluster.ts";
import { kindEnvironment, loadIntoKind } from "../kind/kind.ts";
import { kubectlCommand, kubectlRunner } from "../kubectl.ts";
import { isDaemonRunning, startDaemon, stopDaemon } from "../local/process.ts";
import { ensureS3, s3Namespace, s3Port, s3Server, s3Service } from "../s3/s3.ts";
import type { Settings } from "../settings.ts";
import { isOnPath, run, until } from "../shell.ts";

/** Describes the cluster of that file, or undefined if it does not answer. Changes nothing. */
export async function givenCluster(settings: Settings, kubeconfig: string): Promise<Cluster | undefined> {
  const cluster = describe(settings, kubeconfig);
  try {
    await cluster.kubectl(["get", "--raw", "/readyz", "--request-timeout=10s"]);
    return cluster;
  } catch {
    return undefined; // Not there: what the caller asked.
  }
}

/** Puts the S3 server into the cluster of that file and makes it reachable from this host. Idempotent. */
export async function bringUpGiven(settings: Settings, kubeconfig: string): Promise<Cluster> {
  const cluster = describe(settings, kubeconfig);
  // Asked for its error: it tells what is wrong with the file or the cluster.
  await cluster.kubectl(["get", "--raw", "/readyz", "--request-timeout=10s"]);
  await ensureS3(settings, cluster, "ClusterIP");
  await ensureForward(settings, kubeconfig, cluster);
  return cluster;
}

/** Takes away what we put into the cluster of that file. Idempotent. */
export async function takeDownGiven(settings: Settings, kubeconfig: string): Promise<void> {
  await stopDaemon(forwardFolder(settings), "s3-forward", 5);
  const { kubectl } = describe(settings, kubeconfig);
  await kubectl(["delete", "namespace", s3Namespace, "--ignore-not-found", "--timeout=120s"]);
}

function describe(settings: Settings, kubeconfig: string): Cluster {
  const kubectl = kubectlRunner(settings, kubeconfig);
  return {
    kind: "kubeconfig",
    kubeconfig,
    loadImages: (archives) => loadSomehow(kubectl, archives),
    s3: s3Server(settings),
    kubectl,
  };
}

/** By the command in TESPOD_IMAGE_LOAD, or by kind if the cluster is one of kind. */
async function loadSomehow(kubectl: Cluster["kubectl"], archives: string[]): Promise<void> {
  const command = process.env["TESPOD_IMAGE_LOAD"];
  if (command) {
    for (const archive of archives) {
      await run("sh", ["-c", `exec < "$1"; ${command}`, "sh", archive], { timeoutSeconds: 600 });
    }
    return;
  }
  const context = (await kubectl(["config", "current-context"])).trim();
  const env = isOnPath("kind") && context.startsWith("kind-") ? await kindEnvironment() : undefined;
  if (env !== undefined) {
    return await loadIntoKind(context.slice("kind-".length), archives, env);
  }
  throw new Error(
    `Cannot load images into the cluster of context "${context}": say how in TESPOD_IMAGE_LOAD, ` +
      "a command that reads an image archive on its standard input and makes it known to every node",
  );
}

async function ensureForward(settings: Settings, kubeconfig: string, cluster: Cluster): Promise<void> {
  const folder = forwardFolder(settings);
  const isAlive = async () => {
    const answer = await fetch(`${cluster.s3.endpointFromHost}/minio/health/live`, {
      signal: AbortSignal.timeout(2000),
    });
    return answer.ok;
  };
  if (isDaemonRunning(folder, "s3-forward") && (await isAlive().catch(() => false))) {
    return;
  }
  await stopDaemon(folder, "s3-forward", 5);
  mkdirSync(join(folder, "log"), { recursive: true });
  const forward = [
    "port-forward",
    "--namespace",
    s3Namespace,
    `service/${s3Service}`,
    `${settings.ports.s3}:${s3Port}`,
  ];
  // kubectl ends whenever the pod goes; one that is needed again must come back by itself, and end with its shell.
  const loop = `trap 'kill $! 2> /dev/null; exit' TERM; while :; do "$@" & wait; sleep 1; done`;
  const again = ["sh", "-c", loop, "sh"];
  startDaemon(folder, {
    name: "s3-forward",
    command: [...again, ...kubectlCommand(settings), ...forward],
    env: { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(settings.cacheFolder, "kubectl") },
  });
  await until("the S3 server's port-forward", 60, isAlive, `see ${folder}/log/s3-forward.log`);
}

/** Apart from the local cluster's state, whose `down` must not touch it. */
function forwardFolder(settings: Settings): string {
  return `${settings.stateFolder}-given`;
}
