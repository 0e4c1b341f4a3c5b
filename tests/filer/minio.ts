// MinIO: a real S3 server for tests, on a free port, with its data in a scratch folder.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:https";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Client } from "minio";
import type { S3Settings } from "../../sidecar/filer/storage.ts";
import { ensurePrograms, programPaths } from "../cluster/local/programs.ts";
import { freePort } from "../support/free-port.ts";

export interface Minio extends AsyncDisposable {
  settings: S3Settings;
  /** What is in the server, seen by another client than the one under test. */
  client: Client;
  /** Makes a bucket of its own and returns its name. */
  makeBucket(): Promise<string>;
}

/**
 * Builds the server first if nobody has yet, which takes minutes. With `certificates`, a folder with public.crt and private.key,
 * it speaks TLS, and the client takes whatever certificate it shows. `environment` are further settings of its own.
 */
export async function startMinio({
  certificates,
  environment = {},
}: {
  certificates?: string;
  environment?: Record<string, string>;
} = {}): Promise<Minio> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tespod");
  await ensurePrograms(cache, ["s3"]);
  const data = mkdtempSync(join(tmpdir(), "tespod-minio-"));
  const port = await freePort();
  const [accessKeyId, secretAccessKey] = ["test", randomBytes(16).toString("hex")];
  const server = spawn(
    programPaths(cache).s3,
    [
      "server",
      "--quiet",
      "--address",
      `127.0.0.1:${port}`,
      "--certs-dir",
      certificates ?? data,
      join(data, "data"),
    ],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        HOME: data,
        MINIO_ROOT_USER: accessKeyId,
        MINIO_ROOT_PASSWORD: secretAccessKey,
        MINIO_CI_CD: "on",
        ...environment,
      },
    },
  );
  const ended = once(server, "exit");
  const endpoint = `${certificates === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  await ready(`${endpoint}/minio/health/ready`);
  const client = new Client({
    endPoint: "127.0.0.1",
    port,
    useSSL: certificates !== undefined,
    ...(certificates === undefined ? {} : { transportAgent: new Agent({ rejectUnauthorized: false }) }),
    accessKey: accessKeyId,
    secretKey: secretAccessKey,
    region: "us-east-1",
  });
  return {
    settings: { endpoint, region: "us-east-1", accessKeyId, secretAccessKey, sessionToken: undefined },
    client,
    makeBucket: async () => {
      const name = `bucket-${randomBytes(4).toString("hex")}`;
      await client.makeBucket(name);
      return name;
    },
    [Symbol.asyncDispose]: async () => {
      server.kill("SIGKILL");
      await ended;
      rmSync(data, { recursive: true, force: true });
    },
  };
}

async function ready(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const response = await fetch(url, { tls: { rejectUnauthorized: false } }).catch(() => undefined);
    if (response?.ok) return;
    await Bun.sleep(50);
  }
  throw new Error("Cannot start MinIO: it does not get ready");
}

export interface BusyProxy extends Disposable {
  url: string;
  /** How many requests it did not pass on. */
  refused(): number;
}

/** Passes requests on to the server, but answers the first and then every third with 503. */
export function startBusyProxy(endpoint: string): BusyProxy {
  let [requests, refused] = [0, 0];
  const proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = await request.arrayBuffer();
      requests += 1;
      if (requests % 3 === 1) {
        refused += 1;
        return new Response("<Error><Code>SlowDown</Code><Message>Not now</Message></Error>", {
          status: 503,
        });
      }
      const { pathname, search } = new URL(request.url);
      // The host is part of the signature, so it stays the one that was asked.
      const { method, headers } = request;
      return await fetch(`${endpoint}${pathname}${search}`, {
        method,
        headers,
        body: body.byteLength > 0 ? body : null,
      });
    },
  });
  return {
    url: `http://127.0.0.1:${proxy.port}`,
    refused: () => refused,
    [Symbol.dispose]: () => void proxy.stop(true),
  };
}
