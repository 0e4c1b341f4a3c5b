// Hundreds of transfers through a proxy that cuts, stalls, garbles and refuses: each ends with the very bytes or in words.

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PQueue from "p-queue";
import { stageInputs, uploadOutputs } from "../../sidecar/filer/filer.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { withParts } from "../step/scratch-pod.ts";
import { makeCertificates } from "./certificates.ts";
import { startFaultProxy, startRawFaultProxy } from "./fault-proxy.ts";
import { makeTransfer, type Transfer } from "./fault-transfers.ts";
import { type Minio, startMinio } from "./minio.ts";
import { findNginx, type Nginx, startNginx } from "./nginx.ts";
import { makeTaskFolder, type TaskFolder } from "./task-folder.ts";

const TRANSFERS = 500;
const AT_ONCE = 12;
const SEED = Number(process.env["TESPOD_TEST_SEED"] ?? 20_261_124);
const MIB = 1024 * 1024;

const found = await findNginx();
if ("missing" in found) console.log(`Without http: ${found.missing}`);

let scratch: string;
let authority: string;
let stranger: string;
let minio: { plain: Minio; tls: Minio };
let nginx: Nginx | undefined;
let bucket: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "tespod-faults-"));
  const [certificates, others] = [makeCertificates(), makeCertificates()];
  authority = readFileSync(join(certificates, "cert.pem"), "utf8");
  stranger = readFileSync(join(others, "cert.pem"), "utf8");
  // As MinIO wants them named.
  copyFileSync(join(certificates, "cert.pem"), join(certificates, "public.crt"));
  copyFileSync(join(certificates, "key.pem"), join(certificates, "private.key"));
  if ("root" in found) nginx = await startNginx(found.root, certificates);
  minio = { plain: await startMinio(), tls: await startMinio({ certificates }) };
  bucket = await minio.plain.makeBucket();
  await minio.tls.client.makeBucket(bucket);
}, 900_000);

