// npm run bench -- filer: files to and from S3, by the sidecar and by rclone in turn, against one MinIO; no cluster.
import { randomFillSync } from "node:crypto";
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { tryRun } from "../cluster/shell.ts";
import { type Minio, startMinio } from "../filer/minio.ts";
import { makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import { findDebianPackages } from "../support/debian.ts";
import { type Figure, figure } from "./figures.ts";
import { type Contender, localFolder, rclone, sidecar } from "./filer-contenders.ts";
import type { Measured } from "./measured-process.ts";
import { compileSidecar } from "./sidecar-program.ts";

/** So many files of that size: one is a file of its own, more are a folder. */
export interface Load {
  readonly count: number;
  readonly bytes: number;
  /** A hole instead of random bytes. */
  readonly isSparse: boolean;
}

const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** "1GiB", "20GiB-sparse", "10000x4KiB". */
export function parseLoad(text: string): Load {
  const [, count = "1", size, unit, sparse] = /^(?:(\d+)x)?(\d+)(KiB|MiB|GiB)(-sparse)?$/.exec(text) ?? [];
  const bytes = Number(size) * (units[unit ?? ""] ?? Number.NaN);
  if (!(bytes > 0 && Number(count) > 0))
    throw new Error(`--sizes="${text}": must be like 1GiB, 20GiB-sparse or 10000x4KiB`);
  return { count: Number(count), bytes, isSparse: sparse !== undefined };
}

const nameOf = ({ count, bytes, isSparse }: Load): string => {
  const unit = Object.keys(units).findLast((name) => bytes % (units[name] ?? 1) === 0) ?? "KiB";
  const size = `${bytes / (units[unit] ?? 1)} ${unit}${isSparse ? " (sparse)" : ""}`;
  return count === 1 ? size : `${count.toLocaleString("en")} files of ${size}`;
};

export interface FilerBench {
  readonly loads: readonly Load[];
  readonly rounds: number;
  /** Further ones of rclone. */
  readonly flags: readonly string[];
}

export async function* benchFiler({ loads, rounds, flags }: FilerBench): AsyncGenerator<Figure> {
  const found = await findDebianPackages({ unpack: ["rclone"], libraries: [] });
  if ("missing" in found) throw new Error(found.missing);
  using own = await compileSidecar();
  await using minio = await startMinio();
  for (const load of loads) {
    using pod = makeScratchPod();
    const contenders = [
      sidecar(own.path, pod, minio.settings),
      rclone([join(found.root, "usr/bin/rclone"), ...flags], pod, minio.settings),
    ] as const;
    yield* benchLoad({ load, pod, minio, contenders }, rounds);
  }
}

interface Bench {
  readonly load: Load;
  readonly pod: ScratchPod;
  readonly minio: Minio;
  readonly contenders: readonly [Contender, Contender];
}

type Direction = "up" | "down";
type Runs = Record<Direction, Measured>;

/** Each stores the same files and brings back what it stored; in every other round they change places. */
async function* benchLoad(bench: Bench, rounds: number): AsyncGenerator<Figure> {
  const { load, pod, contenders } = bench;
  fill(join(localFolder(pod), names.source), load);
  const results: [Runs, Runs][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const run = (contender: Contender) => thereAndBack(contender, bench, round === 0);
    const [first, second] = round % 2 === 0 ? contenders : contenders.toReversed();
    if (!first || !second) return;
    const runs = [await run(first), await run(second)] as [Runs, Runs];
    results.push(round % 2 === 0 ? runs : [runs[1], runs[0]]);
    console.error(
      `${nameOf(load)}, round ${round + 1}/${rounds}: ${results.at(-1)?.map(words).join("; rclone ")}`,
    );
  }
  for (const way of ["up", "down"] as const) {
    const pairs = results.map(([own, other]): [Measured, Measured] => [own[way], other[way]]);
    yield* figuresOf(`${nameOf(load)} ${way}`, load, pairs);
  }
}

const words = ({ up, down }: Runs): string =>
  `up ${up.seconds.toFixed(2)} s, down ${down.seconds.toFixed(2)} s`;

/** What is stored, and what comes back. */
const names = { source: "source", back: "back" };

async function thereAndBack(
  contender: Contender,
  { load, pod, minio }: Bench,
  compares: boolean,
): Promise<Runs> {
  const bucket = await minio.makeBucket();
  const [from, to] = [join(localFolder(pod), names.source), join(localFolder(pod), names.back)];
  const type = load.count === 1 ? "FILE" : "DIRECTORY";
  const url = `s3://${bucket}/item`;
  try {
    const up = await contender.up({ name: names.source, type }, url);
    const down = await contender.down(url, { name: names.back, type });
    if (compares && (await tryRun("diff", ["-rq", from, to])).code !== 0)
      throw new Error(`${contender.name} brings back other bytes than it stored`);
    return { up, down };
  } finally {
    rmSync(to, { recursive: true, force: true });
    await empty(minio, bucket);
  }
}

/** What was stored takes as much of the disk as the files do. */
async function empty({ client }: Minio, bucket: string): Promise<void> {
  const objects = await Array.fromAsync(client.listObjectsV2(bucket, "", true));
  await client.removeObjects(
    bucket,
    objects.map(({ name }: { name?: string }) => name ?? ""),
  );
  await client.removeBucket(bucket);
}

const chunkBytes = 16 * 1024 ** 2;

function fill(path: string, load: Load): void {
  mkdirSync(dirname(path), { recursive: true });
  if (load.count > 1) fillFolder(path, load);
  else if (load.isSparse) makeHole(path, load.bytes);
  else writeRandom(path, load.bytes);
}

function fillFolder(path: string, { count, bytes }: Load): void {
  // In a hundred folders.
  for (let index = 0; index < count; index += 1) {
    const folder = join(path, `part-${index % 100}`);
    if (index < 100) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${index}`), randomFillSync(Buffer.allocUnsafe(bytes)));
  }
}

function makeHole(path: string, bytes: number): void {
  const fd = openSync(path, "w");
  ftruncateSync(fd, bytes);
  closeSync(fd);
}

function writeRandom(path: string, bytes: number): void {
  const fd = openSync(path, "w");
  for (let rest = bytes; rest > 0; rest -= chunkBytes)
    writeSync(fd, randomFillSync(Buffer.allocUnsafe(Math.min(rest, chunkBytes))));
  closeSync(fd);
}

function* figuresOf(
  what: string,
  { count, bytes }: Load,
  pairs: readonly (readonly [Measured, Measured])[],
): Generator<Figure> {
  const [unit, amount] = count === 1 ? ["MiB/s", bytes / 1024 ** 2] : ["files/s", count];
  for (const [index, name] of ["tespod", "rclone"].entries()) {
    const runs = pairs.flatMap((pair) => pair[index] ?? []);
    const line = (more: string, of: string, values: number[]) =>
      figure("filer", `${what}: ${name}${more}`, of, values);
    yield line(
      "",
      unit,
      runs.map(({ seconds }) => amount / seconds),
    );
    yield line(
      ", processor",
      "s",
      runs.map(({ cpuSeconds }) => cpuSeconds),
    );
    yield line(
      ", memory over time",
      "MiB",
      runs.flatMap(({ residentMib }) => residentMib),
    );
    yield line(
      ", memory at its peak",
      "MiB",
      runs.map(({ peakMib }) => peakMib),
    );
  }
  yield figure(
    "filer",
    `${what}: rate / rclone's`,
    "",
    pairs.map(([own, other]) => other.seconds / own.seconds),
  );
}
