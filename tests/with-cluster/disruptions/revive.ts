// revive: undoes what a disruption that was ended in the middle has done to the cluster.
import type { Cluster } from "../../cluster/cluster.ts";
import { until } from "../../cluster/shell.ts";
import { startStopped, thawKubelet } from "./daemons.ts";
import { removeOutside } from "./outside.ts";
import { stopEnforcer } from "./policy-enforcer.ts";

/** The label of a node while it is drained. */
export const drained = { "fail.tespod.test/pool": "drained" } as const;

/** Starts and thaws the parts of a local cluster, and opens a node that was drained. Idempotent. Rejects after so many seconds. */
export async function revive(cluster: Cluster, seconds: number): Promise<void> {
  if (cluster.kind === "local") {
    startStopped();
    thawKubelet();
    await stopEnforcer();
    removeOutside();
  }
  const selector = Object.entries(drained).map(([label, value]) => `${label}=${value}`);
  await until("the API server", seconds, async () => {
    await cluster.kubectl(["uncordon", `--selector=${selector.join(",")}`]);
    return true;
  });
}
