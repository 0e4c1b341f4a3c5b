/** Runs kubectl, the machine's own or the one built for the local cluster. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "./cluster.ts";
import { programPaths } from "./local/programs.ts";
import type { Settings } from "./settings.ts";
import { isOnPath, run } from "./shell.ts";

/** A `kubectl` bound to one kubeconfig file. */
export function kubectlRunner(settings: Settings, kubeconfig: string): Cluster["kubectl"] {
  return (args, options = {}) => {
    const [program, ...first] = kubectlCommand(settings);
    return run(program, [...first, ...args], {
      ...options,
      env: { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(settings.cacheFolder, "kubectl") },
      timeoutSeconds: 300,
    });
  };
}

/** The command that starts kubectl. Throws if there is none. */
export function kubectlCommand(settings: Settings): [string, ...string[]] {
  const { kube } = programPaths(settings.cacheFolder);
  if (existsSync(kube)) {
    return [kube, "kubectl"];
  }
  if (isOnPath("kubectl")) {
    return ["kubectl"];
  }
  throw new Error("Cannot find kubectl: install it, or put it on PATH");
}
