// followLog: a container's log as it grows, and where it ended.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { kubectlCommand } from "../../cluster/kubectl.ts";
import { readSettings } from "../../cluster/settings.ts";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";

export interface FollowedLog {
  /** The whole log, once its container is over. */
  readonly whole: Promise<string>;
}

/** Follows the log of a container that runs; resolves when `text` has come. Throws after a minute without it. */
export async function followLog(
  { namespace }: Deployed,
  { pod, container, text }: { pod: string; container: string; text: string },
): Promise<FollowedLog> {
  const [program, ...first] = kubectlCommand(readSettings());
  const args = [...first, "-n", namespace, "logs", "-f", pod, "-c", container];
  const env = { ...process.env, KUBECONFIG: cluster?.kubeconfig };
  // The kubelet's word that the container runs may come a second after our own.
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(200)) {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "ignore"] });
    let log = "";
    const closed = once(child, "close").then(() => log);
    const begun = new Promise<boolean>((resolve) => {
      void closed.then(() => resolve(false));
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        log += chunk;
        if (log.includes(text)) resolve(true);
      });
    });
    if (await begun) return { whole: closed };
  }
  throw new Error(`The log of ${pod} has no "${text}" after 60 s`);
}
