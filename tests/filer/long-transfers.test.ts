// What is large or slow: whether it fits is known before, how far it is told on the way, and it ends when it is to end.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { stageInputs, uploadOutputs } from "../../sidecar/filer/filer.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { rootsBelow } from "../../sidecar/roots.ts";
import { executor, makePlan } from "../step/scratch-pod.ts";
import { atEnd } from "../support/cleanups.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { type FaultPlan, startFaultProxy } from "./fault-proxy.ts";
import { type Minio, startMinio } from "./minio.ts";

const MIB = 1024 * 1024;

let minio: Minio;
beforeAll(async () => {
  minio = await startMinio();
}, 900_000);
afterAll(() => minio[Symbol.asyncDispose]());

const minioPort = (): number => Number(new URL(minio.settings.endpoint ?? "").port);

/** MinIO behind a proxy that lets a kilobyte a second through. */
const slowly = (side: FaultPlan["side"]) =>
  startFaultProxy(minioPort(), {
    fault: { kind: "slow" },
    side,
    skip: 0,
    times: Number.POSITIVE_INFINITY,
    sparesLooks: true,
  });

interface Laid {
  folder: string;
  events: ReportEvent[];
  stop: AbortController;
  /** The reason of the failure, or "done". */
  stage(): Promise<string>;
  upload(): Promise<string>;
}

function lay(port: number, more: Partial<WrittenPlan>): Laid {
  const scratch = mkdtempSync(join(tmpdir(), "tespod-long-"));
  atEnd(() => rm(scratch, { recursive: true }));
  const roots = rootsBelow(scratch);
  const folder = join(roots.work, "m0");
  mkdirSync(folder, { recursive: true });
  const events: ReportEvent[] = [];
  const stop = new AbortController();
  const context = {
    plan: makePlan([executor(["true"])], { mounts: [{ path: "/data", folder: "m0", file: false }], ...more }),
    roots,
    storage: { s3: { ...minio.settings, endpoint: `http://127.0.0.1:${port}` } },
    signal: stop.signal,
    report: (event: ReportEvent) => void events.push(event),
    progressMilliseconds: 50,
  };
  const reason = (work: Promise<unknown>) => work.then(() => "done", reasonOf);
  return {
    folder,
    events,
    stop,
    stage: () => reason(stageInputs(context)),
    upload: () => reason(uploadOutputs(context)),
  };
}

async function bucketWith(sizes: Record<string, number>): Promise<string> {
  const bucket = await minio.makeBucket();
  for (const [key, bytes] of Object.entries(sizes))
    await minio.client.putObject(bucket, key, Buffer.alloc(bytes, "x"));
  return bucket;
}

async function untilTrue(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`It does not come to this: ${condition}`);
    await Bun.sleep(5);
  }
}

const file = (url: string, path = "/data/in"): WrittenPlan["inputs"][number] => ({ url, path, type: "FILE" });
const left = (folder: string): string[] => readdirSync(folder, { recursive: true }) as string[];

describe("what does not fit", () => {
  test("files are refused before a byte of any is asked for, with what is needed and what is free", async () => {
    await using proxy = await slowly("answer");
    const bucket = await bucketWith({ one: 6000, two: 5000 });
    const inputs = [file(`s3://${bucket}/one`), file(`s3://${bucket}/two`, "/data/two")];
    const laid = lay(proxy.port, { inputs, workBytesMax: 10_000 });
    expect(await laid.stage()).toBe(
      `Cannot stage "s3://${bucket}/two" as "/data/two": ` +
        "the inputs need 11000 bytes or more, and the work volume has 10000 bytes free",
    );
    expect(proxy.hits()).toBe(0);
    expect(left(laid.folder)).toEqual([]);
  });

  test("a folder is refused once its listing is too much, however much of it waits", async () => {
    const names = Array.from({ length: 300 }, (_, index) => [`dir/${index}`, 100] as const);
    const bucket = await bucketWith(Object.fromEntries(names));
    const inputs: WrittenPlan["inputs"][number][] = [
      { url: `s3://${bucket}/dir`, path: "/data/dir", type: "DIRECTORY" },
    ];
    const laid = lay(minioPort(), { inputs, workBytesMax: 29_999 });
    expect(await laid.stage()).toContain(
      "need 30000 bytes or more, and the work volume has 29999 bytes free",
    );
    expect(left(laid.folder).filter((name) => name.includes("part"))).toEqual([]);
    expect(await lay(minioPort(), { inputs, workBytesMax: 30_000 }).stage()).toBe("done");
  });
});

