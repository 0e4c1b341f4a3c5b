/** The S3 server's image: one static program, built here, or in a Go image where the machine has no Go of use. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../cluster.ts";
import type { ContextFile } from "../engine.ts";
import { ensureImage, type ImageDefinition } from "../image.ts";
import { canBuild, ensurePrograms, programPaths } from "../local/programs.ts";
import type { Settings } from "../settings.ts";

/** Name under which the cluster knows it. */
export const s3Image = "localhost/tespod-test-s3:1";

const sources = join(import.meta.dirname, "../programs/s3");

/** Builds the image and loads it, unless the cluster has it from the same sources. Idempotent. */
export async function ensureS3Image(settings: Settings, cluster: Cluster): Promise<void> {
  await ensureImage(cluster, (await canBuild()) ? await builtHere(settings) : builtInImage());
}

async function builtHere(settings: Settings): Promise<ImageDefinition> {
  await ensurePrograms(settings.cacheFolder, ["s3"]);
  const from = programPaths(settings.cacheFolder).s3;
  return {
    name: s3Image,
    containerfile: 'FROM scratch\nCOPY s3 /s3\nENTRYPOINT ["/s3"]\n',
    context: { s3: { from, mode: 0o755 } },
  };
}

function builtInImage(): ImageDefinition {
  const files = readdirSync(sources).map((name): [string, ContextFile] => [
    name,
    { from: join(sources, name) },
  ]);
  const build = "CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /s3 github.com/minio/minio";
  return {
    name: s3Image,
    containerfile: `FROM docker.io/library/golang:1.24 AS build
WORKDIR /source
COPY . .
RUN ${build}
FROM scratch
COPY --from=build /s3 /s3
ENTRYPOINT ["/s3"]
`,
    context: Object.fromEntries(files),
  };
}
