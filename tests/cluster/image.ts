/** Builds images for a cluster and loads them, each only when something of it changed. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cluster } from "./cluster.ts";
import { type Build, buildWith, type ContextFile, findEngine, saveImages } from "./engine.ts";
import { say } from "./shell.ts";

/** An image and what tells whether it changed, needed where its context is a folder. */
export type ImageDefinition = Build & ({ context: Record<string, ContextFile> } | { contentHash: string });

const namespace = "tespod-test";
const records = "loaded-images";

/** True if that very image is in the cluster already, by the cluster's own record. */
export async function isLoaded(cluster: Cluster, definition: ImageDefinition): Promise<boolean> {
  return (await readRecords(cluster))[recordKey(definition.name)] === hashOf(definition);
}

/**
 * Makes sure that the cluster has the image: builds it with podman or Docker and loads it, unless it did before from
 * the same content. Idempotent. The pods that use it must say `imagePullPolicy: Never` or `IfNotPresent`.
 */
export async function ensureImage(cluster: Cluster, definition: ImageDefinition): Promise<void> {
  if (await isLoaded(cluster, definition)) {
    return;
  }
  const engine = await findEngine();
  const folder = mkdtempSync(join(tmpdir(), "tespod-archive-"));
  try {
    await buildWith(engine, definition);
    const archive = join(folder, "image.tar");
    await saveImages(engine, [definition.name], archive);
    await cluster.loadImages([archive]);
    say(`Loaded ${definition.name} (${(statSync(archive).size / 1e6).toFixed(1)} MB)`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await record(cluster, definition);
}

/** The record lives in the cluster, so that it goes when the cluster and its images go. */
async function record(cluster: Cluster, definition: ImageDefinition): Promise<void> {
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: records, namespace },
      data: { [recordKey(definition.name)]: hashOf(definition) },
    },
  ];
  // Server-side apply with a field manager of the image's own merges what several processes record at once.
  const manager = `image-${recordKey(definition.name)}`.slice(0, 128);
  for (const object of objects) {
    const apply = ["apply", "--server-side", "--force-conflicts", "--field-manager", manager, "-f", "-"];
    await cluster.kubectl(apply, { input: JSON.stringify(object) });
  }
}

async function readRecords(cluster: Cluster): Promise<Record<string, string>> {
  const get = [
    "get",
    "configmap",
    records,
    "--namespace",
    namespace,
    "--ignore-not-found",
    "--output",
    "json",
  ];
  const text = await cluster.kubectl(get);
  return text.trim() === "" ? {} : (JSON.parse(text).data ?? {});
}

function recordKey(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, "_");
}

function hashOf(definition: ImageDefinition): string {
  if ("contentHash" in definition) {
    return definition.contentHash;
  }
  const { name, containerfile, extra = [], context } = definition;
  const hash = createHash("sha256").update(JSON.stringify([name, containerfile, extra]));
  for (const [path, file] of Object.entries(context).sort()) {
    hash.update(JSON.stringify([path, file.mode]));
    hash.update("text" in file ? file.text : readFileSync(file.from));
  }
  return hash.digest("hex");
}
