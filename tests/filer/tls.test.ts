// S3 over TLS with a certificate authority of one's own.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executor, makePlan, makeScratchPod } from "../step/scratch-pod.ts";
import { startSidecar } from "../supervisor/pod.ts";
import { type Minio, startMinio } from "./minio.ts";

let folder: string;
let minio: Minio;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tespod-tls-"));
  const name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", join(folder, "private.key"), "-out", join(folder, "public.crt")];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...files, ...name],
    {
      stdio: "ignore",
    },
  );
  minio = await startMinio({ certificates: folder });
}, 900_000);

afterAll(async () => {
  await minio[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function stage(
  more: Record<string, string>,
): Promise<{ exitCode: number | null; text: string; events: string }> {
  using pod = makeScratchPod();
  const bucket = await minio.makeBucket();
  const source = join(folder, "source");
  writeFileSync(source, "over TLS");
  await minio.client.fPutObject(bucket, "key", source);
  const { endpoint = "", accessKeyId = "", secretAccessKey = "" } = minio.settings;
  using sidecar = startSidecar("stage-in", pod, {
    plan: makePlan([executor(["true"])], {
      mounts: [{ path: "/data", folder: "m0", file: false }],
      inputs: [{ path: "/data/in", type: "FILE", url: `s3://${bucket}/key` }],
    }),
    environment: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...more,
    },
  });
  const exitCode = await sidecar.exitCode;
  const text = exitCode === 0 ? readFileSync(join(pod.roots.work, "m0/in"), "utf8") : "";
  return { exitCode, text, events: JSON.stringify(sidecar.events()) };
}

test("an authority in NODE_EXTRA_CA_CERTS is trusted", async () => {
  const result = await stage({ NODE_EXTRA_CA_CERTS: join(folder, "public.crt") });
  expect(result).toMatchObject({ exitCode: 0, text: "over TLS" });
});

test("another is not", async () => {
  const result = await stage({});
  expect(result.exitCode).toBe(1);
  expect(result.events).toMatch(/certificate/i);
  expect(result.events).not.toMatch(/X-Amz|Signature=/);
}, 20_000);
