// An image with bash and the usual commands, for clients whose scripts want them.
import { join } from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import { ensureImage } from "../cluster/image.ts";
import { ensureRootfs } from "../cluster/rootfs.ts";
import { readSettings } from "../cluster/settings.ts";
import { findDebianPackages } from "./debian.ts";

/**
 * Stands in for the pip and the Python that Snakemake's job script runs: says what it was called with, and no more. With them
 * for real the image would be hundreds of megabytes.
 */
const standIn = (name: string): string => `#!/bin/bash\necho "stand-in for ${name}: $*"\n`;

/** Makes sure that the cluster has the image, and answers its name; or why there is none. */
export async function ensureBashImage(cluster: Cluster): Promise<{ image: string } | { missing: string }> {
  const found = await findDebianPackages({ unpack: ["bash-static"], libraries: [] });
  if ("missing" in found) return found;
  const busybox = join(await ensureRootfs(readSettings().cacheFolder), "tools/busybox");
  const name = "localhost/tespod-test-bash:1";
  await ensureImage(cluster, {
    name,
    containerfile: `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "-p", "-m", "1777", "/tmp"]
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY bash pip python /bin/
`,
    context: {
      busybox: { from: busybox, mode: 0o755 },
      bash: { from: join(found.root, "bin/bash-static"), mode: 0o755 },
      pip: { text: standIn("pip"), mode: 0o755 },
      python: { text: standIn("python"), mode: 0o755 },
    },
  });
  return { image: name };
}
