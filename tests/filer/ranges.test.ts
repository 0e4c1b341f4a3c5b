// Large objects in several ranges at once: whole and of one version, or in words, whatever becomes of each range.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { openDrivers } from "../../sidecar/filer/drivers.ts";
import { retry } from "../../sidecar/filer/retry.ts";
import type { S3Settings, Storage } from "../../sidecar/filer/storage.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { type Minio, startMinio } from "./minio.ts";
import { makeFile, makeReceiver } from "./storage-suite.ts";

const MIB = 1024 * 1024;
const PART_BYTES = 5 * MIB;
/** Five ranges, the last of which is short. */
const SIZE = 4 * PART_BYTES + 12_345;
const pauses = { attempts: 4, firstPauseMilliseconds: 1, lastPauseMilliseconds: 5 };

let minio: Minio;
let bucket: string;
let bytes: Buffer;
/** Those of an object of which only the size is known, so that nothing but the ranges themselves tells what is wrong. */
let unsummed: Buffer<ArrayBuffer>;

beforeAll(async () => {
  minio = await startMinio();
  bucket = await minio.makeBucket();
  bytes = await store("large", SIZE);
  unsummed = Buffer.from(new Uint8Array(randomBytes(SIZE)).buffer);
  await storeUnsummed("unsummed", unsummed);
}, 900_000);

afterAll(async () => {
  await minio[Symbol.asyncDispose]();
});

async function open(more: Partial<S3Settings> = {}, signal = new AbortController().signal): Promise<Storage> {
  const s3 = { ...minio.settings, partBytes: PART_BYTES, ...more };
  const patience = { stallMilliseconds: 20_000, bytesPerSecondMin: 1 };
  return await openDrivers({ s3, retry: pauses, patience }, signal)("s3://bucket/key");
}

const urlOf = (key: string): string => `s3://${bucket}/${key}`;

/** By the storage itself, so that the object has a CRC-32 of the whole. */
async function store(key: string, size: number): Promise<Buffer> {
  const file = makeFile(size);
  await (await open()).upload(file, size, urlOf(key));
  return readFileSync(file);
}

/** As the filer does it: the same receiver, again and again. */
async function fetchFrom(endpoint: string | undefined, key = "large"): Promise<Buffer> {
  const storage = await open(endpoint === undefined ? {} : { endpoint });
  const receiver = makeReceiver();
  const { signal } = new AbortController();
  const size = await retry(() => storage.download(urlOf(key), receiver), { ...pauses, signal });
  const received = readFileSync(receiver.file);
  expect(size).toBe(received.length);
  return received;
}

/** Not by a matcher, which would print megabytes. */
const isSame = (one: Buffer, other: Buffer): boolean => one.equals(other);

interface RangeProxy extends Disposable {
  url: string;
  /** The ranges that were asked for. */
  ranges: string[];
}

/** Before MinIO, a stand-in for servers that take ranges for something else than it does. */
function startRangeProxy(
  answer: (
    range: string,
    pass: (range: string | undefined) => Promise<Response>,
    index: number,
  ) => Promise<Response>,
): RangeProxy {
  const ranges: string[] = [];
  const proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async ({ url, method, headers }) => {
      const { pathname, search } = new URL(url);
      const pass = async (range: string | undefined): Promise<Response> => {
        const own = new Headers(headers);
        own.delete("range");
        if (range !== undefined) own.set("range", range);
        // Whole, or it would be passed on in chunks and without its length.
        return relabelled(
          await fetch(`${minio.settings.endpoint}${pathname}${search}`, { method, headers: own }),
          {},
        );
      };
      const range = headers.get("range");
      if (range === null) return await pass(undefined);
      ranges.push(range);
      return await answer(range, pass, ranges.length - 1);
    },
  });
  return {
    url: `http://127.0.0.1:${proxy.port}`,
    ranges,
    [Symbol.dispose]: () => void proxy.stop(true),
  };
}

