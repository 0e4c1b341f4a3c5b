// FTP receive: one RETR of a file into a receiver, from where an earlier one was cut.
import { closeSync, openSync, statSync, truncateSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { type Client, FTPError } from "basic-ftp";
import { versionOf } from "./ftp-version.ts";
import { type Receiver, StorageError } from "./storage.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * Returns the size of the whole file. It is whole when the server has said so (226), which a connection that was cut does not
 * bring about, and when its size is what SIZE said, where the server knows that.
 */
export async function receiveFtp(client: Client, path: string, receiver: Receiver): Promise<number> {
  const version = await versionOf(client, path);
  const start = startOf(receiver, version);
  if (start > 0 && start === version.sizeBytes) return start;
  if (start === 0) truncateSync(receiver.file, 0);
  receiver.validator = version.validator;
  if (start > 0) await resume(client, path, receiver, start);
  else await retrieve(client, path, receiver.file, 0);
  const received = statSync(receiver.file).size;
  if (version.sizeBytes !== undefined && received !== version.sizeBytes) {
    if (received > version.sizeBytes) receiver.validator = undefined;
    throw new StorageError("transient", `${received} of ${version.sizeBytes} bytes were received`);
  }
  return received;
}

/** What of the file is there already; all of it is fetched again if it is not known to be the same. */
function startOf({ file, validator }: Receiver, version: { sizeBytes?: number; validator?: string }): number {
  if (validator === undefined || validator !== version.validator) return 0;
  const have = statSync(file).size;
  return have <= (version.sizeBytes ?? 0) ? have : 0;
}

/** What changes meanwhile, or cannot be gone on with, is fetched from its beginning by the next attempt. */
async function resume(client: Client, path: string, receiver: Receiver, start: number): Promise<void> {
  const { validator } = receiver;
  const anew = (reason: string): StorageError => {
    receiver.validator = undefined;
    return new StorageError("transient", reason);
  };
  try {
    await retrieve(client, path, receiver.file, start);
  } catch (error) {
    if (!isUnknownCommand(error)) throw error;
    throw anew("the server cannot go on where a download was cut");
  }
  if ((await versionOf(client, path)).validator !== validator) {
    throw anew("the file changed while it was downloaded");
  }
}

/** RFC 959, 4.2: a command, or a parameter of it, that the server does not have. */
const isUnknownCommand = (error: unknown): boolean =>
  error instanceof FTPError && [500, 501, 502, 504].includes(error.code);

async function retrieve(client: Client, path: string, file: string, start: number): Promise<void> {
  const fd = openSync(file, "a");
  try {
    await client.downloadTo(writerTo(fd), path, start);
  } finally {
    closeSync(fd);
  }
}

/** Writes at once, so that what is on disk after a failure is known, and nothing comes later. */
const writerTo = (fd: number): Writable =>
  new Writable({
    highWaterMark: CHUNK_BYTES,
    write(chunk: Uint8Array, _encoding, done) {
      try {
        for (let rest = chunk; rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest));
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
