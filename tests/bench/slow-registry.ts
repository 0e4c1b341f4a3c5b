// Slow registry: serves images that no node has yet, each after a while. On loopback, so the node must be this host.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureRootfs } from "../cluster/rootfs.ts";
import { readSettings } from "../cluster/settings.ts";
import { run } from "../cluster/shell.ts";

export interface SlowRegistry extends AsyncDisposable {
  /** The reference of a new image: busybox as `cat` and `sh`, and a layer that only this image has. */
  image(): Promise<string>;
}

const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
};

interface Blob {
  readonly type: string;
  readonly digest: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const blobOf = (type: string, content: Uint8Array<ArrayBuffer> | object): Blob => {
  const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content));
  return { type, bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
};
const describe = ({ type, digest, bytes }: Blob) => ({ mediaType: type, digest, size: bytes.length });

/** Each layer is sent after so many seconds. */
export async function startSlowRegistry(seconds: number): Promise<SlowRegistry> {
  const busybox = join(await ensureRootfs(readSettings().cacheFolder), "tools", "busybox");
  const blobs = new Map<string, Blob>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    // A pull may wait for longer than the server's own ten seconds.
    idleTimeout: 120,
    async fetch({ method, url }) {
      const reference = new URL(url).pathname.split("/").at(-1) ?? "";
      if (reference === "") return new Response(); // is there a registry?
      const blob = blobs.get(reference);
      if (blob === undefined) return new Response("No such image", { status: 404 });
      if (method === "GET" && blob.type === types.layer) await sleep(seconds * 1000);
      const headers = {
        "Content-Type": blob.type,
        "Content-Length": String(blob.bytes.length),
        "Docker-Content-Digest": blob.digest,
      };
      return new Response(method === "HEAD" ? null : blob.bytes, { headers });
    },
  });
  let images = 0;
  return {
    async image() {
      images += 1;
      const tag = `${Date.now()}-${images}`;
      const layer = blobOf(types.layer, await layerOf(busybox, tag));
      const config = blobOf(types.config, {
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        os: "linux",
        config: { Env: ["PATH=/bin"] },
        rootfs: { type: "layers", diff_ids: [layer.digest] },
      });
      const manifest = blobOf(types.manifest, {
        schemaVersion: 2,
        mediaType: types.manifest,
        config: describe(config),
        layers: [describe(layer)],
      });
      for (const blob of [layer, config, manifest]) blobs.set(blob.digest, blob);
      blobs.set(tag, manifest);
      return `127.0.0.1:${server.port}/slow:${tag}`;
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

async function layerOf(busybox: string, tag: string): Promise<Uint8Array<ArrayBuffer>> {
  const folder = mkdtempSync(join(tmpdir(), "tespod-bench-"));
  try {
    const root = join(folder, "root");
    mkdirSync(join(root, "bin"), { recursive: true });
    copyFileSync(busybox, join(root, "bin/busybox"));
    for (const applet of ["sh", "cat"]) symlinkSync("busybox", join(root, "bin", applet));
    writeFileSync(join(root, "tag"), tag);
    await run("tar", ["-C", root, "--owner=0", "--group=0", "-cf", join(folder, "layer.tar"), "."]);
    return new Uint8Array(readFileSync(join(folder, "layer.tar")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