const edges = (range: string): [number, number] => {
  const [start, end] = range.replace("bytes=", "").split("-").map(Number);
  return [start ?? 0, end ?? 0];
};

/** The same answer under other headers. */
const relabelled = async (response: Response, more: Record<string, string>): Promise<Response> =>
  new Response(await response.arrayBuffer(), {
    status: response.status,
    headers: { ...Object.fromEntries(response.headers), ...more },
  });

describe("ranges", () => {
  test("a large object comes in ranges from its end while the first answer brings its beginning", async () => {
    using proxy = startRangeProxy((range, pass) => pass(range));
    expect(isSame(await fetchFrom(proxy.url), bytes)).toBe(true);
    expect(proxy.ranges[0]).toBe(`bytes=${4 * PART_BYTES}-${SIZE - 1}`);
  });

  test.each([2 * PART_BYTES, 2 * PART_BYTES + 1, 3 * PART_BYTES])(
    "an object of %d bytes is whole",
    async (size) => {
      const stored = await store(`size-${size}`, size);
      expect(isSame(await fetchFrom(undefined, `size-${size}`), stored)).toBe(true);
    },
  );

  test("an object of which only the size is known is whole", async () => {
    using proxy = startRangeProxy((range, pass) => pass(range));
    expect(isSame(await fetchFrom(proxy.url, "unsummed"), unsummed)).toBe(true);
    expect(proxy.ranges.length).toBeGreaterThan(0);
  });

  test("an object that has an MD5 only comes in one piece, summed up on its way", async () => {
    const stored = randomBytes(SIZE);
    await minio.client.putObject(bucket, "md5", stored, SIZE);
    using proxy = startRangeProxy((range, pass) => pass(range));
    expect(isSame(await fetchFrom(proxy.url, "md5"), stored)).toBe(true);
    expect(proxy.ranges).toEqual([]);
  });
});

describe("faults", () => {
  const exchanges = [0, 1, 2, 3, 4];
  const port = (): number => Number(new URL(minio.settings.endpoint ?? "").port);

  test.each(exchanges)("a cut in the middle of answer %d is made good for", async (skip) => {
    for (const how of ["reset", "end"] as const) {
      const plan = { fault: { kind: "cut", at: 4, how }, side: "answer", skip, times: 1 } as const;
      await using proxy = await startFaultProxy(port(), plan);
      expect(isSame(await fetchFrom(`http://127.0.0.1:${proxy.port}`), bytes)).toBe(true);
      await using again = await startFaultProxy(port(), plan);
      const received = await fetchFrom(`http://127.0.0.1:${again.port}`, "unsummed");
      expect(isSame(received, unsummed)).toBe(true);
    }
  });

  test.each(exchanges)("a byte that changes in answer %d is no byte of the file", async (skip) => {
    const plan = { fault: { kind: "flip", at: 1 }, side: "answer", skip, times: 1 } as const;
    await using proxy = await startFaultProxy(port(), plan);
    expect(isSame(await fetchFrom(`http://127.0.0.1:${proxy.port}`), bytes)).toBe(true);
  });

  test("with every answer cut, the download fails in words", async () => {
    const fault = { kind: "cut", at: 0, how: "end" } as const;
    await using proxy = await startFaultProxy(port(), {
      fault,
      side: "answer",
      skip: 1,
      times: Number.POSITIVE_INFINITY,
    });
    await expect(fetchFrom(`http://127.0.0.1:${proxy.port}`)).rejects.toThrow(/after 4 attempts/);
  });

  test("a cancel ends all ranges with its reason", async () => {
    const stop = new AbortController();
    using proxy = startRangeProxy(async (range, pass, index) => {
      if (index === 1) stop.abort(new Error("enough"));
      return await pass(range);
    });
    const storage = await open({ endpoint: proxy.url }, stop.signal);
    await expect(storage.download(urlOf("large"), makeReceiver())).rejects.toThrow("enough");
  });
});

