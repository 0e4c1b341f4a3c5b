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
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundledPackages } from "./bundled.ts";
import { busyboxImage } from "./busybox-image.ts";
import type { Cluster } from "./cluster.ts";
import { ensureImage, type ImageDefinition, isLoaded } from "./image.ts";
import { withLock } from "./lock.ts";
import { type Architecture, ensureRootfs, hostArchitecture, packagesOf, releaseOf } from "./rootfs.ts";
import { spdxOf } from "./sbom.ts";
import { readSettings, type Settings } from "./settings.ts";
import { run, say, tryRun } from "./shell.ts";

/** Names of the project's images in a cluster. */
export const images = { service: "localhost/tespod-service:dev", sidecar: "localhost/tespod-sidecar:dev" };

const project = join(import.meta.dirname, "../..");

// What the images are made from: with all of this as it was, they are as they were.
const sources = ["src", "sidecar", "package.json", "package-lock.json", "Containerfile"];
const ownSources = ["images.ts", "sbom.ts", "bundled.ts", "rootfs.sh", "rootfs.lock"].map(
  (name) => `tests/cluster/${name}`,
);

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
  packages: "usual" | "pinned" = "usual",
): Promise<void> {
  const rootfs = await ensureRootfs(settings.cacheFolder, architecture, packages);
  const target = join(folder, architecture);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, "opt"), { recursive: true });
  cpSync(join(rootfs, "rootfs"), join(target, "rootfs"), { recursive: true });
  // Copying folders drops the sticky bit and follows the umask.
  chmodSync(join(target, "rootfs/tmp"), 0o1777);
  for (const tool of ["sh", "busybox"]) {
    cpSync(join(rootfs, "tools", tool), join(target, "opt", tool));
  }
  for (const script of ["gate", "await-layout", "no-format", "carry"]) {
    cpSync(join(project, `sidecar/step/${script}.sh`), join(target, "opt", script));
  }
  for (const [name, entry, image] of [
    ["tespod", "src/main.ts", "tespod-service"],
    ["tespod-sidecar", "sidecar/main.ts", "tespod-sidecar"],
  ] as const) {
    const metafile = join(folder, `${architecture}-${name}.json`);
    await compile(entry, join(target, name), { architecture, metafile });
    const sbom = await billOf(image, { architecture, rootfs, metafile });
    writeFileSync(join(target, `${image}.spdx.json`), `${JSON.stringify(sbom, undefined, 1)}\n`);
    rmSync(metafile);
    say(`Compiled ${name} for ${architecture} (${(statSync(join(target, name)).size / 1e6).toFixed(1)} MB)`);
  }
}

/** Compiles a program of the project as it is in its image. */
export async function compile(
  entry: string,
  path: string,
  { architecture = hostArchitecture, metafile }: { architecture?: Architecture; metafile?: string } = {},
): Promise<void> {
  const isOwn = process.platform === "linux" && architecture === hostArchitecture;
  const target = isOwn ? [] : [`--target=bun-linux-${architecture === "amd64" ? "x64" : "arm64"}`];
  // Split, what a program loads only when it needs it takes no memory until then.
  const flags = ["--compile", "--minify", "--bytecode", "--splitting", "--format=esm", ...target];
  if (metafile !== undefined) flags.push(`--metafile=${metafile}`);
  await run(process.execPath, ["build", ...flags, entry, "--outfile", path], {
    cwd: project,
    timeoutSeconds: 300,
  });
}

/** Debian's packages in each image. */
const debian = {
  "tespod-service": ["libc6", "ca-certificates"],
  "tespod-sidecar": ["libc6", "ca-certificates", "mksh", "busybox-static"],
} as const;

interface Parts {
  readonly architecture: Architecture;
  readonly rootfs: string;
  readonly metafile: string;
}

/** The SPDX document of an image of which the bundler wrote that file. */
export async function billOf(
  name: keyof typeof debian,
  { architecture, rootfs, metafile }: Parts,
): Promise<object> {
  const { version } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  const names: readonly string[] = debian[name];
  const [revision, created] = (await git("log", "-1", "--format=%H %cI")).split(" ");
  return spdxOf({
    name,
    version,
    revision: revision || "unknown",
    architecture,
    // Of what it is built from, so that the same sources give the same document.
    created: `${new Date(created || Date.now()).toISOString().slice(0, 19)}Z`,
    distribution: releaseOf(rootfs),
    debian: packagesOf(rootfs).filter((each) => names.includes(each.name)),
    npm: bundledPackages(project, metafile),
  });
}

/** What git says of the project; empty outside of a repository. */
const git = async (...args: string[]): Promise<string> =>
  (await tryRun("git", ["-C", project, ...args]).catch(() => undefined))?.stdout.trim() ?? "";

async function definition(
  target: keyof typeof images,
  contentHash: string,
): Promise<(context: string) => ImageDefinition> {
  const { version, repository } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  const labels = {
    VERSION: version,
    REVISION: (await git("rev-parse", "HEAD")) || "unknown",
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
