// Every kind of storage keeps the promises of the Storage interface, on real servers.
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, truncateSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { openDrivers, type StorageOf } from "../../sidecar/filer/drivers.ts";
import { retry } from "../../sidecar/filer/retry.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { cutHalves, rawBody, startRawServer } from "./file-server.ts";
import { startBusyProxy } from "./minio.ts";
import { useServers } from "./servers.ts";
import { download, makeFile, makeReceiver, testStorage } from "./storage-suite.ts";

const MIB = 1024 * 1024;

const servers = useServers();

const settings = (): StorageSettings => ({ s3: servers.minio.settings });
const open = (
  change: Partial<StorageSettings["s3"]> = {},
  signal = new AbortController().signal,
): StorageOf => openDrivers({ s3: { ...settings().s3, ...change } }, signal);

testStorage("s3", {
  makeBase: async () => `s3://${await servers.minio.makeBucket()}`,
  open: (signal) => open({}, signal),
  look: async (base) => {
    const bucket = base.slice("s3://".length);
    const names: string[] = [];
    for await (const { name } of servers.minio.client.listObjectsV2(bucket, "", true)) names.push(name);
    // MinIO lists these by their whole name only.
    const parts = servers.minio.client.listIncompleteUploads(bucket, "deep/file", true);
    for await (const { key } of parts) names.push(key);
    return names;
  },
  lists: true,
});

testStorage("http", {
  makeBase: () => Promise.resolve(`${servers.http.url}/${randomBytes(4).toString("hex")}`),
  open: (signal) => open({}, signal),
  lists: false,
});

