// Each bucket and each host is asked as whom its own settings say, and nobody is told what is meant for another.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDrivers, type StorageOf } from "../../sidecar/filer/drivers.ts";
import { storageSettings } from "../../sidecar/filer/settings.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { makeCertificates } from "./certificates.ts";
import { type Minio, startMinio } from "./minio.ts";
import { findNginx, type Nginx, startNginx } from "./nginx.ts";
import { type Issuer, startIssuer } from "./oidc.ts";
import { download, makeFile } from "./storage-suite.ts";

const found = await findNginx();
if ("missing" in found) console.log(`Skipping hosts over TLS: ${found.missing}`);

const KMS_KEY = "tes-key";

let scratch: string;
let ca: string;
let issuer: Issuer;
let nginx: Nginx | undefined;
/** The default one, and one with an authority, keys and users of its own. */
let standard: Minio;
let other: Minio;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "tespod-credentials-"));
  const certificates = makeCertificates();
  ca = readFileSync(join(certificates, "cert.pem"), "utf8");
  copyFileSync(join(certificates, "cert.pem"), join(certificates, "public.crt"));
  copyFileSync(join(certificates, "key.pem"), join(certificates, "private.key"));
  issuer = startIssuer();
  if ("root" in found) nginx = await startNginx(found.root, certificates);
  const kms = { MINIO_KMS_SECRET_KEY: `${KMS_KEY}:${Buffer.alloc(32, 7).toString("base64")}` };
  [standard, other] = await Promise.all([
    startMinio(),
    startMinio({ certificates, environment: { ...issuer.environment, ...kms } }),
  ]);
}, 900_000);

