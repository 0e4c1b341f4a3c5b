// Inputs by drs://host/id. The bytes are on a real web server and in a real MinIO; the DRS server is a stand-in, which says of
// them what a DRS server says: none of those that exist can be started here.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { openDrivers } from "../../sidecar/filer/drivers.ts";
import { drsObjectUrl } from "../../sidecar/filer/drs-url.ts";
import { stageInputs } from "../../sidecar/filer/filer.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { executor, layOutPod, makePlan, makeScratchPod } from "../step/scratch-pod.ts";
import { makeCertificates } from "./certificates.ts";
import { type Minio, startMinio } from "./minio.ts";
import { findNginx, type Nginx, startNginx } from "./nginx.ts";
import { download, makeReceiver } from "./storage-suite.ts";

const found = await findNginx();
if ("missing" in found) console.log(`DRS is not tested: ${found.missing}`);

const BEARER = "the-operators-token";
const bytes = Buffer.from("bytes that a DRS server knows of");
const sum = (algorithm: string) => createHash(algorithm).update(bytes).digest("hex");

let nginx: Nginx;
let minio: Minio;
let drs: Bun.Server<undefined>;
let settings: StorageSettings;
/** What the stand-in answers, by the path below /ga4gh/drs/v1/objects/. */
const answers: Record<string, (request: Request) => Response> = {};
const requests: { path: string; authorization: string | null }[] = [];

beforeAll(async () => {
  if (!("root" in found)) return;
  const certificates = makeCertificates();
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(join(certificates, name), "utf8"));
  nginx = await startNginx(found.root, certificates);
  minio = await startMinio();
  drs = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { key, cert },
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      const path = pathname.replace("/ga4gh/drs/v1/objects/", "") + search;
      requests.push({ path, authorization: request.headers.get("authorization") });
      return answers[path]?.(request) ?? new Response('{"msg": "none", "status_code": 404}', { status: 404 });
    },
  });
  settings = {
    s3: minio.settings,
    webHosts: () => [
      { host: `127.0.0.1:${drs.port}`, bearer: BEARER, ca: cert, plain: false },
      { host: "127.0.0.1", ca: cert, plain: false },
    ],
    retry: { firstPauseMilliseconds: 1, attempts: 2 },
  };
  mkdirSync(join(nginx.folder, "private"));
  for (const name of ["file", "private/file"]) writeFileSync(join(nginx.folder, name), bytes);
}, 900_000);

afterAll(async () => {
  if (!("root" in found)) return;
  await drs.stop(true);
  await nginx[Symbol.asyncDispose]();
  await minio[Symbol.asyncDispose]();
});

const web = (path: string): string => `https://127.0.0.1:${nginx.tlsPort}/${path}`;
const drsUrl = (id: string): string => `drs://127.0.0.1:${drs.port}/${id}`;

/** Lets the stand-in know an object. */
function tell(id: string, object: object): string {
  answers[id] = () =>
    Response.json({ id, self_uri: drsUrl(id), created_time: "2026-01-01T00:00:00Z", ...object });
  return drsUrl(id);
}

const whole = () => ({
  size: bytes.length,
  checksums: [
    { type: "md5", checksum: sum("md5") },
    { type: "sha-256", checksum: sum("sha256").toUpperCase() },
  ],
});
const at = (url: string, more: object = {}) => ({
  access_methods: [{ type: "https", access_url: { url, ...more } }],
});

const get = async (url: string): Promise<string> =>
  (await download(await openDrivers(settings, new AbortController().signal)(url), url)).toString();
const failureOf = (url: string): Promise<string> => get(url).then(() => "no failure", reasonOf);