describe("s3", () => {
  test("a listing holds what is below the folder, over many pages, and not its neighbours", async () => {
    const bucket = await servers.minio.makeBucket();
    const names = Array.from({ length: 1100 }, (_, index) => `dir/${String(index).padStart(4, "0")}`);
    await Promise.all(names.map((name) => servers.minio.client.putObject(bucket, name, "x")));
    for (const name of ["dirx/no", "dir.txt", "dir/sub/deep"])
      await servers.minio.client.putObject(bucket, name, "yy");
    const expected = [
      ...names.map((name) => ({ path: name.slice(4), sizeBytes: 1 })),
      { path: "sub/deep", sizeBytes: 2 },
    ];
    for (const url of [`s3://${bucket}/dir`, `s3://${bucket}/dir/`]) {
      expect(await Array.fromAsync((await open()(url)).list(url))).toEqual(expected);
    }
  }, 30_000);

  const url = "s3://bucket/key";
  test.each([
    {
      title: "a bucket that is not there",
      url: "s3://no-such-bucket/key",
      kind: "not-found",
      words: "bucket",
    },
    { title: "a name that no bucket can have", url: "s3://A_/key", kind: "permanent", words: "ucket" },
    {
      title: "a wrong key",
      change: { secretAccessKey: "wrong" },
      url,
      kind: "denied",
      words: "SignatureDoesNotMatch",
    },
    {
      title: "an unknown user",
      change: { accessKeyId: "nobody" },
      url,
      kind: "denied",
      words: "InvalidAccessKeyId",
    },
    { title: "no keys", change: { accessKeyId: undefined }, url, kind: "denied", words: "AccessDenied" },
    {
      title: "no server",
      change: { endpoint: "http://127.0.0.1:1" },
      url,
      kind: "transient",
      words: "connect",
    },
    { title: "dots in the key", url: "s3://bucket/a/../b", kind: "permanent", words: ".." },
    { title: "no bucket", url: "s3:///key", kind: "permanent", words: "bucket" },
  ])("$title: told for what it is", async ({ change, url, kind, words }) => {
    await servers.minio.client.makeBucket("bucket").catch(() => undefined); // made by an earlier row
    const storage = await open(change)(url);
    const file = makeFile(10);
    for (const attempt of [() => storage.upload(file, 10, url), () => download(storage, url)]) {
      const error = await attempt().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: "StorageError", kind });
      const { message } = error as Error;
      expect(message).toContain(words);
      expect(message).not.toMatch(/X-Amz|Signature=/);
    }
  });

  test.each([
    ["s3://brand-new-bucket", "by its own URL"],
    ["s3://brand-new-bucket/", "with a slash"],
  ])("a bucket is neither made nor written to as if it were an object: %s", async (url) => {
    const storage = await open()(url);
    const named = { kind: "permanent", message: "it names a bucket and no object in it" };
    await expect(storage.upload(makeFile(0), 0, url)).rejects.toMatchObject(named);
    await expect(storage.upload(makeFile(10), 10, url)).rejects.toMatchObject(named);
    // The folder that is kept is the bucket, which is there or not.
    await storage.makeFolder?.(url);
    await expect(download(storage, url)).rejects.toMatchObject({ ...named, kind: "not-found" });
    expect(await storage.sizeOf?.(url)).toBeUndefined();
    expect(await servers.minio.client.bucketExists("brand-new-bucket")).toBe(false);
  });

  test("a region that is not given is asked for", async () => {
    const url = `s3://${await servers.minio.makeBucket()}/key`;
    const storage = await open({ region: undefined })(url);
    await storage.upload(makeFile(10), 10, url);
    expect(await download(storage, url)).toHaveLength(10);
  });

  test("a public bucket is read without keys", async () => {
    const bucket = await servers.minio.makeBucket();
    const statement = {
      Effect: "Allow",
      Principal: "*",
      Action: ["s3:GetObject"],
      Resource: [`arn:aws:s3:::${bucket}/*`],
    };
    await servers.minio.client.setBucketPolicy(
      bucket,
      JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    );
    await servers.minio.client.putObject(bucket, "a key/ü#?", "public");
    const storage = await open({ accessKeyId: undefined, secretAccessKey: undefined })("s3://");
    expect((await download(storage, `s3://${bucket}/a key/ü#?`)).toString()).toBe("public");
  });

  test("a server that is busy now and then is asked again, part by part", async () => {
    using busy = startBusyProxy(servers.minio.settings.endpoint ?? "");
    const bucket = await servers.minio.makeBucket();
    const url = `s3://${bucket}/large`;
    const { signal } = new AbortController();
    const storage = await open({ endpoint: busy.url })(url);
    const file = makeFile(40 * MIB);
    await retry(() => storage.upload(file, 40 * MIB, url), { signal, firstPauseMilliseconds: 1 });
    expect((await download(await open()(url), url)).equals(readFileSync(file))).toBe(true);
    expect(busy.refused()).toBeGreaterThan(2);
  }, 30_000);

  test("an object that is stored as gzip stays gzip", async () => {
    const bucket = await servers.minio.makeBucket();
    const bytes = gzipSync("text".repeat(100));
    await servers.minio.client.putObject(bucket, "key", bytes, bytes.length, { "Content-Encoding": "gzip" });
    const storage = await open()("s3://");
    expect((await download(storage, `s3://${bucket}/key`)).equals(bytes)).toBe(true);
  });

  test("an upload in parts that fails leaves nothing behind", async () => {
    const bucket = await servers.minio.makeBucket();
    const url = `s3://${bucket}/large`;
    const stop = new AbortController();
    const storage = await open({}, stop.signal)(url);
    const file = makeFile(20 * MIB);
    // The file is shorter than was said: its last part cannot be sent as announced.
    truncateSync(file, 17 * MIB);
    await expect(storage.upload(file, 20 * MIB, url)).rejects.toMatchObject({ name: "StorageError" });
    expect(await Array.fromAsync(servers.minio.client.listObjectsV2(bucket, "", true))).toEqual([]);
    expect(await Array.fromAsync(servers.minio.client.listIncompleteUploads(bucket, "large", true))).toEqual(
      [],
    );
  }, 60_000);
});