afterAll(async () => {
  issuer[Symbol.dispose]();
  await standard[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await nginx?.[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

/** What a pod's environment would hold. */
function open(environment: Record<string, string>): StorageOf {
  const { endpoint = "", accessKeyId = "", secretAccessKey = "" } = standard.settings;
  const keys = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  return openDrivers(storageSettings({ ...keys, ...environment }), new AbortController().signal);
}

const keysOfOther = () => {
  const { endpoint, accessKeyId, secretAccessKey } = other.settings;
  return { endpoint, accessKeyId, secretAccessKey, ca };
};

async function roundTrip(storageOf: StorageOf, url: string): Promise<number> {
  const storage = await storageOf(url);
  await storage.upload(makeFile(100), 100, url);
  return (await download(storage, url)).length;
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return await work.then(() => "no failure", reasonOf);
}

describe("S3_ENDPOINTS", () => {
  test("a bucket is where the first entry that names it says, and any other is where it was", async () => {
    const [here, there] = [await standard.makeBucket(), await other.makeBucket()];
    const entries = [
      { buckets: ["unknown-*"], endpoint: "http://127.0.0.1:1" },
      { buckets: [`${there.slice(0, 14)}*`], ...keysOfOther() },
    ];
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify(entries) });
    expect(await roundTrip(storageOf, `s3://${there}/key`)).toBe(100);
    expect(await roundTrip(storageOf, `s3://${here}/key`)).toBe(100);
    expect((await other.client.statObject(there, "key")).size).toBe(100);
    expect((await standard.client.statObject(here, "key")).size).toBe(100);
  });

  test("an authority is trusted at its own endpoint only", async () => {
    const bucket = await other.makeBucket();
    const { ca: _, ...untrusted } = keysOfOther();
    const entries = [
      { buckets: ["trusted"], ...keysOfOther() },
      { buckets: [bucket], ...untrusted },
    ];
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify(entries) });
    expect(await failureOf(roundTrip(storageOf, `s3://${bucket}/key`))).toMatch(/certificate/i);
  });

  test("an endpoint without keys is asked without keys, not with those of the default one", async () => {
    const bucket = await other.makeBucket();
    const { endpoint } = keysOfOther();
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify([{ buckets: [bucket], endpoint, ca }]) });
    expect(await failureOf(roundTrip(storageOf, `s3://${bucket}/key`))).toContain("AccessDenied");
  });

  test("an entry may be anonymous at the default endpoint", async () => {
    const bucket = await standard.makeBucket();
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify([{ buckets: [bucket], anonymous: true }]) });
    expect(await failureOf(roundTrip(storageOf, `s3://${bucket}/key`))).toContain("AccessDenied");
  });

  test.each([
    ["AES256", { encryption: "AES256" }, { "x-amz-server-side-encryption": "AES256" }],
    [
      "aws:kms",
      { encryption: "aws:kms", kmsKeyId: KMS_KEY },
      {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": `arn:aws:kms:${KMS_KEY}`,
      },
    ],
  ])(
    "what is stored is encrypted as asked for, in one piece and in parts: %s",
    async (_, encryption, headers) => {
      const bucket = await other.makeBucket();
      const entries = [{ buckets: [bucket], ...keysOfOther(), ...encryption }];
      const storageOf = open({ S3_ENDPOINTS: JSON.stringify(entries) });
      for (const bytes of [100, 17 * 1024 * 1024]) {
        const url = `s3://${bucket}/file-${bytes}`;
        const storage = await storageOf(url);
        const file = makeFile(bytes);
        await storage.upload(file, bytes, url);
        expect((await download(storage, url)).equals(readFileSync(file))).toBe(true);
        expect((await other.client.statObject(bucket, `file-${bytes}`)).metaData).toMatchObject(headers);
      }
    },
  );

  test("http URLs of an endpoint that claims them are objects of S3, with folders; others stay http", async () => {
    const bucket = await other.makeBucket();
    const entries = [{ buckets: [bucket], ...keysOfOther(), claimsHttp: true }];
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify(entries) });
    const { endpoint } = keysOfOther();
    const url = `${endpoint}/${bucket}/a%20folder/file%23%25`;
    expect(await roundTrip(storageOf, url)).toBe(100);
    expect((await other.client.statObject(bucket, "a folder/file#%")).size).toBe(100);
    const folder = `${endpoint}/${bucket}/a%20folder`;
    const listed = await Array.fromAsync((await storageOf(folder)).list(folder));
    expect(listed).toEqual([{ path: "file#%", sizeBytes: 100 }]);
    for (const elsewhere of [`${endpoint}/another/key`, `${url}?X-Amz-Signature=x`]) {
      const storage = await storageOf(elsewhere);
      expect(await failureOf(Array.fromAsync(storage.list(elsewhere)))).toContain("HTTP has no listing");
    }
  });

  test.each([
    ["no JSON", "[{", "S3_ENDPOINTS of the storage Secret cannot be read: it is not JSON"],
    ["no list", '{"buckets": "secret"}', "all of it: expected Array"],
    [
      "a word of the wrong kind",
      '[{"buckets": ["b"], "secretAccessKey": 7777}]',
      "0.secretAccessKey: expected string",
    ],
    ["a word that nobody knows", '[{"buckets": ["b"], "secret7777": 1}]', "0.secret7777: expected never"],
    ["an authority that is none", '[{"buckets": ["b"], "ca": "secret7777"}]', "0.ca: expected"],
  ])("%s is told by its place, and not by what stands there", async (_, text, words) => {
    const reason = await failureOf(roundTrip(open({ S3_ENDPOINTS: text }), "s3://bucket/key"));
    expect(reason).toContain(words);
    expect(reason.replace("0.secret7777", "")).not.toContain("7777");
  });
});

