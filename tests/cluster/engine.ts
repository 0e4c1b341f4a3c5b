/** Builds images with podman or Docker, whichever the machine has. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { lastingEnvironment } from "../support/test-run.ts";
import { isOnPath, run, tryRun } from "./shell.ts";

/** A program that builds images, and the environment that makes it do so on every machine. */
export type Engine = { program: "podman" | "docker"; env: Record<string, string> };

/** A file of a build context: its text, or where to copy it from; `mode` is 0o644 unless given. */
export type ContextFile = ({ text: string } | { from: string }) & { mode?: number };

/**
 * Finds an engine that answers: Docker first, as kind uses it, else podman.
 * Throws, saying what to install, if neither does.
 */
export async function findEngine(): Promise<Engine> {
  if (isOnPath("docker") && (await tryRun("docker", ["version"], { timeoutSeconds: 20 })).code === 0) {
    return { program: "docker", env: lastingEnvironment() };
  }
  if (isOnPath("podman")) {
    return { program: "podman", env: { ...lastingEnvironment(), CONTAINERS_CONF: writePodmanConfig() } };
  }
  throw new Error("Cannot build images: neither does Docker answer nor is there podman; install one of them");
}

/** What to build: `context` is a folder, or the files of one; `extra` are more arguments of the build. */
export type Build = {
  name: string;
  containerfile: string;
  context: string | Record<string, ContextFile>;
  extra?: string[];
};

/** Builds an image. Throws with the end of what the engine said. */
export async function buildWith(engine: Engine, image: Build): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tespod-image-"));
  try {
    const definition = join(folder, "Containerfile");
    writeFileSync(definition, image.containerfile);
    const context = typeof image.context === "string" ? image.context : join(folder, "context");
    if (typeof image.context !== "string") {
      layOut(context, image.context);
    }
    // Each build's stages, and the image that loses its name to the new one, would stay for ever; so would the bridge
    // that podman makes for steps that run programs.
    const once = engine.program === "podman" ? ["--layers=false", "--network=host"] : [];
    const flags = ["--quiet", ...once, "--tag", image.name, "--file", definition, ...(image.extra ?? [])];
    const before = await imageId(engine, image.name);
    await run(engine.program, ["build", ...flags, context], { env: engine.env, timeoutSeconds: 900 });
    if (before !== "" && before !== (await imageId(engine, image.name))) {
      await tryRun(engine.program, ["rmi", before], { env: engine.env });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function imageId(engine: Engine, name: string): Promise<string> {
  const inspect = ["image", "inspect", "--format", "{{.Id}}", name];
  return (await tryRun(engine.program, inspect, { env: engine.env })).stdout.trim();
}

function layOut(folder: string, files: Record<string, ContextFile>): void {
  mkdirSync(folder);
  for (const [path, file] of Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    if ("text" in file) {
      writeFileSync(target, file.text);
    } else {
      copyFileSync(file.from, target);
    }
    chmodSync(target, file.mode ?? 0o644);
  }
}

/** Writes images into one archive that containerd, kind and Docker can all read. */
export async function saveImages(engine: Engine, names: string[], archive: string): Promise<void> {
  const podman = [
    "save",
    "--quiet",
    "--format",
    "docker-archive",
    "--multi-image-archive",
    "--output",
    archive,
  ];
  const args = engine.program === "podman" ? podman : ["save", "--output", archive];
  rmSync(archive, { force: true });
  await run(engine.program, [...args, ...names], { env: engine.env, timeoutSeconds: 600 });
}

/**
 * Our own configuration for podman, beside the machine's: runc also works where crun refuses mixed cgroup versions,
 * cgroupfs needs no systemd, and the default limits would need a capability that containers often lack.
 */
function writePodmanConfig(): string {
  const file = join(tmpdir(), `tespod-containers-${process.getuid?.() ?? 0}.conf`);
  const lines = [
    "[containers]",
    'default_ulimits = ["nofile=1000:1000", "nproc=9000:9000"]',
    "[engine]",
    ...(isOnPath("runc") ? ['runtime = "runc"'] : []),
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}
