// The report key: made by whichever replica starts first, kept in a Secret that sidecar containers get it from.
import { randomBytes } from "node:crypto";
import type { Cluster } from "./cluster/cluster.ts";
import { labels, managedBy } from "./pod/names.ts";
import { reportKeyName } from "./pod/settings.ts";

/** The key, after making sure that the Secret exists. Idempotent; throws ClusterError. */
export async function ensureReportKey(cluster: Cluster, name: string, signal: AbortSignal): Promise<string> {
  const found = await cluster.getSecret(name, signal);
  const secret =
    found ??
    (await cluster.createSecret(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name, labels: { [labels.managedBy]: managedBy } },
        data: { [reportKeyName]: Buffer.from(randomBytes(32).toString("base64url")).toString("base64") },
      },
      signal,
    ));
  const encoded = secret.data?.[reportKeyName];
  if (encoded !== undefined && encoded !== "") return Buffer.from(encoded, "base64").toString("utf8");
  throw new Error(
    `Cannot use Secret "${name}": it has no key "${reportKeyName}"; delete it to have it made anew`,
  );
}