describe("a web identity token", () => {
  const stored = (token: string): string => {
    const file = join(scratch, `token-${token.length}-${token.slice(-8)}`);
    writeFileSync(file, `${token}\n`);
    return file;
  };

  test("is exchanged for keys, once for many objects", async () => {
    const bucket = await other.makeBucket();
    const { endpoint = "" } = keysOfOther();
    const entry = {
      webIdentityTokenFile: stored(issuer.token("readwrite")),
      stsEndpoint: endpoint,
      endpoint,
      ca,
    };
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify([{ buckets: [bucket], ...entry }]) });
    const sizes = await Promise.all(
      [1, 2, 3].map((each) => roundTrip(storageOf, `s3://${bucket}/key-${each}`)),
    );
    expect(sizes).toEqual([100, 100, 100]);
  });

  test("gives no more than it stands for", async () => {
    const bucket = await other.makeBucket();
    const { endpoint = "" } = keysOfOther();
    const entry = {
      webIdentityTokenFile: stored(issuer.token("readonly")),
      stsEndpoint: endpoint,
      endpoint,
      ca,
    };
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify([{ buckets: [bucket], ...entry }]) });
    expect(await failureOf(roundTrip(storageOf, `s3://${bucket}/key`))).toContain("AccessDenied");
  });

  test.each([
    ["is not there", "/no/such/token", 'the web identity token "/no/such/token" cannot be read'],
    ["is not believed", "wrong", "(InvalidParameterValue)"],
  ])("that %s is told", async (_, token, words) => {
    const bucket = await other.makeBucket();
    const { endpoint = "" } = keysOfOther();
    const webIdentityTokenFile = token.startsWith("/") ? token : stored(`${issuer.token("readwrite")}wrong`);
    const entry = { webIdentityTokenFile, stsEndpoint: endpoint, endpoint, ca };
    const storageOf = open({ S3_ENDPOINTS: JSON.stringify([{ buckets: [bucket], ...entry }]) });
    const reason = await failureOf(roundTrip(storageOf, `s3://${bucket}/key`));
    expect(reason).toContain(words);
    expect(reason).not.toContain("eyJ");
  });

  test("may come by Amazon's own variables", async () => {
    const { endpoint = "" } = keysOfOther();
    const environment = {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ENDPOINT_URL_STS: endpoint,
      AWS_ACCESS_KEY_ID: "",
      AWS_WEB_IDENTITY_TOKEN_FILE: stored(issuer.token("readwrite")),
    };
    const settings = storageSettings(environment);
    const storageOf = openDrivers({ ...settings, s3: { ...settings.s3, ca } }, new AbortController().signal);
    expect(await roundTrip(storageOf, `s3://${await other.makeBucket()}/key`)).toBe(100);
  });
});

