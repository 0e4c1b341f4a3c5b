// The programs that move files: the sidecar as its image has it, and rclone as Debian has it.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ENV_PLAN, LAID_OUT } from "../../sidecar/contract/paths.ts";
import { encodePlan } from "../../sidecar/contract/plan.ts";
import type { S3Settings } from "../../sidecar/filer/storage.ts";
import { executor, makePlan, type ScratchPod, startGate } from "../step/scratch-pod.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { type Measured, measure } from "./measured-process.ts";
import { imageEnvironment } from "./sidecar-program.ts";

/** What is moved: one file or folder, by its name in the folder where all local files of the bench lie. */
export interface Item {
  readonly name: string;
  readonly type: "FILE" | "DIRECTORY";
}

export interface Contender {
  readonly name: string;
  /** Stores the item under an s3 URL. */
  up(item: Item, url: string): Promise<Measured>;
  /** Brings back what is there as that item, which is not there yet. */
  down(url: string, item: Item): Promise<Measured>;
}

export const localFolder = (pod: ScratchPod): string => join(pod.roots.work, "m0");

/**
 * The whole program, from its start to its end: with the plan that it reads, on the way in with the layout, on the way out
 * with a gate and an executor that does nothing.
 */
export function sidecar(program: string, pod: ScratchPod, s3: S3Settings): Contender {
  const places = [`--root=${pod.root}`, `--image-bin=${pod.roots.imageBin}`];
  const run = (command: string, more: Partial<WrittenPlan>): Promise<Measured> => {
    rmSync(pod.roots.steps, { recursive: true, force: true });
    const mounts = [{ path: "/data", folder: "m0", file: false }];
    const plan = makePlan([executor(["true"])], { ...more, mounts });
    return measure({
      command: [program, command, ...places, `--termination-log=${pod.roots.terminationLog}`],
      environment: { ...imageEnvironment(), ...s3Environment(s3), [ENV_PLAN]: encodePlan(plan) },
    });
  };
  return {
    name: "tespod",
    async up({ name, type }, url) {
      const measured = run("supervise", {
        staging: "supervisor",
        outputs: [{ path: `/data/${name}`, type, url }],
      });
      const gate = await Promise.race([gateOf(pod), measured]);
      const result = await measured;
      if ("exitCode" in gate) await gate.exitCode;
      return result;
    },
    down: (url, { name, type }) => run("stage-in", { inputs: [{ path: `/data/${name}`, type, url }] }),
  };
}

/** The executor's gate, as soon as it may start. */
async function gateOf({ roots }: ScratchPod) {
  while (!existsSync(join(roots.steps, LAID_OUT))) await sleep(1);
  return startGate(roots, 0);
}

const s3Environment = ({
  endpoint,
  region,
  accessKeyId,
  secretAccessKey,
}: S3Settings): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint ?? "",
  AWS_REGION: region ?? "",
  AWS_ACCESS_KEY_ID: accessKeyId ?? "",
  AWS_SECRET_ACCESS_KEY: secretAccessKey ?? "",
});

/** What is more than its defaults is said in the table's text. */
const rcloneFlags = [
  ["--transfers=8", "--checkers=8", "--multi-thread-streams=4"],
  ["--s3-chunk-size=16Mi", "--s3-upload-concurrency=4", "--s3-upload-cutoff=16Mi"],
  // Each of these saves it requests: the bucket is there, the target is not, and what was stored is not looked at again.
  ["--s3-no-check-bucket", "--no-check-dest", "--no-traverse", "--s3-no-head"],
].flat();

export function rclone(
  [program, ...more]: readonly [string, ...string[]],
  pod: ScratchPod,
  s3: S3Settings,
): Contender {
  const environment = {
    RCLONE_CONFIG: "/dev/null",
    RCLONE_CONFIG_STORE_TYPE: "s3",
    RCLONE_CONFIG_STORE_PROVIDER: "Minio",
    RCLONE_CONFIG_STORE_ENDPOINT: s3.endpoint ?? "",
    RCLONE_CONFIG_STORE_REGION: s3.region ?? "",
    RCLONE_CONFIG_STORE_ACCESS_KEY_ID: s3.accessKeyId ?? "",
    RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY: s3.secretAccessKey ?? "",
  };
  const copy = ({ type }: Item, from: string, to: string): Promise<Measured> =>
    measure({
      command: [program, type === "FILE" ? "copyto" : "copy", ...rcloneFlags, ...more, from, to],
      environment,
    });
  const local = ({ name }: Item): string => join(localFolder(pod), name);
  return {
    name: "rclone",
    up: (item, url) => copy(item, local(item), url.replace("s3://", "store:")),
    down: (url, item) => copy(item, url.replace("s3://", "store:"), local(item)),
  };
}
