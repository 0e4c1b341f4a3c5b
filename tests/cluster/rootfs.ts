/** What the images hold beside the project's own programs, assembled once from Debian packages. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { findEngine } from "./engine.ts";
import { isOnPath, run, say } from "./shell.ts";

/** The architectures there are images for. */
export type Architecture = "amd64" | "arm64";

/** The architecture of this machine, in the terms of images. */
export const hostArchitecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

const script = join(import.meta.dirname, "rootfs.sh");

/**
 * Assembles the folder described in rootfs.sh and returns its path; needs Debian's package archive the first time.
 * Idempotent; `fresh` takes the newest packages even if there are some already.
 */
export async function ensureRootfs(
  cacheFolder: string,
  architecture: Architecture = hostArchitecture,
  options: { fresh?: boolean } = {},
): Promise<string> {
  const version = createHash("sha256").update(readFileSync(script)).digest("hex").slice(0, 12);
  const folder = join(cacheFolder, "rootfs", `${architecture}-${version}`);
  if (options.fresh) {
    rmSync(folder, { recursive: true, force: true });
  }
  if (!existsSync(folder)) {
    say(`Fetching Debian packages for the images (${architecture})`);
    mkdirSync(dirname(folder), { recursive: true });
    await assemble(architecture, folder);
  }
  return folder;
}

async function assemble(architecture: Architecture, folder: string): Promise<void> {
  if (isOnPath("apt-get") && isOnPath("dpkg-deb")) {
    await run("sh", [script, architecture, folder], { timeoutSeconds: 600 });
    return;
  }
  const { program, env } = await findEngine();
  const mounts = ["--volume", `${script}:/rootfs.sh:ro`, "--volume", `${dirname(folder)}:/out`];
  const image = "docker.io/library/debian:stable-slim";
  const inside = ["sh", "/rootfs.sh", architecture, `/out/${basename(folder)}`];
  await run(program, ["run", "--rm", ...mounts, image, ...inside], { env, timeoutSeconds: 900 });
}
