// HTTP as nginx speaks it, and as servers do that speak it badly: no page, no half and no other file is taken for the file.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openDrivers, type StorageOf } from "../../sidecar/filer/drivers.ts";
import { retry } from "../../sidecar/filer/retry.ts";
import type { Receiver, StorageSettings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { makeCertificates } from "./certificates.ts";
import { startRawServer } from "./file-server.ts";
import { findNginx, type Nginx, startNginx } from "./nginx.ts";
import { noS3 } from "./no-s3.ts";
import { download, makeFile, makeReceiver, testStorage } from "./storage-suite.ts";

const open = (signal = new AbortController().signal, more: Partial<StorageSettings> = {}): StorageOf =>
  openDrivers({ s3: noS3, ...more }, signal);

const get = async (url: string, more: Partial<StorageSettings> = {}): Promise<Buffer> =>
  await download(await open(undefined, more)(url), url);

const failureOf = (work: Promise<unknown>): Promise<string> => work.then(() => "no failure", reasonOf);

const found = await findNginx();
if ("missing" in found) console.log(`Skipping nginx: ${found.missing}`);

let certificates: string;
let nginx: Nginx | undefined;

beforeAll(async () => {
  certificates = makeCertificates();
  if ("root" in found) nginx = await startNginx(found.root, certificates);
}, 900_000);
afterAll(async () => await nginx?.[Symbol.asyncDispose]());

if ("root" in found) {
  let bases = 0;
  testStorage("http, nginx", {
    makeBase: () => {
      bases += 1;
      return Promise.resolve(`http://127.0.0.1:${nginx?.port}/base-${bases}`);
    },
    open,
    lists: false,
  });
}

describe.if("root" in found)("nginx", () => {
  const place = (name: string): { file: string; url: string } => {
    const { folder = "", port } = nginx ?? {};
    mkdirSync(join(folder, "digest"), { recursive: true });
    return { file: join(folder, name), url: `http://127.0.0.1:${port}/${name}` };
  };

  test("a download goes on by the time of change where there is no ETag, and only if that is long past", async () => {
    const { file, url } = place("dated");
    const bytes = Buffer.alloc(100_000, "0123456789");
    writeFileSync(file, bytes);
    const storage = await open()(url);
    for (const [age, kept] of [
      [3600, 40_000],
      [1, 0],
    ] as const) {
      utimesSync(file, Date.now() / 1000 - age, Date.now() / 1000 - age);
      // nginx has an ETag, so a proxy takes it away.
      using bare = withoutEtag(url);
      const receiver = makeReceiver();
      await storage.download(bare.url, receiver);
      writeFileSync(receiver.file, Buffer.alloc(40_000, "x"));
      await storage.download(bare.url, receiver);
      expect(
        readFileSync(receiver.file).equals(Buffer.concat([Buffer.alloc(kept, "x"), bytes.subarray(kept)])),
      ).toBe(true);
    }
  });

  test("a digest that the answer carries is compared", async () => {
    const { file, url } = place("digest/file");
    writeFileSync(file, "the bytes");
    const digest = (text: string) => `sha-256=:${createHash("sha256").update(text).digest("base64")}:`;
    expect((await get(`${url}?digest=${digest("the bytes")}`)).toString()).toBe("the bytes");
    expect(await failureOf(get(`${url}?digest=${digest("other bytes")}`))).toMatch(
      /^the sha256 of what was received is/,
    );
  });

  test("a folder's own page is no file, and a folder is no input", async () => {
    const { url } = place("digest/");
    expect(await failureOf(get(url))).toBe("the server answered 403");
    const listing = Array.fromAsync((await open()(url)).list(url));
    expect(await failureOf(listing)).toBe("HTTP has no listing of folders");
  });

  test("what may not be stored is told", async () => {
    const { url } = place("digest");
    const file = makeFile(10);
    const failure = await failureOf(open()(url).then((storage) => storage.upload(file, 10, `${url}/`)));
    expect(failure).toMatch(/^the server answered 4\d\d$/);
  });

  function withoutEtag(to: string): Disposable & { url: string } {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async ({ headers }) => {
        const answer = await fetch(to, { headers });
        const kept = [...answer.headers].filter(([name]) => name !== "etag");
        return new Response(answer.body, { status: answer.status, headers: kept });
      },
    });
    return { url: `http://127.0.0.1:${server.port}/`, [Symbol.dispose]: () => void server.stop(true) };
  }
});