describe("progress", () => {
  test("of a slow download is told ever more rarely, and a cancel leaves nothing of it", async () => {
    await using proxy = await slowly("answer");
    const bucket = await bucketWith({ one: MIB });
    const laid = lay(proxy.port, { inputs: [file(`s3://${bucket}/one`)] });
    const start = performance.now();
    const staging = laid.stage();
    const told = () => laid.events.flatMap((event) => (event.type === "progress" ? event : []));
    await untilTrue(() => told().length >= 3 && (told().at(-1)?.bytes ?? 0) > 0);
    const seconds = (performance.now() - start) / 1000;
    laid.stop.abort(new Error("enough"));
    expect(await staging).toBe("enough");
    expect(left(laid.folder)).toEqual([]);
    for (const event of told()) {
      expect(event).toMatchObject({ phase: "staging", files: 0 });
      // On a busy machine the first may be told before the size is known.
      if (event.bytes > 0 || event.total) expect(event.total).toEqual({ files: 1, bytes: MIB });
    }
    expect(told().length).toBeLessThanOrEqual(1 + Math.log2(seconds / 0.05));
  });

  test("of a slow upload is told, and a cancel takes back what was begun", async () => {
    await using proxy = await slowly("request");
    const bucket = await minio.makeBucket();
    const outputs = [{ url: `s3://${bucket}/large`, path: "/data/large", type: "FILE" as const }];
    const laid = lay(proxy.port, { outputs });
    writeFileSync(join(laid.folder, "large"), Buffer.alloc(40 * MIB));
    const uploading = laid.upload();
    await untilTrue(() => proxy.hits() > 0 && laid.events.some(({ type }) => type === "progress"));
    laid.stop.abort(new Error("enough"));
    expect(await uploading).toBe("enough");
    expect(await Array.fromAsync(minio.client.listIncompleteUploads(bucket, "large", true))).toEqual([]);
    expect(await Array.fromAsync(minio.client.listObjectsV2(bucket, "", true))).toEqual([]);
  });
});

describe("a time that is up", () => {
  test.each([
    { secondsMax: { transfer: 1 }, words: (url: string) => `Cannot stage "${url}" as "/data/in"` },
    { secondsMax: { staging: 1 }, words: () => "Cannot stage the inputs" },
  ])("$secondsMax ends a download in words, and nothing of it is left", async ({ secondsMax, words }) => {
    await using proxy = await slowly("answer");
    const bucket = await bucketWith({ one: MIB });
    const laid = lay(proxy.port, { inputs: [file(`s3://${bucket}/one`)], secondsMax });
    expect(await laid.stage()).toBe(`${words(`s3://${bucket}/one`)}: it takes longer than 1 s`);
    expect(left(laid.folder)).toEqual([]);
  });

  test.each([
    { secondsMax: { transfer: 1 }, words: (url: string) => `Cannot upload "/data/out" to "${url}"` },
    { secondsMax: { upload: 1 }, words: () => "Cannot upload the outputs" },
  ])("$secondsMax ends an upload in words, and nothing of it is left", async ({ secondsMax, words }) => {
    await using proxy = await slowly("request");
    const bucket = await minio.makeBucket();
    const outputs = [{ url: `s3://${bucket}/out`, path: "/data/out", type: "FILE" as const }];
    const laid = lay(proxy.port, { outputs, secondsMax });
    writeFileSync(join(laid.folder, "out"), Buffer.alloc(MIB));
    expect(await laid.upload()).toBe(`${words(`s3://${bucket}/out`)}: it takes longer than 1 s`);
    expect(await Array.fromAsync(minio.client.listObjectsV2(bucket, "", true))).toEqual([]);
  });
});