afterAll(async () => {
  await minio.plain[Symbol.asyncDispose]();
  await minio.tls[Symbol.asyncDispose]();
  await nginx?.[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

/** The server behind a transfer, seen with other eyes than the filer's. */
interface Server {
  port: number;
  url(name: string, port: number): string;
  put(name: string, bytes: Buffer): Promise<void>;
  /** Undefined if nothing is there. */
  get(name: string): Promise<Buffer | undefined>;
  unfinished(name: string): Promise<string[]>;
}

function serverOf(transfer: Transfer): Server {
  if (transfer.store.startsWith("s3")) return s3Server(transfer.store === "s3" ? minio.plain : minio.tls);
  if (!nginx) throw new Error("There is no nginx");
  const { port, tlsPort, folder } = nginx;
  const [scheme, own] = transfer.store === "http" ? ["http", port] : ["https", tlsPort];
  const file = (name: string) => join(folder, "digest", name);
  return {
    port: own,
    url: (name, proxy) => {
      const digest = new Bun.CryptoHasher("sha256").update(transfer.bytes).digest("base64");
      const query = transfer.direction === "down" ? `?digest=sha-256=:${digest}:` : "?signature=hidden";
      return `${scheme}://127.0.0.1:${proxy}/digest/${name}${query}`;
    },
    put: async (name, bytes) => {
      mkdirSync(join(folder, "digest"), { recursive: true });
      await Bun.write(file(name), bytes);
    },
    get: (name) => Promise.resolve(existsSync(file(name)) ? readFileSync(file(name)) : undefined),
    unfinished: () => Promise.resolve([]),
  };
}

function s3Server({ client, settings }: Minio): Server {
  return {
    port: Number(new URL(settings.endpoint ?? "").port),
    url: (name) => `s3://${bucket}/${name}`,
    put: async (name, bytes) => {
      await client.putObject(bucket, name, bytes, bytes.length);
    },
    get: async (name) => {
      const stream = await client.getObject(bucket, name).catch((error: { code?: string }) => {
        if (error.code !== "NoSuchKey") throw error;
        return undefined;
      });
      return stream && Buffer.concat((await Array.fromAsync(stream)) as Buffer[]);
    },
    unfinished: async (name) =>
      (await Array.fromAsync(client.listIncompleteUploads(bucket, name, true))).map(({ key }) => key),
  };
}

/** As little patience as a local server deserves, and as little time between attempts. */
function settingsFor(transfer: Transfer, proxyPort: number): StorageSettings {
  const { settings } = transfer.store === "s3-tls" ? minio.tls : minio.plain;
  const ca = transfer.trusts === "stranger" ? stranger : authority;
  const scheme = transfer.store === "s3-tls" ? "https" : "http";
  return {
    s3: { ...settings, endpoint: `${scheme}://127.0.0.1:${proxyPort}`, ca, partBytes: 5 * MIB },
    webHosts: () => [{ host: "127.0.0.1", ca, plain: false }],
    patience: { stallMilliseconds: 400, bytesPerSecondMin: 2_000_000 },
    retry: { attempts: 4, firstPauseMilliseconds: 1, lastPauseMilliseconds: 5 },
  };
}

interface Outcome {
  transfer: Transfer;
  failure: string | undefined;
  /** What is wrong with how it ended; undefined: nothing. */
  wrong: string | undefined;
  hits: number;
}

async function run(transfer: Transfer): Promise<Outcome> {
  const server = serverOf(transfer);
  const name = `file-${transfer.index}`;
  const isRaw = transfer.store === "s3-tls" || transfer.store === "https";
  await using proxy = isRaw
    ? await startRawFaultProxy(server.port, { ...transfer.plan, bytes: transfer.bytes.length })
    : await startFaultProxy(server.port, transfer.plan);
  const url = server.url(name, proxy.port);
  const storage = settingsFor(transfer, proxy.port);
  const failure =
    transfer.direction === "down"
      ? await down(transfer, { url, name, server, storage })
      : await up(transfer, { url, name, server, storage });
  return { transfer, ...failure, hits: proxy.hits() };
}

interface Way {
  url: string;
  name: string;
  server: Server;
  storage: StorageSettings;
}

async function down(
  transfer: Transfer,
  { url, name, server, storage }: Way,
): Promise<Pick<Outcome, "failure" | "wrong">> {
  await server.put(name, transfer.bytes);
  const { context, folder } = lay(transfer, storage);
  const inputs = [{ path: "/data/file", type: "FILE" as const, url }];
  const failure = await reasonIn(stageInputs({ ...context, plan: withParts(context.plan, { inputs }) }));
  const left = readdirSync(folder);
  if (failure !== undefined) {
    return { failure, wrong: left.length === 0 ? undefined : `${left} is left of a download that failed` };
  }
  const whole = left.join() === "file" && readFileSync(join(folder, "file")).equals(transfer.bytes);
  return { failure, wrong: whole ? undefined : "the file is not what is in storage" };
}

async function up(
  transfer: Transfer,
  { url, name, server, storage }: Way,
): Promise<Pick<Outcome, "failure" | "wrong">> {
  const before = Buffer.from("what was there before");
  if (transfer.replaces) await server.put(name, before);
  const { context, folder } = lay(transfer, storage);
  writeFileSync(join(folder, "file"), transfer.bytes);
  const outputs = [{ path: "/data/file", type: "FILE" as const, url }];
  const plan = withParts(context.plan, { outputs });
  const failure = await reasonIn(uploadOutputs({ ...context, plan, report: () => undefined }));
  const stored = await server.get(name);
  const unfinished = await server.unfinished(name);
  if (unfinished.length > 0) return { failure, wrong: "parts are left" };
  if (stored?.equals(transfer.bytes)) return { failure, wrong: undefined };
  if (failure === undefined)
    return { failure, wrong: `${stored?.length} bytes are stored, and they are not the file's` };
  const untouched = transfer.replaces ? stored?.equals(before) : stored === undefined;
  return {
    failure,
    wrong: untouched ? undefined : `${stored?.length} bytes are stored of an upload that failed`,
  };
}

const lay = ({ index }: Transfer, storage: StorageSettings): TaskFolder =>
  makeTaskFolder(scratch, `t-${index}`, storage);

const reasonIn = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  );

const told = ({ transfer, failure, wrong }: Outcome): string => {
  const { index, store, direction, plan, bytes } = transfer;
  return `${index}: ${store} ${direction}, ${bytes.length} bytes, ${JSON.stringify(plan)}: ${wrong ?? failure}`;
};

test(`of ${TRANSFERS} transfers with faults, none leaves a wrong file, and each failure says what it is`, async () => {
  const stores = nginx ? (["s3", "http", "s3-tls", "https"] as const) : (["s3", "s3-tls"] as const);
  const transfers = Array.from({ length: TRANSFERS }, (_, index) => makeTransfer(index, SEED, stores));
  const queue = new PQueue({ concurrency: AT_ONCE });
  const outcomes = await queue.addAll(transfers.map((transfer) => () => run(transfer)));
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  console.log(`seed ${SEED}: ${outcomes.length - failed.length} whole, ${failed.length} failed in words`);

  expect(outcomes.filter(({ wrong }) => wrong !== undefined).map(told)).toEqual([]);
  const words = /^Cannot (stage|upload) "[^"]+" (as|to) "[^"]+": \S.{5,}/;
  expect(failed.filter(({ failure = "" }) => !words.test(failure)).map(told)).toEqual([]);
  const secrets = [minio.plain, minio.tls].map(({ settings }) => settings.secretAccessKey ?? "none");
  const secret = new RegExp(`${secrets.join("|")}|signature=|X-Amz-(Sig|Cred|Sec)|AWS4-|hidden|digest=`, "i");
  expect(failed.filter(({ failure = "" }) => secret.test(failure)).map(told)).toEqual([]);
  // That faults struck, that they were got over, and that there were some that could not be.
  expect(outcomes.filter(({ hits }) => hits > 0).length).toBeGreaterThan(TRANSFERS * 0.6);
  expect(outcomes.filter(({ hits, failure }) => hits > 0 && failure === undefined).length).toBeGreaterThan(
    TRANSFERS * 0.2,
  );
  expect(failed.length).toBeGreaterThan(TRANSFERS * 0.1);
}, 600_000);
