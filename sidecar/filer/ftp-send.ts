// FTP send: one STOR of a local file, which gets its name when all of it is there.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { type Client, FTPError } from "basic-ftp";
import type { FtpTarget } from "../contract/ftp-url.ts";
import { mustHold } from "./body.ts";
import type { FtpConnection } from "./ftp-connection.ts";
import { enters } from "./ftp-list.ts";
import type { FtpPool } from "./ftp-pool.ts";
import { pathOn } from "./ftp-url.ts";
import { versionOf } from "./ftp-version.ts";
import { StorageError } from "./storage.ts";

/** How long a cancelled upload may take to remove what it has begun. */
export const GRACE_MILLISECONDS = 2000;
const CHUNK_BYTES = 256 * 1024;
const EMPTY_MILLISECONDS = 50;

export interface FtpUploads {
  pool: FtpPool;
  signal: AbortSignal;
  /** Keeps our unfinished files apart from those of others. */
  own: string;
}

export interface FtpUpload {
  file: string;
  sizeBytes: number;
  target: FtpTarget;
}

/** Under another name at first, which every attempt uses again; renamed when all of it is there. */
export async function sendFtp(
  upload: FtpUpload,
  connection: FtpConnection,
  { pool, signal, own }: FtpUploads,
): Promise<void> {
  const { client } = connection;
  const path = pathOn(connection, upload.target);
  const folder = path.slice(0, path.lastIndexOf("/"));
  await makeFolders(connection, folder);
  const name = createHash("sha256").update(`${own} ${path}`).digest("hex").slice(0, 16);
  const part = `${folder}/tespod-part-${name}`;
  try {
    await store(client, part, upload, signal);
    const { sizeBytes } = await versionOf(client, part);
    if (sizeBytes !== undefined && sizeBytes !== upload.sizeBytes) {
      throw new StorageError("transient", `${sizeBytes} of ${upload.sizeBytes} bytes were stored`);
    }
    signal.throwIfAborted();
    await replace(client, part, path);
  } catch (error) {
    // The error at hand is the one to tell.
    await takeBack(part, { connection, target: upload.target, pool }).catch(() => undefined);
    throw error;
  }
}

/**
 * Ends a moment later. Bun breaks a TLS connection that is ended with nothing sent right after its handshake: the server sees
 * an alert in place of an empty file.
 */
const emptySource = (): Readable =>
  new Readable({
    read() {
      setTimeout(() => this.push(null), EMPTY_MILLISECONDS);
    },
  });

async function store(
  client: Client,
  part: string,
  { file, sizeBytes }: FtpUpload,
  signal: AbortSignal,
): Promise<void> {
  mustHold(file, sizeBytes);
  const source =
    sizeBytes === 0
      ? emptySource()
      : createReadStream(file, { end: sizeBytes - 1, highWaterMark: CHUNK_BYTES });
  // A server that refuses at once ends the upload before the file is open, and by then it may be closed under its name.
  source.on("error", () => undefined);
  // Without an error, which would end the control connection too; and that is still needed to tidy up.
  const stop = (): void => void source.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    await client.uploadFrom(source, part);
    signal.throwIfAborted();
    mustHold(file, sizeBytes);
  } finally {
    signal.removeEventListener("abort", stop);
    source.destroy();
  }
}

/** Some servers, those on Windows among them, do not rename onto a file that is there. */
async function replace(client: Client, part: string, path: string): Promise<void> {
  try {
    await client.rename(part, path);
  } catch (error) {
    if (!(error instanceof FTPError) || error.code < 500) throw error;
    if ((await client.sendIgnoringError(`DELE ${path}`)).code >= 400) throw error;
    await client.rename(part, path);
  }
}

export async function makeFolders(connection: FtpConnection, folder: string): Promise<void> {
  if (await enters(connection, folder)) return;
  const names = folder.split("/").filter((name) => name !== "");
  for (const [index] of names.entries()) {
    // Fails for those that are there; whether all are is seen by entering the last.
    await connection.client.sendIgnoringError(`MKD /${names.slice(0, index + 1).join("/")}`);
  }
  await connection.client.cd(folder);
}

interface TakeBack {
  connection: FtpConnection;
  target: FtpTarget;
  pool: FtpPool;
}

/** Removes an unfinished file, by another connection if its own is gone. Takes no longer than the grace. */
async function takeBack(part: string, { connection: { client }, target, pool }: TakeBack): Promise<void> {
  if (!client.closed) {
    // The answer to what was cut may still be under way. Commands are answered in turn, so after this one it has come.
    await client.ftp.handle("NOOP", (answer, task) => {
      if (answer instanceof Error) {
        if (!(answer instanceof FTPError)) task.reject(answer);
      } else if (answer.code === 200) task.resolve(undefined);
    });
    await client.remove(part, true);
    return;
  }
  const other = await pool.connect(target, AbortSignal.timeout(GRACE_MILLISECONDS));
  try {
    await other.client.remove(part, true);
  } finally {
    other.client.close();
  }
}
