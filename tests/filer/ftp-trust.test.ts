// FTP: whom the filer trusts with a password and with data, and what it never takes for a whole file.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDrivers } from "../../sidecar/filer/drivers.ts";
import { storageSettings } from "../../sidecar/filer/settings.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { executor, makePlan, makeScratchPod } from "../step/scratch-pod.ts";
import { startSidecar } from "../supervisor/pod.ts";
import { makeCertificates } from "./certificates.ts";
import { type FtpServer, findFtpServers, ftpUser, startPureFtpd } from "./ftp-server.ts";
import { type Data, startMadeUpServer } from "./made-up-ftp-server.ts";
import { noS3 } from "./no-s3.ts";
import { download, makeReceiver } from "./storage-suite.ts";

const found = await findFtpServers();
if ("missing" in found) console.log(`FTP's trust is not tested: ${found.missing}`);
const root = "root" in found ? found.root : "";
const certificates = makeCertificates();
const netrc = `machine 127.0.0.1 login ${ftpUser.login} password "${ftpUser.password}"`;

describe.skipIf(root === "")("a server with users and TLS only", () => {
  let server: FtpServer;
  beforeAll(async () => {
    server = await startPureFtpd(root, { certificates, requireTls: true });
    writeFileSync(join(server.folder, "pub", "in"), "over TLS");
  }, 900_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function stage(environment: Record<string, string>): Promise<string> {
    using pod = makeScratchPod();
    using sidecar = startSidecar("stage-in", pod, {
      plan: makePlan([executor(["true"])], {
        mounts: [{ path: "/data", folder: "m0", file: false }],
        inputs: [{ path: "/data/in", type: "FILE", url: `ftp://127.0.0.1:${server.port}/pub/in` }],
      }),
      environment,
    });
    if ((await sidecar.exitCode) === 0) return readFileSync(join(pod.roots.work, "m0/in"), "utf8");
    const said = JSON.stringify(sidecar.events()) + sidecar.stderr();
    expect(said).not.toContain(ftpUser.password);
    return said;
  }

  test("a login of the netrc and an authority in NODE_EXTRA_CA_CERTS bring the file", async () => {
    const NODE_EXTRA_CA_CERTS = join(certificates, "cert.pem");
    expect(await stage({ NETRC: netrc, NODE_EXTRA_CA_CERTS, FTP_TLS: "require" })).toBe("over TLS");
  }, 30_000);

  test("a certificate without a trusted authority is shown no password", async () => {
    expect(await stage({ NETRC: netrc })).toContain("the server's certificate is not trusted");
  }, 30_000);

  test("a wrong password is denied, and is not told", async () => {
    const NODE_EXTRA_CA_CERTS = join(certificates, "cert.pem");
    const said = await stage({
      NETRC: "machine 127.0.0.1 login me password wrong-secret",
      NODE_EXTRA_CA_CERTS,
    });
    expect(said).toContain("530");
    expect(said).not.toContain("wrong-secret");
  }, 30_000);
});

const open = (url: string, more: Partial<StorageSettings> = {}) =>
  openDrivers({ s3: noS3, ...more }, new AbortController().signal)(url);

/** Sends the bytes once the client is there, and only then says how it went. */
const sending =
  (bytes: string, verdict: string) =>
  (data: Data): string => {
    setTimeout(() => data.end(bytes), 50);
    return `150 here it comes\r\n${verdict}`;
  };

test("data goes to the host that was asked for, whatever address PASV names", async () => {
  using server = startMadeUpServer({ RETR: sending("all of it", "226 done") });
  expect((await download(await open(server.url), `${server.url}/file`)).toString()).toBe("all of it");
});

test.each([
  ["the server says that it was cut", { RETR: sending("half", "426 cut") }],
  ["it is not as long as SIZE said", { SIZE: "213 8", RETR: sending("half", "226 done") }],
])("half a file is a failure that may pass: %s", async (_, answers) => {
  using server = startMadeUpServer(answers);
  const storage = await open(server.url);
  await expect(storage.download(`${server.url}/file`, makeReceiver())).rejects.toMatchObject({
    name: "StorageError",
    kind: "transient",
  });
});

test("where TLS is required, a server without it hears no user and no password", async () => {
  using server = startMadeUpServer({});
  const storage = await open(server.url, {
    ftp: { tls: "require" },
  });
  await expect(storage.download(`${server.url}/file`, makeReceiver())).rejects.toMatchObject({
    kind: "denied",
    message: "the server knows no TLS, which FTP_TLS requires",
  });
  expect(server.told.join()).not.toMatch(/USER|PASS/);
});

describe("a server that refuses TLS", () => {
  const operators = { NETRC: "machine 127.0.0.1 login me password secret" };
  const file = { USER: "331 who?", PASS: "230 in", RETR: sending("file", "226 done") };
  const told = async (environment: Record<string, string>, user = "") => {
    using server = startMadeUpServer(file);
    const url = `${server.url.replace("//", `//${user}`)}/file`;
    const reason = await open(url, storageSettings(environment))
      .then((storage) => download(storage, url))
      .then(String, reasonOf);
    return { reason, password: /PASS \S+/.exec(server.told.join("\n"))?.[0] };
  };

  test.each([
    ["is told no login of the operator's", operators, ""],
    ["nor where the URL names its user", operators, "me@"],
    ["nor with a word for FTP_TLS that is not known", { ...operators, FTP_TLS: "maybe" }, ""],
  ])("%s", async (_, environment, user) => {
    const { reason, password } = await told(environment, user);
    expect(reason).toMatch(/the server knows no TLS/);
    expect(password).toBeUndefined();
  });

  test("is told it where the operator says so", async () => {
    const prefer = { ...operators, FTP_TLS: "prefer" };
    expect(await told(prefer)).toEqual({ reason: "file", password: "PASS secret" });
  });

  test("is told what the task's own URL says, and that a visitor comes", async () => {
    expect(await told(operators, "own:login@")).toEqual({ reason: "file", password: "PASS login" });
    expect(await told({})).toEqual({ reason: "file", password: "PASS anonymous@" });
  });
});

test("a line of a listing that nobody understands fails the listing", async () => {
  using server = startMadeUpServer({
    CWD: "250 in",
    LIST: sending("-rw-r--r-- 1 a b 3 Jan 1 2020 file\r\n?what is this\r\n", "226 done"),
  });
  const storage = await open(server.url);
  await expect(Array.fromAsync(storage.list(`${server.url}/`))).rejects.toThrow("what is this");
});

test("the listing of a DOS server is read", async () => {
  using server = startMadeUpServer({
    CWD: (data) => (data.port > 0 ? "250 in" : "550 no"),
    LIST: sending("04-27-20  11:09PM                   12 a file.txt\r\n", "226 done"),
  });
  const storage = await open(server.url);
  expect(await Array.fromAsync(storage.list(`${server.url}/`))).toEqual([
    { path: "a file.txt", sizeBytes: 12 },
  ]);
});

test.each([
  ["a line break, which would be a second command", "ftp://127.0.0.1/a%0D%0ADELE%20b"],
  ["a percent sign that stands for nothing", "ftp://127.0.0.1/100%"],
  ["no host", "ftp:///file"],
])("a URL is refused for %s", async (_, url) => {
  const storage = await open(url);
  await expect(storage.download(url, makeReceiver())).rejects.toMatchObject({ kind: "permanent" });
});