describe("a server that speaks badly", () => {
  /** Downloads from a server that answers each request with the next of these. */
  async function receive(answers: string[], path = "/file"): Promise<{ text: string; requests: string[] }> {
    const requests: string[] = [];
    const left = [...answers];
    const server = startRawServer((request) => {
      requests.push(request);
      return left.length > 1 ? (left.shift() ?? "") : (left[0] ?? "");
    });
    const url = `http://127.0.0.1:${server.port}${path}`;
    try {
      const storage = await open()(url);
      const receiver = makeReceiver();
      const { signal } = new AbortController();
      const pauses = { attempts: 3, firstPauseMilliseconds: 1, signal };
      const text = await retry(() => storage.download(url, receiver), pauses).then(
        () => readFileSync(receiver.file, "utf8"),
        (error: unknown) => {
          // What is half there is never what the caller gets, but it must not be a page either.
          expect(readFileSync(receiver.file, "utf8")).not.toContain("<html>");
          return `failed: ${reasonOf(error)}`;
        },
      );
      return { text, requests };
    } finally {
      server.stop();
    }
  }

  const ok = "HTTP/1.1 200 OK\r\n";
  const html = "<html>please log in</html>";
  const page = `content-type: text/html; charset=utf-8\r\ncontent-length: ${html.length}\r\n\r\n${html}`;

  test.each([
    ["chunks that end", `${ok}transfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n`, "whole"],
    ["chunks without the last", `${ok}transfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n`, "failed: "],
    ["a chunk that is cut", `${ok}transfer-encoding: chunked\r\n\r\n9\r\nwhole`, "failed: "],
    ["a length that is not reached", `${ok}content-length: 9\r\n\r\nwhole`, "failed: "],
    ["neither length nor chunks", `${ok}\r\nwhole`, "failed: the server does not say where the file ends"],
    ["HTTP/1.0 without a length", "HTTP/1.0 200 OK\r\n\r\nwhole", "failed: the server does not say where"],
    [
      "neither, but a digest",
      `${ok}content-md5: ${createHash("md5").update("whole").digest("base64")}\r\n\r\nwhole`,
      "whole",
    ],
    [
      "neither, and a digest of more",
      `${ok}content-md5: ${createHash("md5").update("whole and more").digest("base64")}\r\n\r\nwhole`,
      "failed: the md5 of what was received",
    ],
    [
      "203, from a proxy that changes things",
      `HTTP/1.1 203 Changed\r\n${page}`,
      "failed: the server answered 203",
    ],
    ["202, come again later", `HTTP/1.1 202 Accepted\r\n${page}`, "failed: the server answered 202"],
    ["204", "HTTP/1.1 204 No Content\r\n\r\n", "failed: the server answered 204"],
    [
      "206 that nobody asked for",
      `HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-4/9\r\ncontent-length: 5\r\n\r\nwhole`,
      "failed: the server answered 206",
    ],
    ["300", `HTTP/1.1 300 Choices\r\n${page}`, "failed: the server answered 300"],
    ["304 that nobody asked for", "HTTP/1.1 304 Not Modified\r\n\r\n", "failed: the server answered 304"],
    ["a redirect to nowhere", `HTTP/1.1 302 Found\r\n${page}`, "failed: the server answered 302"],
    [
      "a redirect to itself",
      "HTTP/1.1 302 Found\r\nlocation: /file\r\ncontent-length: 0\r\n\r\n",
      "failed: more than 10 redirects",
    ],
    [
      "a redirect out of HTTP",
      "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n",
      "failed: the server redirects to file:",
    ],
  ])("%s", async (_, answer, expected) => {
    const { text } = await receive([answer]);
    expect(text).toStartWith(expected);
  });

  test.each([
    [
      "a login page behind a redirect",
      "/data",
      "/login?next=data",
      "failed: the server sent a web page instead of the file, from",
    ],
    [
      "a page behind a redirect for a file of data",
      "/reads.bam",
      "/elsewhere",
      "failed: the server sent a web page",
    ],
    ["a page behind a redirect, for a page", "/index.html", "/elsewhere", html],
    ["a page behind a redirect that is no login", "/data", "/elsewhere", html],
  ])("%s", async (_, path, location, expected) => {
    const { text } = await receive(
      [`HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`, `${ok}${page}`],
      path,
    );
    expect(text).toStartWith(expected);
    expect(text).not.toContain("next=");
  });

  test.each([
    ["/reads.bam", "failed: the server sent a web page instead of the file: is a login needed?"],
    ["/archive.tar.gz", "failed: the server sent a web page"],
    ["/page.html", html],
    ["/page", html],
    ["/", html],
  ])("a page, with success, at %s", async (path, expected) => {
    expect((await receive([`${ok}${page}`], path)).text).toStartWith(expected);
  });

  test("what is stored as gzip is not unpacked", async () => {
    const bytes = gzipSync("text".repeat(100));
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(bytes, { headers: { "content-encoding": "gzip", "content-type": "text/html" } }),
    });
    expect((await get(`http://127.0.0.1:${server.port}/a.html.gz`)).equals(bytes)).toBe(true);
  });

  test.each([
    ["a weak ETag", 'etag: W/"one"\r\n', undefined],
    ["a strong ETag", 'etag: "one"\r\n', 'if-range: "one"'],
    [
      "a weak ETag and a time",
      'etag: W/"one"\r\nlast-modified: Tue, 24 Nov 2020 00:00:00 GMT\r\ndate: Tue, 24 Nov 2026 00:00:00 GMT\r\n',
      undefined,
    ],
  ])("with %s, a download of which a part is there goes on or not", async (_, header, condition) => {
    const requests: string[] = [];
    const server = startRawServer((request) => {
      requests.push(request);
      return `${ok}${header}content-length: 9\r\n\r\n123456789`;
    });
    const url = `http://127.0.0.1:${server.port}/file`;
    const receiver = makeReceiver();
    await begun(url, receiver, 4);
    await again(url, receiver);
    server.stop();
    expect(readFileSync(receiver.file, "utf8")).toBe("123456789");
    expect(
      /^if-range:.*$/im
        .exec(requests.at(-1) ?? "")?.[0]
        ?.trim()
        .toLowerCase(),
    ).toBe(condition);
  });

  /** Downloads the file, and takes away what is behind so many bytes. */
  async function begun(url: string, receiver: Receiver, bytes: number): Promise<void> {
    await again(url, receiver);
    truncateSync(receiver.file, bytes);
  }

  /** These servers close every connection, and the runtime may first try one of those. */
  async function again(url: string, receiver: Receiver): Promise<void> {
    const storage = await open()(url);
    const { signal } = new AbortController();
    await retry(() => storage.download(url, receiver), { signal, firstPauseMilliseconds: 1 });
  }

  test.each([
    ["of a later start", "bytes 5-8/9", 4],
    ["of an earlier end", "bytes 4-7/9", 4],
    ["of another length than it has", "bytes 4-8/9", 4],
    ["that says nothing", "", 5],
  ])("an answer in parts %s is not put behind what is there", async (_, range, length) => {
    const field = range === "" ? "" : `content-range: ${range}\r\n`;
    let parts = 0;
    const server = startRawServer((request) => {
      const isFirst = /^range:/im.test(request) && parts === 0;
      if (isFirst) parts += 1;
      return isFirst
        ? `HTTP/1.1 206 Partial\r\netag: "one"\r\n${field}content-length: ${length}\r\n\r\n${"x".repeat(length)}`
        : `${ok}etag: "one"\r\ncontent-length: 9\r\n\r\n123456789`;
    });
    const url = `http://127.0.0.1:${server.port}/file`;
    const receiver = makeReceiver();
    await begun(url, receiver, 4);
    await again(url, receiver);
    server.stop();
    expect(parts).toBe(1);
    expect(readFileSync(receiver.file, "utf8")).toBe("123456789");
  });
});

