/** Builds the programs of the cluster from their Go modules, once for each version of their sources. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { isOnPath, run, say, tryRun } from "../shell.ts";

/** A folder under `programs/` and what to build in it. */
type Program = { name: ProgramName; target: string; about: string; link?: string; onlyByName?: true };

/** What can be built: Kubernetes in one program, its name server, its storage provisioner, an S3 server; an enforcer of policies. */
export type ProgramName = "dns" | "storage" | "s3" | "kube" | "router";

const kubernetesVersion = "v1.34.4";
const versionVariable = "k8s.io/component-base/version";

// Smallest first: a missing compiler or network shows within a minute.
const programs: Program[] = [
  { name: "dns", target: ".", about: "CoreDNS" },
  { name: "storage", target: "github.com/rancher/local-path-provisioner", about: "local-path provisioner" },
  { name: "s3", target: "github.com/minio/minio", about: "MinIO" },
  {
    name: "router",
    target: "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
    about: "kube-router",
    onlyByName: true, // a cluster is well without: only tests of network policies want it
  },
  {
    name: "kube",
    target: ".",
    about: `Kubernetes ${kubernetesVersion}`,
    // Without its version the API server would call itself v0.0.0, which clients refuse.
    link: [
      `-X ${versionVariable}.gitVersion=${kubernetesVersion}`,
      `-X ${versionVariable}.gitMajor=1 -X ${versionVariable}.gitMinor=34`,
      `-X k8s.io/client-go/pkg/version.gitVersion=${kubernetesVersion}`,
    ].join(" "),
  },
];

const sources = join(import.meta.dirname, "../programs");

/** Paths of the built programs; whether they exist is not looked at. */
export function programPaths(cacheFolder: string): Record<ProgramName, string> {
  const entries = programs.map((program) => [program.name, programPath(cacheFolder, program)]);
  return Object.fromEntries(entries) as Record<ProgramName, string>;
}

/**
 * Builds those of the named programs, by default all that a cluster needs, that are not in the cache, with a progress line at least every 20 seconds.
 * Needs Go and, when Go's module cache is cold, the network. Idempotent; a half-done build is never taken for a whole one.
 */
export async function ensurePrograms(cacheFolder: string, names?: ProgramName[]): Promise<void> {
  const missing = programs.filter((program) => {
    const wanted = names?.includes(program.name) ?? !program.onlyByName;
    return wanted && !existsSync(programPath(cacheFolder, program));
  });
  if (missing.length === 0) {
    return;
  }
  await checkGo(missing.map((program) => program.about).join(", "));
  mkdirSync(join(cacheFolder, "bin"), { recursive: true });
  for (const program of missing) {
    await build(program, programPath(cacheFolder, program));
  }
}

/** True if this machine has a Go that can build the programs. */
export async function canBuild(): Promise<boolean> {
  const [, minor = "0"] = (isOnPath("go") && /^go1\.(\d+)/.exec(await goVersion())) || [];
  return Number(minor) >= 24;
}

async function build(program: Program, path: string): Promise<void> {
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  let packages = 0;
  say(`Building ${program.about} (once; minutes on a small machine)`);
  const progress = setInterval(() => {
    say(`  still building ${program.about}: ${seconds()} s, ${packages} packages compiled`);
  }, 20_000);
  try {
    const flags = ["-trimpath", "-v", "-mod=readonly", "-ldflags", `-s -w ${program.link ?? ""}`.trim()];
    await run("go", ["build", ...flags, "-o", `${path}.part`, program.target], {
      cwd: join(sources, program.name),
      // Static, so that the same program also runs in an image with nothing else in it.
      env: {
        CGO_ENABLED: "0",
        GOFLAGS: "",
        GOOS: "linux",
        GOARCH: process.arch === "arm64" ? "arm64" : "amd64",
      },
      timeoutSeconds: 3600,
      onStderr: (text) => {
        packages += text.split("\n").length - 1;
      },
    });
  } finally {
    clearInterval(progress);
  }
  renameSync(`${path}.part`, path);
  say(`Built ${program.about} in ${seconds()} s`);
}

async function checkGo(wanted: string): Promise<void> {
  if (!(await canBuild())) {
    const version = isOnPath("go") ? `here is ${await goVersion()}` : "there is none on PATH";
    const how = "install it from your distribution (Debian 13: apt-get install golang-go) or go.dev";
    throw new Error(`Cannot build ${wanted}: Go 1.24 or newer is needed, ${version}; ${how}`);
  }
}

async function goVersion(): Promise<string> {
  // In the module's folder: a Go that fetches the version a module asks for tells that one here.
  return (
    (await tryRun("go", ["env", "GOVERSION"], { cwd: join(sources, "kube") })).stdout.trim() || "an older one"
  );
}

function programPath(cacheFolder: string, program: Program): string {
  const hash = createHash("sha256").update(JSON.stringify([program, process.arch]));
  const folder = join(sources, program.name);
  for (const file of readdirSync(folder).sort()) {
    hash.update(file).update(readFileSync(join(folder, file)));
  }
  return join(cacheFolder, "bin", `${program.name}-${hash.digest("hex").slice(0, 12)}`);
}