describe.if("root" in found)("an object", () => {
  test("is read from the URL that the server tells, and only the server itself gets its token", async () => {
    const seen: (string | null)[] = [];
    using elsewhere = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        seen.push(request.headers.get("authorization"));
        return new Response(bytes);
      },
    });
    requests.length = 0;
    expect(await get(tell("direct", { ...whole(), ...at(web("file")) }))).toBe(bytes.toString());
    expect(await get(tell("plain", { ...whole(), ...at(`${elsewhere.url}file`) }))).toBe(bytes.toString());
    expect(requests).toEqual(
      ["direct", "plain"].map((path) => ({ path, authorization: `Bearer ${BEARER}` })),
    );
    expect(seen).toEqual([null]);
  });

  test("is read from the URL that an access id stands for", async () => {
    const methods = [
      { type: "gs", access_url: { url: "gs://bucket/key" } },
      { type: "gs", access_id: "a/b c" },
    ];
    const url = tell("by-id", { ...whole(), access_methods: methods });
    answers["by-id/access/a%2Fb%20c"] = () => Response.json({ url: `${web("file")}?signature=secret` });
    expect(await get(url)).toBe(bytes.toString());
  });

  test("is read with the headers that the server names, which go to no other host", async () => {
    const headers = [`Authorization: Basic ${btoa("me:secret")}`, "Range: bytes=0-1"];
    expect(await get(tell("headers", { ...whole(), ...at(web("private/file"), { headers }) }))).toBe(
      bytes.toString(),
    );
    const map = Object.fromEntries(headers.map((line) => line.split(": ") as [string, string]));
    expect(await get(tell("map", { ...whole(), ...at(web("private/file"), { headers: map }) }))).toBe(
      bytes.toString(),
    );
    answers["away"] = () => Response.redirect(web("private/file"), 302);
    const away = `https://127.0.0.1:${drs.port}/ga4gh/drs/v1/objects/away`;
    expect(await failureOf(tell("redirected", { ...whole(), ...at(away, { headers }) }))).toBe(
      "the server answered 401",
    );
    const plain = { headers, url: "http://127.0.0.1:1/file" };
    expect(await failureOf(tell("open", { access_methods: [{ access_url: plain }] }))).toContain(
      "without TLS",
    );
    const split = ["X-A: b\r\nX-C: d"];
    expect(await failureOf(tell("split", at(web("file"), { headers: split })))).toContain("none can be");
  });

  test("is read from S3 with the operator's keys, and from https rather than S3", async () => {
    const bucket = await minio.makeBucket();
    await minio.client.putObject(bucket, "a b", bytes);
    const s3 = { type: "s3", access_url: { url: `s3://${bucket}/a b` } };
    expect(await get(tell("in-s3", { ...whole(), access_methods: [s3] }))).toBe(bytes.toString());
    const none = { type: "s3", access_url: { url: "s3://no-such-bucket/key" } };
    const both = [none, ...at(web("file")).access_methods];
    expect(await get(tell("both", { ...whole(), access_methods: both }))).toBe(bytes.toString());
  });

  test.each([
    ["another size", { size: 5 }, "32 bytes were received, and the DRS server says 5"],
    [
      "another MD5",
      { checksums: [{ type: "md5", checksum: "0".repeat(32) }] },
      "the md5 of what was received",
    ],
    [
      "another SHA-256",
      { checksums: [{ type: "sha-256", checksum: "0".repeat(64) }] },
      "the sha256 of what was received",
    ],
  ])("of %s than its bytes is no file", async (title, wrong, words) => {
    const url = tell(title.replaceAll(" ", "-"), { ...whole(), ...at(web("file")), ...wrong });
    const storage = await openDrivers(settings, new AbortController().signal)(url);
    const receiver = makeReceiver();
    await expect(storage.download(url, receiver)).rejects.toMatchObject({
      kind: "permanent",
      message: expect.stringContaining(words),
    });
    expect(readFileSync(receiver.file)).toHaveLength(0);
  });

  test.each<[title: string, answer: () => Response, kind: string, words: string]>([
    ["none", () => new Response("no", { status: 404 }), "not-found", "the DRS server answered 404"],
    ["a locked one", () => new Response("no", { status: 403 }), "denied", "the DRS server answered 403"],
    ["a web page", () => new Response("<html>"), "permanent", "no JSON"],
    ["something else", () => Response.json({ size: "5" }), "permanent", "not as DRS has it: size"],
    ["one without a way", () => Response.json({ id: "x" }), "permanent", "by https or s3 (but: none)"],
    [
      "one on the server's own disk",
      () => Response.json(at("file:///etc/passwd")),
      "permanent",
      "by https or s3 (but: https)",
    ],
    [
      "one that takes its time",
      () => new Response("", { status: 202, headers: { "retry-after": "3" } }),
      "transient",
      "still preparing",
    ],
  ])("%s is told for what it is", async (title, answer, kind, words) => {
    const id = title.replaceAll(" ", "-").replaceAll("'", "");
    answers[id] = answer;
    const storage = await openDrivers(settings, new AbortController().signal)(drsUrl(id));
    const error = await download(storage, drsUrl(id)).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "StorageError", kind, message: expect.stringContaining(words) });
    if (kind === "transient") expect(error).toMatchObject({ retryAfterMilliseconds: 3000 });
  });
});

