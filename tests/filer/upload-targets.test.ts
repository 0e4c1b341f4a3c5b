// What is known of outputs before anything is uploaded: only a clear answer counts, and each place is asked once.
import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { storageSettings } from "../../sidecar/filer/settings.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { missingTarget } from "../../sidecar/filer/upload-targets.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { rootsBelow } from "../../sidecar/roots.ts";
import { executor, makePlan } from "../step/scratch-pod.ts";
import { atEnd } from "../support/cleanups.ts";
import { startMadeUpServer } from "./made-up-ftp-server.ts";
import { noS3 } from "./no-s3.ts";
import { useServers } from "./servers.ts";

const servers = useServers();

/** The words of the fault; undefined if there is none. */
async function ask(
  urls: readonly string[],
  more: Partial<StorageSettings> = {},
): Promise<string | undefined> {
  const outputs = urls.map((url, index) => ({ url, path: `/out/${index}`, type: "FILE" as const }));
  const storage = { s3: servers.minio.settings, ...more };
  const { signal } = new AbortController();
  const plan = makePlan([executor(["true"])], { outputs });
  const roots = rootsBelow("/none");
  const fault = await missingTarget({ plan, roots, storage, signal, report: () => undefined });
  return fault && reasonOf(fault);
}

/** An S3 server of which only the answers to requests of a bucket matter. */
function startStore(answer: (request: Request) => Response): { s3: typeof noS3; asked: string[] } {
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      return answer(request);
    },
  });
  atEnd(() => server.stop(true));
  return { asked, s3: { ...noS3, endpoint: server.url.origin, region: "us-east-1" } };
}

const coded = (status: number, code: string) => (request: Request) =>
  new Response(request.method === "HEAD" ? null : `<Error><Code>${code}</Code></Error>`, { status });

describe("S3", () => {
  test("a bucket that is there is no fault; one that is not there is, with the field that names it", async () => {
    const bucket = await servers.minio.makeBucket();
    expect(await ask([`s3://${bucket}/a`, `s3://${bucket}/b/`])).toBeUndefined();
    expect(await ask([`s3://${bucket}/a`, "s3://no-such-bucket/x"])).toBe(
      'outputs[1].url: Cannot upload to "s3://no-such-bucket/x": the bucket does not exist',
    );
    expect(await servers.minio.client.bucketExists("no-such-bucket")).toBe(false);
  });

  test("keys that may not ask for the bucket may write to it all the same", async () => {
    const s3 = { ...servers.minio.settings, secretAccessKey: "wrong" };
    expect(await ask(["s3://no-such-bucket/x"], { s3 })).toBeUndefined();
  });

  test.each([
    { title: "404 of a gateway that knows no buckets", answer: coded(404, "NotImplemented") },
    { title: "404 without a code", answer: coded(404, "") },
    { title: "403", answer: coded(403, "AccessDenied") },
    { title: "503", answer: coded(503, "SlowDown") },
    { title: "301 without a region", answer: coded(301, "PermanentRedirect") },
    { title: "405", answer: coded(405, "MethodNotAllowed") },
  ])("$title is no clear answer", async ({ answer }) => {
    expect(await ask(["s3://bucket/x"], { s3: startStore(answer).s3 })).toBeUndefined();
  });

  test("NoSuchBucket is one", async () => {
    const { s3 } = startStore(coded(404, "NoSuchBucket"));
    expect(await ask(["s3://bucket/x"], { s3 })).toContain("the bucket does not exist");
  });

  test("a server that is not there may be there later", async () => {
    const s3 = { ...noS3, endpoint: "http://127.0.0.1:1" };
    expect(await ask(["s3://bucket/x"], { s3 })).toBeUndefined();
  });

  test("a host of the endpoint that no name server knows is a clear answer", async () => {
    const s3 = { ...noS3, endpoint: "http://s3.no-such-host.invalid" };
    expect(await ask(["s3://bucket/x"], { s3 })).toContain("its host is not known");
  });

  test("each bucket is asked for once, and of very many only some", async () => {
    const { s3, asked } = startStore(() => new Response());
    const urls = Array.from({ length: 3000 }, (_, index) => `s3://bucket-${index % 3}/${index}`);
    expect(await ask(urls, { s3 })).toBeUndefined();
    expect(asked.sort()).toEqual(["HEAD /bucket-0/", "HEAD /bucket-1/", "HEAD /bucket-2/"]);
    asked.length = 0;
    await ask(
      Array.from({ length: 1000 }, (_, index) => `s3://bucket-${index}/x`),
      { s3 },
    );
    expect(asked).toHaveLength(64);
  });

  test("an http URL that an endpoint claims is asked for as a bucket", async () => {
    const { endpoint = "" } = servers.minio.settings;
    const place = { buckets: ["*"], settings: servers.minio.settings, claimsHttp: true };
    const url = `${endpoint}/no-such-bucket/x`;
    expect(await ask([url], { s3Places: () => [place] })).toContain("the bucket does not exist");
    expect(await ask([url])).toBeUndefined();
  });
});

