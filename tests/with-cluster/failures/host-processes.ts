// The processes of a pod as the host sees them: only where the host is the node, as with the local cluster.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { secondsMax } from "./failures.ts";

/** Whether processes of pods can be reached; says why not. */
export const onNode = cluster?.kind === "local";
if (cluster !== undefined && !onNode) {
  console.error(
    `What happens on the node is not tested: it is only reached where this host is the node, and the cluster is of kind "${cluster.kind}".`,
  );
}

interface HostProcess {
  readonly pid: number;
  /** Its pid in the container: 1 for the first. */
  readonly innerPid: number;
  readonly command: string;
}

/** The processes of a pod's container; none if it was not started, or there is no pod yet. */
export async function processesOf(
  { kubectl }: Pick<Deployed, "kubectl">,
  pod: string,
  container: string,
): Promise<HostProcess[]> {
  const text = await kubectl(["get", "pod", pod, "--ignore-not-found", "-o", "json"]);
  const { status } = JSON.parse(text || "{}") as V1Pod;
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const id = statuses.find(({ name }) => name === container)?.containerID?.replace("containerd://", "");
  return id ? processesIn(id) : [];
}

/** Waits for the first process of the container that is such. */
export async function untilProcess(
  deployed: Pick<Deployed, "kubectl">,
  pod: string,
  container: string,
  isIt: (process: HostProcess) => boolean,
): Promise<HostProcess> {
  for (const deadline = Date.now() + secondsMax * 1000; ; await sleep(200)) {
    const all = await processesOf(deployed, pod, container);
    const found = all.find(isIt);
    if (found !== undefined) return found;
    if (Date.now() > deadline)
      throw new Error(`Container ${container} of ${pod} has no such process: ${JSON.stringify(all)}`);
  }
}

export const isFirst = ({ innerPid }: HostProcess): boolean => innerPid === 1;

/** The process that holds the network of the pod that the process is of. */
export function sandboxOf(pid: number): number {
  const network = readlinkSync(`/proc/${pid}/ns/net`);
  const found = pids().find((other) => namespaceOf(other) === network && /^\/pause\b/.test(commandOf(other)));
  if (found === undefined) throw new Error(`Process ${pid} has no sandbox`);
  return Number(found);
}

const pids = (): string[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name));
const commandOf = (pid: string): string => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return ""; // gone since it was listed
  }
}

/** Those whose cgroup, in whatever hierarchy, is named after the container. */
const processesIn = (container: string): HostProcess[] =>
  pids()
    .filter((pid) => read(`/proc/${pid}/cgroup`).includes(container))
    .map((pid) => ({
      pid: Number(pid),
      innerPid: Number(/^NSpid:.*\s(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1]),
      command: commandOf(pid),
    }));

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // gone since it was listed
  }
}
