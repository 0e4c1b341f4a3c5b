// A supervisor that is killed while it uploads in parts: what it tells, and that the clean-up by that takes back what is left.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { ENV_UPLOADS } from "../../sidecar/contract/paths.ts";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import {
  encodeUploads,
  sinceOf,
  type UnfinishedUpload,
  UPLOADS_LEFT,
  uploadSince,
} from "../../sidecar/contract/uploads.ts";
import { type Minio, startMinio } from "../filer/minio.ts";
import { executor, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import { startContainers, startSidecar } from "./pod.ts";

const minioMilliseconds = 600_000;
let minio: Minio;
let pod: ScratchPod;
beforeAll(async () => {
  minio = await startMinio();
}, minioMilliseconds);
afterAll(() => minio[Symbol.asyncDispose]());
beforeEach(() => {
  pod = makeScratchPod();
});
afterEach(() => pod[Symbol.dispose]());

const environment = (settings = minio.settings): Record<string, string> => ({
  AWS_ENDPOINT_URL_S3: settings.endpoint ?? "",
  AWS_REGION: settings.region ?? "",
  AWS_ACCESS_KEY_ID: settings.accessKeyId ?? "",
  AWS_SECRET_ACCESS_KEY: settings.secretAccessKey ?? "",
});

/** A task whose outputs are so many sparse files of so many MiB. */
const planOf = (bucket: string, names: readonly string[], mebibytes: number) => {
  const script = names
    .map((name) => `truncate -s ${mebibytes}M '${join(pod.root, "work/m0", name)}'`)
    .join(";");
  return makePlan([executor(["/bin/sh", "-c", script])], {
    staging: "supervisor",
    mounts: [{ path: "/data", folder: "m0", file: false }],
    outputs: names.map((name) => ({ path: `/data/${name}`, type: "FILE", url: `s3://${bucket}/${name}` })),
  });
};

const uploadsIn = (
  events: readonly ReportEvent[],
  type: "upload-begun" | "upload-ended",
): UnfinishedUpload[] =>
  events.flatMap((event) => (event.type === type ? [{ url: event.url, upload: event.upload }] : []));

async function leftIn(bucket: string): Promise<string[]> {
  const uploads = await Array.fromAsync(minio.client.listIncompleteUploads(bucket, "", true));
  return uploads.map(({ key }) => key);
}

async function cleanUp(uploads: readonly UnfinishedUpload[], settings = minio.settings) {
  using sidecar = startSidecar("clean-up", pod, {
    plan: makePlan([executor(["true"])]),
    environment: { ...environment(settings), [ENV_UPLOADS]: encodeUploads(uploads) },
  });
  return { exitCode: await sidecar.exitCode, said: sidecar.said() };
}

test("an upload that ends well is told to have begun and ended; one in a single piece is not told", async () => {
  const bucket = await minio.makeBucket();
  const large = planOf(bucket, ["large"], 17);
  const small = planOf(bucket, ["small"], 1);
  using running = await startContainers(pod, {
    plan: {
      ...large,
      executors: [...large.executors, ...small.executors],
      outputs: [...large.outputs, ...small.outputs],
    },
    environment: environment(),
  });
  await running.supervisor.exitCode;
  const events = running.supervisor.events();
  const begun = uploadsIn(events, "upload-begun");
  // First by its time, until the server has given it an id.
  expect(begun.map(({ url }) => url)).toEqual([`s3://${bucket}/large`, `s3://${bucket}/large`]);
  expect(begun.map(({ upload }) => sinceOf(upload) !== undefined)).toEqual([true, false]);
  expect(uploadsIn(events, "upload-ended")).toEqual(begun);
  expect(events.at(-1)).toMatchObject({ type: "finished", outcome: "complete" });
}, 60_000);

/** Uploads that were told to have begun, and not to have ended. */
function openIn(events: readonly ReportEvent[]): UnfinishedUpload[] {
  const ended = new Set(uploadsIn(events, "upload-ended").map(({ upload }) => upload));
  return uploadsIn(events, "upload-begun").filter(({ upload }) => !ended.has(upload));
}

test("killed before it knows the ids of its uploads: it has told when it asked for them", async () => {
  const bucket = await minio.makeBucket();
  using killed = await startContainers(pod, {
    plan: planOf(bucket, ["a", "b b", "c?d#e"], 512),
    environment: environment(),
  });
  while (uploadsIn(killed.supervisor.events(), "upload-begun").length === 0) await Bun.sleep(1);
  killed.supervisor.process.kill("SIGKILL");
  await killed.supervisor.exitCode;
  const open = openIn(killed.supervisor.events());
  expect(open.some(({ upload }) => sinceOf(upload) !== undefined)).toBe(true);
  expect(await cleanUp(open)).toEqual({ exitCode: 0, said: "" });
  expect(await leftIn(bucket)).toEqual([]);
}, 120_000);

test("of an upload whose id is not known, clean-up aborts what was begun since, has its key and is empty", async () => {
  const bucket = await minio.makeBucket();
  const begin = (key: string) => minio.client.initiateNewMultipartUpload(bucket, key, {});
  const earlier = await begin("a");
  await Bun.sleep(10);
  const upload = uploadSince(new Date());
  await Bun.sleep(10);
  const lost = await begin("a");
  const used = await begin("a");
  const part = { bucketName: bucket, objectName: "a", uploadID: used, partNumber: 1, headers: {} };
  await minio.client.uploadPart(part, Buffer.from("part"));
  const another = await begin("a b");
  expect(await cleanUp([{ url: `s3://${bucket}/a`, upload }])).toEqual({ exitCode: 0, said: "" });
  const left = await Array.fromAsync(minio.client.listIncompleteUploads(bucket, "", true));
  const ids = left.map(({ uploadId }) => uploadId);
  expect(ids.toSorted()).toEqual([earlier, used, another].toSorted());
  expect(ids).not.toContain(lost);
}, 60_000);

test("killed while it uploads: the journal names what is left, and clean-up aborts just that", async () => {
  const bucket = await minio.makeBucket();
  const another = await minio.client.initiateNewMultipartUpload(bucket, "another", {});
  const names = ["a", "b b", "c?d#e"];
  using killed = await startContainers(pod, {
    plan: planOf(bucket, names, 512),
    environment: environment(),
  });
  const ids = () => openIn(killed.supervisor.events()).filter(({ upload }) => sinceOf(upload) === undefined);
  while (ids().length < names.length) await Bun.sleep(1);
  killed.supervisor.process.kill("SIGKILL");
  await killed.supervisor.exitCode;
  const open = openIn(killed.supervisor.events());
  expect((await leftIn(bucket)).toSorted()).toEqual(
    ["another", ...ids().map(({ url }) => url.replace(`s3://${bucket}/`, ""))].toSorted(),
  );
  expect(open).not.toEqual([]);
  expect(await cleanUp(open)).toEqual({ exitCode: 0, said: "" });
  expect(await leftIn(bucket)).toEqual(["another"]);
  // Again, and of a bucket that went: nothing is left there either.
  expect(await cleanUp([...open, { url: "s3://no-such-bucket/x", upload: another }])).toMatchObject({
    exitCode: 0,
  });
}, 120_000);

test("an upload that cannot be aborted is named, without a credential, and the others are aborted", async () => {
  const bucket = await minio.makeBucket();
  const upload = await minio.client.initiateNewMultipartUpload(bucket, "mine", {});
  const uploads = [
    { url: "https://user:secret@example.org/x", upload: "1" },
    { url: `s3://${bucket}/mine`, upload },
  ];
  const { exitCode, said } = await cleanUp(uploads);
  expect(exitCode).toBe(UPLOADS_LEFT);
  expect(said).toContain("its storage has no uploads in parts");
  expect(said).not.toContain("secret");
  expect(await leftIn(bucket)).toEqual([]);
  const denied = await cleanUp([{ url: `s3://${bucket}/mine`, upload }], {
    ...minio.settings,
    secretAccessKey: "wrong",
  });
  expect(denied.exitCode).toBe(UPLOADS_LEFT);
  expect(denied.said).toContain(`Cannot abort an upload to "s3://${bucket}/mine": `);
}, 60_000);