describe("http", () => {
  test.each([
    [404, "not-found"],
    [410, "not-found"],
    [401, "denied"],
    [403, "denied"],
    [400, "permanent"],
    [408, "transient"],
    [429, "transient"],
    [500, "transient"],
    [503, "transient"],
  ])("status %d is %s, and its page is no file", async (status, kind) => {
    const storage = await open()(servers.http.url);
    await expect(download(storage, `${servers.http.url}/status/${status}`)).rejects.toMatchObject({ kind });
  });

  test("a redirect is followed", async () => {
    const storage = await open()(servers.http.url);
    await storage.upload(makeFile(10), 10, `${servers.http.url}/target`);
    expect(await download(storage, `${servers.http.url}/redirect/target`)).toHaveLength(10);
  });

  test("a user in the URL is sent as basic authentication", async () => {
    const storage = await open()(servers.http.url);
    const url = servers.http.url.replace("//", "//me:a%20secret@");
    expect((await download(storage, `${url}/authorization`)).toString()).toBe(`Basic ${btoa("me:a secret")}`);
  });

  test("a query stays part of the URL", async () => {
    const storage = await open()(servers.http.url);
    await storage.upload(makeFile(7), 7, `${servers.http.url}/signed?signature=x`);
    expect(await download(storage, `${servers.http.url}/signed?signature=x`)).toHaveLength(7);
    await expect(download(storage, `${servers.http.url}/signed`)).rejects.toMatchObject({
      kind: "not-found",
    });
  });

  test("a body that ends too early is an error, and what came of it is kept", async () => {
    const storage = await open()(servers.http.url);
    const receiver = makeReceiver();
    const { file } = receiver;
    await expect(storage.download(`${servers.http.url}/cut`, receiver)).rejects.toMatchObject({
      kind: "transient",
    });
    // The runtime may keep the last bytes before the cut to itself; none may be wrong.
    expect(cutHalves[0]).toStartWith(readFileSync(file).toString());
    // The runtime may first try the connection that was cut.
    const { signal } = new AbortController();
    const resumed = retry(() => storage.download(`${servers.http.url}/cut`, receiver), {
      signal,
      firstPauseMilliseconds: 1,
    });
    expect(await resumed).toBe(cutHalves.join("").length);
    expect(readFileSync(file).toString()).toBe(cutHalves.join(""));
  });

  test("the first bytes of one version never become those of another", async () => {
    const answers = [
      `HTTP/1.1 200 OK\r\n${rawBody("one", 600_000, "1".repeat(300_000))}`,
      `HTTP/1.1 200 OK\r\n${rawBody("two", 600_000, "")}`,
      `HTTP/1.1 200 OK\r\n${rawBody("two", 600_000, "2".repeat(600_000))}`,
    ];
    const requests: string[] = [];
    const server = startRawServer((request) => {
      requests.push(request);
      return answers.shift() ?? "";
    });
    const url = `http://127.0.0.1:${server.port}/`;
    const storage = await open()(url);
    const receiver = makeReceiver();
    const { file } = receiver;
    const cut = () => expect(storage.download(url, receiver)).rejects.toMatchObject({ kind: "transient" });
    await cut();
    const came = statSync(file).size;
    await cut();
    expect(await storage.download(url, receiver)).toBe(600_000);
    server.stop();
    expect(readFileSync(file, "utf8")).toBe("2".repeat(600_000));
    expect(requests.map((request) => /range: bytes=\d+/i.exec(request)?.[0].toLowerCase())).toEqual([
      undefined,
      `range: bytes=${came}`,
      undefined,
    ]);
  });

  test("there is no listing", async () => {
    const storage = await open()(servers.http.url);
    await expect(Array.fromAsync(storage.list(servers.http.url))).rejects.toMatchObject({
      kind: "permanent",
    });
  });
});

test.each([
  ["gopher://user:secret@host/file", 'Cannot use "gopher://host/file": the scheme gopher is not supported'],
  ["/a/bare/path", 'Cannot use "/a/bare/path": a URL without a scheme is not supported'],
])("%s is refused in words, without what is secret in it", async (url, words) => {
  const error = await open()(url).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ name: "StorageError", kind: "permanent" });
  expect((error as Error).message).toStartWith(words);
});
