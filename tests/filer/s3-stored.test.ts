// What S3 shows of an object after it said that all of it is stored: less than was sent is a failure, nothing at all is none.
import { expect, test } from "bun:test";
import { openDrivers } from "../../sidecar/filer/drivers.ts";
import type { S3Settings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { useServers } from "./servers.ts";
import { makeFile } from "./storage-suite.ts";

const servers = useServers();

const MIB = 1024 ** 2;
const sizeBytes = 12 * MIB;

async function send(s3: S3Settings, url: string): Promise<string> {
  const pauses = { attempts: 2, firstPauseMilliseconds: 1 };
  const settings = { s3: { ...s3, partBytes: 5 * MIB }, retry: pauses };
  const storage = await openDrivers(settings, new AbortController().signal)(url);
  return await storage.upload(makeFile(sizeBytes), sizeBytes, url).then(() => "stored", reasonOf);
}

test("a large file is stored by who may write to the bucket and read nothing of it", async () => {
  const bucket = await servers.minio.makeBucket();
  const statement = {
    Effect: "Allow",
    Principal: "*",
    Action: ["s3:PutObject", "s3:AbortMultipartUpload"],
    Resource: [`arn:aws:s3:::${bucket}/*`],
  };
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await servers.minio.client.setBucketPolicy(bucket, policy);
  const stranger = { ...servers.minio.settings, accessKeyId: undefined, secretAccessKey: undefined };
  expect(await send(stranger, `s3://${bucket}/large`)).toBe("stored");
  expect((await servers.minio.client.statObject(bucket, "large")).size).toBe(sizeBytes);
});

/** A stand-in for stores that answer each request of an upload in parts with success, and HEAD with those headers. */
function startStore(stored: Record<string, string>): Disposable & { readonly settings: S3Settings } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      await request.arrayBuffer();
      const { searchParams } = new URL(request.url);
      if (request.method === "HEAD") {
        const { "content-length": length = "0", ...headers } = stored;
        return new Response(new Uint8Array(Number(length)), { headers: { etag: '"e-3"', ...headers } });
      }
      if (searchParams.has("uploads"))
        return new Response(
          "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
        );
      if (request.method === "POST") return new Response("<CompleteMultipartUploadResult/>");
      return new Response(null, { status: 200, headers: { etag: '"e"' } });
    },
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  return {
    settings: { ...servers.minio.settings, endpoint },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

test.each([
  ["as much as was sent", { "content-length": String(sizeBytes) }, "stored"],
  ["a part less", { "content-length": String(10 * MIB) }, `${10 * MIB} of ${sizeBytes} bytes were stored`],
  ["nothing", {}, `0 of ${sizeBytes} bytes were stored`],
  [
    "as many other bytes",
    { "content-length": String(sizeBytes), "x-amz-checksum-crc32": "AAAAAA==" },
    "the crc32 of what is stored is AAAAAA== and not",
  ],
])("a store that shows %s", async (_, stored, words) => {
  using store = startStore(stored);
  expect(await send(store.settings, "s3://bucket/large")).toStartWith(words);
});