describe("an upload", () => {
  /** What the server hears of an upload of ten bytes, and what comes of it. It answers with that, else with 201. */
  async function send(
    answer: (request: Request) => Response | undefined,
    query = "",
  ): Promise<{ result: string | undefined; heard: string[] }> {
    const heard: string[] = [];
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        const bytes = (await request.arrayBuffer()).byteLength;
        heard.push(
          `${request.method} ${new URL(request.url).pathname} ${bytes} ${request.headers.get("content-md5") ?? ""}`,
        );
        return answer(request) ?? new Response("stored", { status: request.method === "PUT" ? 201 : 404 });
      },
    });
    const url = `http://127.0.0.1:${server.port}/file${query}`;
    const storage = await open()(url);
    const file = makeFile(10);
    const md5 = createHash("md5").update(readFileSync(file)).digest("base64");
    const uploading = retry(() => storage.upload(file, 10, url), {
      signal: new AbortController().signal,
      firstPauseMilliseconds: 1,
      lastPauseMilliseconds: 1,
    });
    const result = (await uploading.catch(reasonOf))?.replace(url, "URL");
    return { result, heard: heard.map((line) => line.replace(md5, "MD5")) };
  }

  const looks = ["PUT /file 10 MD5", "HEAD /file 0 "];

  test("is sent once with its MD5, and looked at", async () => {
    expect(await send(() => undefined)).toEqual({ result: undefined, heard: looks });
  });

  test.each([200, 201, 202, 203, 204, 205])("that is answered with %p is stored", async (status) => {
    const { result, heard } = await send(({ method }) =>
      method === "PUT" ? new Response(null, { status }) : undefined,
    );
    expect({ result, heard }).toEqual({ result: undefined, heard: looks });
  });

  test.each([
    ["another length", 9, 'the server took 10 bytes as "URL", and says now that it has 9'],
    ["0, as servers do that make no body for HEAD,", 0, undefined],
    ["the right length", 10, undefined],
  ])(
    "of which the server tells %s afterwards is stored once, with a remark at most",
    async (_, size, remark) => {
      const { result, heard } = await send(({ method }) =>
        method === "HEAD" ? new Response(new Uint8Array(size)) : undefined,
      );
      expect({ result, heard }).toEqual({ result: remark, heard: looks });
    },
  );

  test.each([
    ["a denial", () => new Response(null, { status: 403 })],
    ["an error", () => new Response(null, { status: 500 })],
    ["a redirect for ever", () => Response.redirect("/file", 302)],
    ["a redirect to nowhere", () => Response.redirect("http://127.0.0.1:1/", 302)],
  ])("of which %s is all that is told afterwards is stored once", async (_, answer) => {
    const { result, heard } = await send(({ method }) => (method === "HEAD" ? answer() : undefined));
    expect(result).toBeUndefined();
    expect(heard.filter((line) => line.startsWith("PUT"))).toHaveLength(1);
  });

  test("to a signed URL is not looked at: the signature is for one method", async () => {
    expect((await send(() => undefined, "?signature=x")).heard.map((line) => line.slice(0, 9))).toEqual([
      "PUT /file",
    ]);
  });

  test("whose answer is cut after its status is stored once", async () => {
    const heard: string[] = [];
    const server = startRawServer((request) => {
      heard.push(request.slice(0, 4));
      return "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncut";
    });
    const url = `http://127.0.0.1:${server.port}/file?one=request`;
    expect(await (await open()(url)).upload(makeFile(10), 10, url)).toBeUndefined();
    server.stop();
    expect(heard).toEqual(["PUT "]);
  });

  test("goes where 307 sends it, bytes and all", async () => {
    const { heard, result } = await send(({ url }) =>
      url.endsWith("/file") ? Response.redirect("/moved", 307) : undefined,
    );
    expect(heard.slice(0, 2)).toEqual(["PUT /file 10 MD5", "PUT /moved 10 MD5"]);
    expect(result).toBeUndefined();
  });

  test("is not taken for stored where 302 sends to a page", async () => {
    const { result } = await send(({ url }) =>
      url.endsWith("/file") ? Response.redirect("/login", 302) : undefined,
    );
    expect(result).toBe("the server redirects with 302 what is sent to it");
  });
});

test("from TLS into the open, a host's words are not taken along, though the host is the same", async () => {
  const heard: string[] = [];
  using plain = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ headers }) => {
      heard.push(`plain ${headers.get("authorization")}`);
      return new Response("file");
    },
  });
  using secure = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: {
      key: readFileSync(join(certificates, "key.pem")),
      cert: readFileSync(join(certificates, "cert.pem")),
    },
    fetch: ({ headers }) => {
      heard.push(`secure ${headers.get("authorization")}`);
      return Response.redirect(`http://127.0.0.1:${plain.port}/`, 302);
    },
  });
  const ca = readFileSync(join(certificates, "cert.pem"), "utf8");
  const webHosts = () => [{ host: "127.0.0.1", bearer: "token", ca, plain: true }];
  await get(`https://127.0.0.1:${secure.port}/`, { webHosts });
  expect(heard).toEqual(["secure Bearer token", "plain null"]);
});