describe("HTTP", () => {
  test("a host that no name server knows is a clear answer, said without the login", async () => {
    expect(await ask(["https://user:secret@no-such-host.invalid/x?sig=secret"])).toBe(
      'outputs[0].url: Cannot upload to "https://no-such-host.invalid/x": its host is not known',
    );
  });

  test("but not where a proxy knows it", async () => {
    const { proxied = false } = storageSettings({ HTTPS_PROXY: "http://proxy:3128" });
    expect(await ask(["https://no-such-host.invalid/x"], { proxied })).toBeUndefined();
    expect(storageSettings({}).proxied).toBe(false);
  });

  test.each(["http://127.0.0.1:1/x", "http://[::1]:1/x", "http://localhost:1/x"])(
    "%s, where nothing listens, may be there later",
    async (url) => {
      expect(await ask([url])).toBeUndefined();
    },
  );
});

describe("FTP", () => {
  const refusing = (answer: string) => startMadeUpServer({ USER: "331 who says so?", PASS: answer });

  test("a login that is refused is a clear answer, said without the password", async () => {
    using server = refusing("530 not with secret");
    const url = server.url.replace("ftp://", "ftp://me:secret@");
    const words = await ask([`${url}/x`]);
    expect(words).toContain(
      `outputs[0].url: Cannot upload to "${server.url}/x": the server answered "530 not with`,
    );
    expect(words).not.toContain("secret");
  });

  test.each([
    "530 Sorry, the maximum number of clients for this user is reached",
    "421 Too many connections",
  ])('"%s" is none', async (answer) => {
    using server = refusing(answer);
    expect(await ask([`${server.url}/x`])).toBeUndefined();
  });

  test("a login that works is no fault, a host that no name server knows is", async () => {
    using server = startMadeUpServer({});
    expect(await ask([`${server.url}/x`])).toBeUndefined();
    expect(await ask(["ftp://no-such-host.invalid/x"])).toContain("its host is not known");
    expect(await ask(["ftp://127.0.0.1:1/x"])).toBeUndefined();
  });
});

describe("shared files", () => {
  const local = mkdtempSync(join(tmpdir(), "tespod-targets-"));
  atEnd(() => rm(local, { recursive: true }));
  for (const folder of ["base/sub", "elsewhere"]) mkdirSync(join(local, folder), { recursive: true });
  writeFileSync(join(local, "base/file"), "x");
  symlinkSync("/mnt/share/elsewhere", join(local, "base/out"));
  const root = normalizePath("/mnt/share");
  const bases = ["/mnt/share/base", "/mnt/share/later"].map(normalizePath);
  const files = { root, bases, local };

  test.each([
    ["/mnt/share/base/new", undefined],
    ["/mnt/share/base", undefined],
    ["/mnt/share/base/file", undefined],
    ["file:///mnt/share/base/sub/deeper/new", undefined],
    ["/mnt/share/later/new", undefined],
    ["/mnt/share/base/file/new", '"/mnt/share/base/file" is no folder'],
    ["/mnt/share/base/out/new", "it leads out of the folders that tasks may use"],
    ["/mnt/share/other/new", "it is not in the folders that tasks may use"],
  ])("%s: %p", async (url, words) => {
    const said = await ask([url], { s3: noS3, files });
    if (words === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(words);
  });
});

test.each([
  ["gs://b/x", "the scheme gs is not supported"],
  ["/no/claim", "a URL without a scheme is not supported"],
  ["drs://host/id", "DRS has no uploads"],
  ["s3://user:secret@b/x", "an s3 URL has no user and password"],
  ["ftp://h:99999/x", "99999 is no port"],
])("%s, which was accepted once, ends the task in words before it runs", async (url, words) => {
  expect(await ask([url])).toContain(words);
  expect(await ask([url])).not.toContain("secret");
});