describe("servers that know better", () => {
  test("an object that is replaced between two ranges is the new one, and no mixture", async () => {
    await store("replaced", SIZE);
    const other = randomBytes(SIZE + 1000);
    using proxy = startRangeProxy(async (range, pass, index) => {
      if (index === 1) await minio.client.putObject(bucket, "replaced", other, other.length);
      return await pass(range);
    });
    expect(isSame(await fetchFrom(proxy.url, "replaced"), other)).toBe(true);
  });

  test("a server that heeds no condition and another version's range are not believed", async () => {
    using proxy = startRangeProxy(async (range, pass) =>
      relabelled(await pass(range), { etag: '"another"' }),
    );
    await expect(fetchFrom(proxy.url)).rejects.toThrow(/the file changed while it was downloaded/);
  });

  test("where ranges are ignored, the file comes whole", async () => {
    using proxy = startRangeProxy((_, pass) => pass(undefined));
    expect(isSame(await fetchFrom(proxy.url), bytes)).toBe(true);
  });

  test("where an answer says that it brings another range, the file comes whole", async () => {
    using proxy = startRangeProxy(async (range, pass) => {
      const [start, end] = edges(range);
      const label = { "content-range": `bytes ${start - 1}-${end - 1}/${SIZE}` };
      return await relabelled(await pass(range), label);
    });
    expect(isSame(await fetchFrom(proxy.url), bytes)).toBe(true);
  });

  test.each([
    { what: "a byte more", start: 0, end: 1 },
    { what: "a byte less", start: 0, end: -1 },
    { what: "bytes from one before", start: -1, end: -1 },
  ])("$what than the answer says is asked for again, or fails in words", async ({ start, end }) => {
    for (const times of [1, Number.POSITIVE_INFINITY]) {
      using proxy = startRangeProxy(async (range, pass, index) => {
        const [first, last] = edges(range);
        // The last range has nothing behind it.
        if (index >= times || last === SIZE - 1) return await pass(range);
        const wrong = await pass(`bytes=${first + start}-${last + end}`);
        return await relabelled(wrong, { "content-range": `bytes ${first}-${last}/${SIZE}` });
      });
      const received = await fetchFrom(proxy.url).catch((error: Error) => error.message);
      if (typeof received === "string") expect(received).toMatch(/not as long as|crc32/);
      else expect(isSame(received, bytes)).toBe(true);
    }
  });

  test("an answer without a length that brings too much writes nothing beyond its range", async () => {
    using proxy = startRangeProxy(async (range, pass, index) => {
      const response = await pass(range);
      if (index > 0) return response;
      const body = Buffer.concat([Buffer.from(await response.arrayBuffer()), Buffer.alloc(70_000, "x")]);
      const headers = new Headers(response.headers);
      headers.delete("content-length");
      const stream = new ReadableStream({
        start: (controller) => {
          controller.enqueue(body);
          controller.close();
        },
      });
      return new Response(stream, { status: 206, headers });
    });
    expect(isSame(await fetchFrom(proxy.url, "unsummed"), unsummed)).toBe(true);
  });
});

/** Stores an object in parts without any checksum, as old clients do; its ETag is none either. */
async function storeUnsummed(key: string, body: Buffer<ArrayBuffer>): Promise<void> {
  const upload = await minio.client.initiateNewMultipartUpload(bucket, key, {});
  const parts: { part: number; etag: string }[] = [];
  for (let start = 0; start < body.length; start += PART_BYTES) {
    const part = parts.length + 1;
    const url = await minio.client.presignedUrl("PUT", bucket, key, 600, {
      uploadId: upload,
      partNumber: String(part),
    });
    const answer = await fetch(url, { method: "PUT", body: body.subarray(start, start + PART_BYTES) });
    parts.push({ part, etag: answer.headers.get("etag")?.replaceAll('"', "") ?? "" });
  }
  await minio.client.completeMultipartUpload(bucket, key, upload, parts);
}
