/** Builds the project's two images and the small ones that tests share, and loads them into a cluster. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxImage } from "./busybox-image.ts";
import type { Cluster } from "./cluster.ts";
import { ensureImage, type ImageDefinition, isLoaded } from "./image.ts";
import { withLock } from "./lock.ts";
import { type Architecture, ensureRootfs, hostArchitecture } from "./rootfs.ts";
import { readSettings, type Settings } from "./settings.ts";
import { run, say, tryRun } from "./shell.ts";

/** Names of the project's images in a cluster. */
export const images = { service: "localhost/tespod-service:dev", sidecar: "localhost/tespod-sidecar:dev" };

const project = join(import.meta.dirname, "../..");

// What the images are made from: with all of this as it was, they are as they were.
const sources = ["src", "sidecar", "package.json", "package-lock.json", "Containerfile"];
const ownSources = ["tests/cluster/images.ts", "tests/cluster/rootfs.sh"];

/**
 * Makes sure that the cluster has the images of the sources as they are now, and `localhost/busybox:1`.
 * Half a minute when something changed, a second when not. Idempotent, and safe from several processes at once.
 */
export async function buildImages(
  cluster: Cluster,
  settings: Settings = readSettings(),
): Promise<typeof images> {
  const onWait = () => say("Waiting for another process that builds images");
  await withLock(join(settings.cacheFolder, "images.lock"), onWait, async () => {
    await ensureBusybox(cluster, settings);
    const contentHash = hashSources();
    const planned = await Promise.all(
      (["service", "sidecar"] as const).map((target) => definition(target, contentHash)),
    );
    const loaded = await Promise.all(planned.map((each) => isLoaded(cluster, each(""))));
    if (loaded.every(Boolean)) {
      return;
    }
    const context = mkdtempSync(join(tmpdir(), "tespod-context-"));
    try {
      await assembleContext(settings, hostArchitecture, context);
      for (const each of planned) {
        await ensureImage(cluster, each(context));
      }
    } finally {
      rmSync(context, { recursive: true, force: true });
    }
  });
  return images;
}

/** Makes sure that the cluster has `localhost/busybox:1`. Idempotent. */
export async function ensureBusybox(cluster: Cluster, settings: Settings = readSettings()): Promise<void> {
  // A local cluster has it from its start.
  if (cluster.kind !== "local") {
    await ensureImage(cluster, busyboxImage(join(await ensureRootfs(settings.cacheFolder), "tools")));
  }
}

/**
 * Compiles the programs for one architecture and lays them out in `folder/ARCHITECTURE` as the Containerfile wants.
 * Other architectures than this machine's need the npm registry, for Bun's own program.
 */
export async function assembleContext(
  settings: Settings,
  architecture: Architecture,
  folder: string,
): Promise<void> {
  const rootfs = await ensureRootfs(settings.cacheFolder, architecture);
  const target = join(folder, architecture);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, "opt"), { recursive: true });
  cpSync(join(rootfs, "rootfs"), join(target, "rootfs"), { recursive: true });
  // Copying folders drops the sticky bit and follows the umask.
  chmodSync(join(target, "rootfs/tmp"), 0o1777);
  for (const tool of ["sh", "busybox"]) {
    cpSync(join(rootfs, "tools", tool), join(target, "opt", tool));
  }
  for (const script of ["gate", "await-layout", "no-format"]) {
    cpSync(join(project, `sidecar/step/${script}.sh`), join(target, "opt", script));
  }
  for (const [name, entry] of [
    ["tespod", "src/main.ts"],
    ["tespod-sidecar", "sidecar/main.ts"],
  ] as const) {
    await compile(entry, join(target, name), architecture);
    say(`Compiled ${name} for ${architecture} (${(statSync(join(target, name)).size / 1e6).toFixed(1)} MB)`);
  }
}

/** Compiles a program of the project as it is in its image. */
export async function compile(
  entry: string,
  path: string,
  architecture: Architecture = hostArchitecture,
): Promise<void> {
  const isOwn = process.platform === "linux" && architecture === hostArchitecture;
  const target = isOwn ? [] : [`--target=bun-linux-${architecture === "amd64" ? "x64" : "arm64"}`];
  // Split, what a program loads only when it needs it takes no memory until then.
  const flags = ["--compile", "--minify", "--bytecode", "--splitting", "--format=esm", ...target];
  await run(process.execPath, ["build", ...flags, entry, "--outfile", path], {
    cwd: project,
    timeoutSeconds: 300,
  });
}

async function definition(
  target: keyof typeof images,
  contentHash: string,
): Promise<(context: string) => ImageDefinition> {
  const { version, repository } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  const revision = await tryRun("git", ["-C", project, "rev-parse", "HEAD"]).catch(() => undefined);
  const labels = {
    VERSION: version,
    REVISION: revision?.stdout.trim() || "unknown",
    SOURCE: repository?.url ?? repository ?? "unknown",
    TARGETARCH: hostArchitecture,
  };
  const buildArguments = Object.entries(labels).flatMap(([name, value]) => [
    "--build-arg",
    `${name}=${value}`,
  ]);
  const extra = ["--target", target, "--platform", `linux/${hostArchitecture}`, ...buildArguments];
  const containerfile = readFileSync(join(project, "Containerfile"), "utf8");
  return (context) => ({ name: images[target], containerfile, context, extra, contentHash });
}

function hashSources(): string {
  const hash = createHash("sha256").update(`${Bun.version} ${hostArchitecture}`);
  for (const source of [...sources, ...ownSources]) {
    const path = join(project, source);
    const files = statSync(path).isDirectory()
      ? (readdirSync(path, { recursive: true }) as string[]).sort()
      : [""];
    for (const file of files.map((name) => join(path, name)).filter((name) => statSync(name).isFile())) {
      hash.update(file.slice(project.length)).update(readFileSync(file));
    }
  }
  return hash.digest("hex");
}