describe.if("root" in found)("a bundle", () => {
  test.each(["DIRECTORY", "FILE"] as const)("that is declared a %s is staged as a folder", async (type) => {
    tell("one", { ...whole(), ...at(web("file")) });
    tell("two", { ...whole(), ...at(web("file")) });
    const contents = [
      { name: "first", id: "one" },
      { name: "inner", id: "three", contents: [{ name: "a b", drs_uri: [drsUrl("two")] }] },
    ];
    const url = tell("bundle", { contents });
    tell("bundle?expand=true", { contents });
    using pod = makeScratchPod();
    const inputs = [{ url, path: "/data/in", type }];
    const mounts = [{ path: "/data", folder: "m0", file: false }];
    const plan = makePlan([executor(["true"])], { inputs, mounts });
    layOutPod(plan, pod.roots);
    const { signal } = new AbortController();
    await stageInputs({ plan, roots: pod.roots, storage: settings, signal, report: () => undefined });
    const folder = join(pod.roots.work, "m0/in");
    expect((readdirSync(folder, { recursive: true }) as string[]).sort()).toEqual([
      "first",
      "inner",
      "inner/a b",
    ]);
    expect(readFileSync(join(folder, "inner/a b")).equals(bytes)).toBe(true);
  });

  test("cannot name a file outside its folder", async () => {
    tell("one", { ...whole(), ...at(web("file")) });
    const url = tell("evil?expand=true", { contents: [{ name: "../../up", id: "one" }] });
    const storage = await openDrivers(settings, new AbortController().signal)(url);
    const [listed] = await Array.fromAsync(storage.list(drsUrl("evil")));
    const { downloadOf } = await import("../../sidecar/filer/transfer.ts");
    expect(() =>
      downloadOf({ path: normalizePath("/data/in"), url }, listed ?? { path: "", sizeBytes: 0 }),
    ).toThrow("no name");
  });
});

describe("a URL", () => {
  test.each([
    ["drs://drs.example.org/314159", "https://drs.example.org/ga4gh/drs/v1/objects/314159"],
    ["drs://DRS.example.org:8443/a%2Fb", "https://drs.example.org:8443/ga4gh/drs/v1/objects/a%2Fb"],
  ])("%s is asked for as %s", (url, expected) => {
    expect(drsObjectUrl(url)).toBe(expected);
  });

  test.each([
    ["drs://dg.4503:01b048d0-e128", "compact identifiers"],
    ["drs://dg.4503:1234", "compact identifiers"],
    ["drs://n2t.net/dg.4503:01b048d0", "compact identifiers"],
    ["drs://host/a/b", "of the form"],
    ["drs://host/a?b", "of the form"],
    ["drs://host/a%zz", "of the form"],
    ["drs://host/..", "no id"],
    ["drs://user:password@host/a", "compact identifiers"],
    ["drs://host/", "of the form"],
    ["drs:///a", "of the form"],
  ])("%s is refused in words", (url, words) => {
    expect(() => drsObjectUrl(url)).toThrow(words);
  });
});
