// Random tasks end on the cluster as the same commands do here: codes, both streams, every file, byte for byte.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PQueue from "p-queue";
import { createExcerpt } from "../../../sidecar/supervisor/excerpt.ts";
import { ensureRootfs } from "../../cluster/rootfs.ts";
import { readSettings } from "../../cluster/settings.ts";
import type { Deployed } from "../../support/deploy.ts";
import { type Ended, installApplets, runLocally } from "../../support/local-run.ts";
import { type RandomTask, randomTask } from "../../support/random-tasks.ts";
import { connectS3, type S3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { stagedBy, stagings } from "./staging.ts";
import { busybox } from "./tasks.ts";

const given = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);
/** Some three executors each; TESPOD_RANDOM_TASKS=500 for a night. */
const count = given("TESPOD_RANDOM_TASKS", 40);
const seed = given("TESPOD_RANDOM_SEED", Date.now() % 1_000_000);
/** Of those only, to look at what differed: TESPOD_RANDOM_ONLY=66,68. */
const only = process.env["TESPOD_RANDOM_ONLY"]?.split(",").map(Number);
/** As many as the node holds, and a few less: of more, the scheduler leaves some aside for as long as there are newer ones. */
const atOnce = 40;
const secondsMax = 600;
/** A long run tells how far it is each time that so many are done. */
const toldEach = 25;
const bucket = "e2e-random";
const [headBytes, tailBytes] = [2048, 8192];

const asTask = ({ folder, files, executors }: RandomTask, url: string) => ({
  // So little that all of them fit on the node at once.
  resources: { cpu_cores: 0.01, ram_gb: 0.03125 },
  inputs: Object.entries(files).map(([path, content]) => ({ path, content })),
  outputs: [{ url, path: folder, type: "DIRECTORY" }],
  volumes: [folder],
  executors: executors.map(({ startFails: _, ...executor }) => ({ image: busybox, ...executor })),
});

/** As the log shows it. */
function shown(bytes: Buffer): string {
  const excerpt = createExcerpt(headBytes, tailBytes);
  excerpt.add(bytes);
  return excerpt.text();
}

const expectedLog = ({ code, stdout, stderr }: Ended, startFails: boolean) => ({
  exit_code: code,
  stdout: shown(stdout),
  stderr: startFails ? expect.stringMatching(/./) : shown(stderr),
});

describe.skipIf(cluster === undefined)("random tasks", () => {
  const root = mkdtempSync(join(tmpdir(), "tespod-random-"));
  const applets = join(root, "bin");
  const queue = new PQueue({ concurrency: atOnce });
  let services: Deployed[];
  let s3: S3;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    services = [];
    for (const staging of stagings) services.push(await stagedBy(staging));
    s3 = connectS3(cluster.s3);
    await s3.bucket(bucket);
    installApplets(join(await ensureRootfs(readSettings().cacheFolder), "tools/busybox"), applets);
  }, 180_000);

  afterAll(() => rmSync(root, { recursive: true }));

  async function compare(index: number): Promise<void> {
    const task = randomTask(seed, index, root);
    const prefix = `${seed}-${index}`;
    const service = services[index % services.length];
    if (service === undefined) throw new Error("There is no service");
    const local = await runLocally(task, applets);
    const id = await service.tes.create(asTask(task, `s3://${bucket}/${prefix}`));
    const { state, logs } = await service.tes.wait(id, { seconds: secondsMax, everyMilliseconds: 500 });
    // Without empty folders: a workdir is made for its executor before it is known whether that will run.
    const stored = (await s3.keys(bucket, `${prefix}/`)).filter((key) => !key.endsWith("/"));
    const keys = stored.map((key) => key.slice(prefix.length + 1));
    const files = keys.map(async (key) => [
      key,
      (await s3.get(bucket, `${prefix}/${key}`)).toString("base64"),
    ]);
    expect({
      state,
      logs: logs?.[0]?.logs.map(({ exit_code, stdout, stderr }) => ({ exit_code, stdout, stderr })),
      files: Object.fromEntries(await Promise.all(files)),
    }).toEqual({
      state: local.state,
      logs: local.executors.map((ended, executor) =>
        expectedLog(ended, task.executors[executor]?.startFails ?? false),
      ),
      files: local.files,
    });
  }

  test(`${count} of seed ${seed} (TESPOD_RANDOM_TASKS, TESPOD_RANDOM_SEED) end as they do here`, async () => {
    const faults: string[] = [];
    const began = Date.now();
    let done = 0;
    const indices = only ?? Array.from({ length: count }, (_, index) => index);
    await queue.addAll(
      indices.map((index) => async () => {
        const fault = await compare(index).then(() => undefined, String);
        if (fault !== undefined) {
          const task = JSON.stringify(randomTask(seed, index, root).executors);
          faults.push(`Task ${index} of seed ${seed}: ${task}\n${fault}`);
          console.log(`    Task ${index} of seed ${seed} differs`);
        }
        done += 1;
        if (done % toldEach === 0 && done < indices.length) {
          const seconds = Math.round((Date.now() - began) / 1000);
          console.log(
            `    ${done} of ${indices.length} random tasks after ${seconds} s: ${faults.length} differ`,
          );
        }
      }),
    );
    console.log(`    ${indices.length} random tasks of seed ${seed}: ${faults.length} differ`);
    expect(faults).toEqual([]);
  }, 3_600_000);
});
