/** The two images every local cluster needs before its first pod. */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxImage } from "../busybox-image.ts";
import { type Build, buildWith, findEngine, saveImages } from "../engine.ts";
import { run } from "../shell.ts";

/** Builds `localhost/pause:1` and `localhost/busybox:1` from static programs and loads those that are not. Idempotent. */
export async function ensureBaseImages(socket: string, tools: string): Promise<void> {
  const images: Build[] = [pauseImage(tools), busyboxImage(tools)];
  const loaded = new Set((await containerd(socket, ["images", "ls", "-q"])).split("\n"));
  const missing = images.filter(({ name }) => !loaded.has(name));
  if (missing.length === 0) {
    return;
  }
  const engine = await findEngine();
  for (const image of missing) {
    await buildWith(engine, image);
  }
  const archive = join(tmpdir(), `tespod-base-images-${process.pid}.tar`);
  try {
    await saveImages(
      engine,
      missing.map(({ name }) => name),
      archive,
    );
    await containerd(socket, ["images", "import", archive]);
  } finally {
    rmSync(archive, { force: true });
  }
}

/** The parent of a pod's containers: sleeps, and reaps orphans. */
function pauseImage(tools: string): Build {
  return {
    name: "localhost/pause:1",
    containerfile: 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause", "-P"]\n',
    context: { pause: { from: join(tools, "pause"), mode: 0o755 } },
  };
}

/** Runs containerd's own client in the namespace that the kubelet uses. */
export function containerd(socket: string, args: string[]): Promise<string> {
  return run("ctr", ["--address", socket, "--namespace", "k8s.io", ...args], { timeoutSeconds: 600 });
}
