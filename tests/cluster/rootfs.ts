/** What the images hold beside the project's own programs, assembled once from Debian packages. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { findEngine } from "./engine.ts";
import { isOnPath, run, say } from "./shell.ts";

/** The architectures there are images for. */
export type Architecture = "amd64" | "arm64";

/** The architecture of this machine, in the terms of images. */
export const hostArchitecture: Architecture = process.arch === "arm64" ? "arm64" : "amd64";

const script = join(import.meta.dirname, "rootfs.sh");
const lock = join(import.meta.dirname, "rootfs.lock");

/** A Debian package of a rootfs. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Of the package: "all" for what is the same everywhere. */
  readonly architecture: string;
  readonly source: string;
  readonly sourceVersion: string;
}

/** As rootfs.sh has them: "usual" takes what is newer where the archive no longer has what the lock names. */
type Mode = "usual" | "pinned" | "newest";

/**
 * Assembles the folder described in rootfs.sh and returns its path; needs Debian's package archive the first time.
 * Idempotent; "newest" takes the newest packages even if there are some already, and writes them into the lock.
 */
export async function ensureRootfs(
  cacheFolder: string,
  architecture: Architecture = hostArchitecture,
  mode: Mode = "usual",
): Promise<string> {
  if (mode === "newest") {
    const folder = join(cacheFolder, "rootfs", `${architecture}-newest`);
    await assemble(architecture, folder, mode);
    writeFileSync(lock, relock(readFileSync(lock, "utf8"), architecture, packagesOf(folder)));
    const pinned = folderOf(cacheFolder, architecture);
    rmSync(pinned, { recursive: true, force: true });
    renameSync(folder, pinned);
    return pinned;
  }
  const folder = folderOf(cacheFolder, architecture);
  if (!existsSync(folder) || (mode === "pinned" && !isPinned(architecture, packagesOf(folder)))) {
    say(`Fetching Debian packages for the images (${architecture})`);
    await assemble(architecture, folder, mode);
  }
  return folder;
}

/** The packages that a folder of ensureRootfs was made from. */
export const packagesOf = (folder: string): DebianPackage[] =>
  linesOf(readFileSync(join(folder, "packages"), "utf8")).map(
    ([name = "", version = "", sha256 = "", architecture = "", source = "", sourceVersion = ""]) => ({
      name,
      version,
      sha256,
      architecture,
      source,
      sourceVersion,
    }),
  );

/** The Debian release that they are of. */
export const releaseOf = (folder: string): string => readFileSync(join(folder, "release"), "utf8").trim();

const linesOf = (text: string): string[][] =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" "));

/** The text of a lock with other packages for the architecture. */
export function relock(
  text: string,
  architecture: Architecture,
  packages: readonly Pick<DebianPackage, "name" | "version" | "sha256">[],
): string {
  const kept = text.split("\n").filter((line) => line !== "" && !line.startsWith(`${architecture} `));
  const lines = packages.map(({ name, version, sha256 }) => `${architecture} ${name} ${version} ${sha256}`);
  const comments = kept.filter((line) => line.startsWith("#"));
  const entries = [...kept.filter((line) => !line.startsWith("#")), ...lines].sort();
  return `${[...comments, ...entries].join("\n")}\n`;
}

function isPinned(architecture: Architecture, packages: readonly DebianPackage[]): boolean {
  const locked = new Set(linesOf(readFileSync(lock, "utf8")).map((line) => line.join(" ")));
  return packages.every(({ name, version, sha256 }) =>
    locked.has(`${architecture} ${name} ${version} ${sha256}`),
  );
}

function folderOf(cacheFolder: string, architecture: Architecture): string {
  const hash = createHash("sha256");
  for (const file of [script, lock]) {
    hash.update(readFileSync(file));
  }
  return join(cacheFolder, "rootfs", `${architecture}-${hash.digest("hex").slice(0, 12)}`);
}

async function assemble(architecture: Architecture, folder: string, mode: Mode): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true });
  if (isOnPath("apt-get") && isOnPath("dpkg-deb")) {
    const onStderr = (text: string) => say(text.trimEnd());
    await run("sh", [script, architecture, folder, lock, mode], { timeoutSeconds: 600, onStderr });
    return;
  }
  const { program, env } = await findEngine();
  const mounts = [
    ["--volume", `${script}:/rootfs.sh:ro`],
    ["--volume", `${lock}:/rootfs.lock:ro`],
    ["--volume", `${dirname(folder)}:/out`],
  ].flat();
  const image = "docker.io/library/debian:bookworm-slim";
  const inside = ["sh", "/rootfs.sh", architecture, `/out/${basename(folder)}`, "/rootfs.lock", mode];
  await run(program, ["run", "--rm", ...mounts, image, ...inside], { env, timeoutSeconds: 900 });
}