describe("HTTP_HOSTS", () => {
  /** An echo of what a host is told, and a way to another host. Two names for one machine are two hosts. */
  function startEcho(): Disposable & { port: number; heard: string[] } {
    const heard: string[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        const { pathname, searchParams } = new URL(request.url);
        heard.push(`${pathname} ${request.headers.get("authorization")}`);
        const to = searchParams.get("to");
        return to ? Response.redirect(to, 302) : new Response("file");
      },
    });
    return { port: server.port ?? 0, heard, [Symbol.dispose]: () => void server.stop(true) };
  }

  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

  test("a host is told its own words, by name, by port, by domain, and no other is", async () => {
    using echo = startEcho();
    const hosts = [
      { host: "localhost", bearer: "of localhost", plain: true },
      { host: `127.0.0.1:${echo.port}`, user: "me", password: "a:ü", plain: true },
    ];
    const storageOf = open({ HTTP_HOSTS: JSON.stringify(hosts) });
    for (const url of [
      `http://localhost:${echo.port}/a`,
      `http://127.0.0.1:${echo.port}/b`,
      `http://127.1:${echo.port}/c`,
    ]) {
      await download(await storageOf(url), url);
    }
    // 127.1 is 127.0.0.1 once it is parsed.
    expect(echo.heard).toEqual(["/a Bearer of localhost", `/b ${basic("me:a:ü")}`, `/c ${basic("me:a:ü")}`]);
  });

  test("netrc is used where HTTP_HOSTS says nothing, and the URL's own login wins over both", async () => {
    using echo = startEcho();
    const environment = {
      NETRC: "machine 127.0.0.1 login net password rc",
      HTTP_HOSTS: JSON.stringify([
        { host: "localhost", bearer: "token", plain: true },
        { host: "127.0.0.1", plain: true },
      ]),
    };
    const storageOf = open(environment);
    const port = echo.port;
    for (const url of [
      `http://127.0.0.1:${port}/a`,
      `http://own:login@127.0.0.1:${port}/b`,
      `http://o:l@localhost:${port}/c`,
    ]) {
      await download(await storageOf(url), url);
    }
    expect(echo.heard).toEqual([`/a ${basic("net:rc")}`, `/b ${basic("own:login")}`, `/c ${basic("o:l")}`]);
  });

  test("a redirect to another host takes no words along, and finds those that are for it", async () => {
    using one = startEcho();
    using two = startEcho();
    const hosts = [{ host: `127.0.0.1:${one.port}`, bearer: "of one", plain: true }];
    const storageOf = open({ HTTP_HOSTS: JSON.stringify(hosts) });
    const to = (target: string) => `?to=${encodeURIComponent(target)}`;
    const there = `http://127.0.0.1:${two.port}/there`;
    const back = `http://127.0.0.1:${one.port}/back`;
    for (const url of [
      `http://127.0.0.1:${one.port}/a${to(there)}`,
      `http://own:login@127.0.0.1:${one.port}/b${to(there)}`,
      `http://own:login@127.0.0.1:${one.port}/c${to("/same")}`,
      `http://127.0.0.1:${two.port}/d${to(back)}`,
      `http://127.0.0.1:${one.port}/e${to(there.replace("//", "//planted:login@"))}`,
    ]) {
      await download(await storageOf(url), url);
    }
    const own = basic("own:login");
    expect(one.heard).toEqual([
      "/a Bearer of one",
      `/b ${own}`,
      `/c ${own}`,
      `/same ${own}`,
      "/back Bearer of one",
      "/e Bearer of one",
    ]);
    expect(two.heard).toEqual(["/there null", "/there null", "/d null", "/there null"]);
  });

  test("without TLS nothing is told, unless the host says so", async () => {
    using echo = startEcho();
    const NETRC = "machine 127.0.0.1 login me password secret";
    const HTTP_HOSTS = JSON.stringify([{ host: "127.0.0.1", bearer: "token" }]);
    for (const environment of [{ HTTP_HOSTS }, { NETRC }, { HTTP_HOSTS, NETRC }]) {
      const url = `http://127.0.0.1:${echo.port}/a`;
      await download(await open(environment)(url), url);
    }
    expect(echo.heard).toEqual(["/a null", "/a null", "/a null"]);
  });

  test.if("root" in found)(
    "a login of netrc is for TLS, and without it a server that wants one ends the transfer in words",
    async () => {
      const NETRC = "machine 127.0.0.1 login me password secret";
      const plainUrl = `http://127.0.0.1:${nginx?.port}/private/netrc`;
      const tls = JSON.stringify([{ host: "127.0.0.1", ca }]);
      const url = `https://127.0.0.1:${nginx?.tlsPort}/private/netrc`;
      expect(await roundTrip(open({ NETRC, HTTP_HOSTS: tls }), url)).toBe(100);
      expect(await failureOf(roundTrip(open({ NETRC }), plainUrl))).toBe(
        "the server answered 401, and its login is sent over TLS only, unless HTTP_HOSTS says that the host is plain",
      );
      const isPlain = JSON.stringify([{ host: "127.0.0.1", plain: true }]);
      expect(await roundTrip(open({ NETRC, HTTP_HOSTS: isPlain }), plainUrl)).toBe(100);
      expect(await failureOf(roundTrip(open({}), plainUrl))).toBe("the server answered 401");
    },
  );

  test.if("root" in found)(
    "a server with an authority of its own lets in whom it knows, and refuses the others",
    async () => {
      const base = `https://127.0.0.1:${nginx?.tlsPort}`;
      const host = { host: "127.0.0.1", ca };
      const known = open({ HTTP_HOSTS: JSON.stringify([{ ...host, user: "me", password: "secret" }]) });
      expect(await roundTrip(known, `${base}/private/file`)).toBe(100);
      const url = `${base}/private/file`;
      const refused = async (hosts: unknown[]): Promise<string> =>
        await failureOf(
          open({ HTTP_HOSTS: JSON.stringify(hosts) })(url).then((storage) => download(storage, url)),
        );
      expect(await refused([host])).toBe("the server answered 401");
      expect(await refused([{ ...host, user: "me", password: "wrong" }])).toMatch(/answered 40[13]/);
      expect(await refused([])).toMatch(/certificate/i);
    },
  );
});
