// DRS storage: inputs by drs://host/id, read from where the Data Repository Service says that they are.
import { statSync, truncateSync } from "node:fs";
import { checksumOf } from "./checksum.ts";
import type { StorageOf } from "./drivers.ts";
import {
  type AccessUrl,
  askAccess,
  askObject,
  type DrsContent,
  type DrsObject,
  drsChecksum,
} from "./drs-object.ts";
import { drsObjectUrl, drsSibling } from "./drs-url.ts";
import { receiveHttp } from "./http.ts";
import { type Listed, type Receiver, type Storage, StorageError, type StorageSettings } from "./storage.ts";

const noUploads = "DRS has no uploads";

interface DrsStorage {
  settings: StorageSettings;
  signal: AbortSignal;
  storageOf: StorageOf;
}

export function drsStorage({ settings, signal, storageOf }: DrsStorage): Storage {
  const context = { settings, signal };
  return {
    async *list(url) {
      const { contents } = await askObject(`${drsObjectUrl(url)}?expand=true`, context).catch(ifThere);
      yield* listContents(contents ?? [], url, "");
    },
    // Asked anew with each attempt: a signed URL is soon too old.
    async download(url, receiver) {
      const objectUrl = drsObjectUrl(url);
      const object = await askObject(objectUrl, context);
      // As not-found, so that a bundle that was declared as a file is listed next.
      if (object.contents?.length) throw new StorageError("not-found", "it is a bundle of DRS");
      const access = await askAccess(objectUrl, object, context);
      const size = await fetchFrom(access, receiver);
      await mustBe(object, receiver, size);
      return size;
    },
    sizeOf: async (url) => (await askObject(drsObjectUrl(url), context)).size ?? undefined,
    upload: () => Promise.reject(new StorageError("permanent", noUploads)),
    target: () => {
      throw new StorageError("permanent", noUploads);
    },
  };

  async function fetchFrom({ url, headers }: AccessUrl, receiver: Receiver): Promise<number> {
    const own = headersIn(headers ?? []);
    const isOurs = Object.keys(own).length > 0;
    if (isOurs && /^http:/i.test(url))
      throw new StorageError("permanent", "the DRS server wants headers to be sent without TLS");
    if (isOurs && /^https:/i.test(url)) return await receiveHttp({ url, own }, receiver, context);
    return await (await storageOf(url)).download(url, receiver);
  }

  /** Other bytes than the DRS server's are of no use, however well they came. */
  async function mustBe(object: DrsObject, receiver: Receiver, size: number): Promise<void> {
    const wrong = object.size !== undefined && object.size !== null && object.size !== size;
    const checksum = drsChecksum(object);
    const words = wrong
      ? `${size} bytes were received, and the DRS server says ${object.size}`
      : checksum && (await difference(checksum, receiver));
    if (!words) return;
    receiver.validator = undefined;
    truncateSync(receiver.file, 0);
    throw new StorageError("permanent", words);
  }

  async function difference(
    { algorithm, value }: NonNullable<Receiver["checksum"]>,
    { file, checksum }: Receiver,
  ): Promise<string | undefined> {
    const isKnown = checksum?.algorithm === algorithm; // it was compared with the bytes already
    const range = { start: 0, end: statSync(file).size };
    const found = isKnown ? checksum : await checksumOf(file, algorithm, range, signal);
    if (found.value === value) return undefined;
    return `the ${algorithm} of what was received is ${found.value}, and the DRS server says ${value}`;
  }
}

function ifThere(error: unknown): Pick<DrsObject, "contents"> {
  if (error instanceof StorageError && error.kind === "not-found") return { contents: [] };
  throw error;
}

/** The sizes are those objects' own, which a bundle does not tell. */
function* listContents(contents: readonly DrsContent[], url: string, folder: string): Iterable<Listed> {
  const names = new Set<string>();
  for (const { name, id, drs_uri, contents: inner } of contents) {
    const path = `${folder}${name}`;
    if (names.has(name)) throw new StorageError("permanent", `the DRS server names "${path}" twice`);
    names.add(name);
    if (inner?.length) {
      yield* listContents(inner, url, `${path}/`);
      continue;
    }
    const [uri] = [drs_uri ?? []].flat();
    if (!id && uri === undefined)
      throw new StorageError("permanent", `the DRS server does not say which object "${path}" is`);
    yield { path, sizeBytes: 0, url: id ? drsSibling(url, id) : uri };
  }
}

/** What the server wants to be sent with the request. Not what the request itself is made of. */
const RESERVED = /^(host|connection|content-length|transfer-encoding|range|if-.*|accept-encoding)$/i;

function headersIn(headers: NonNullable<AccessUrl["headers"]>): Record<string, string> {
  const pairs = Array.isArray(headers)
    ? headers.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)] as const)
    : Object.entries(headers);
  for (const [name, value] of pairs) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(value))
      throw new StorageError("permanent", "the DRS server names a header that none can be");
  }
  return Object.fromEntries(
    pairs.filter(([name]) => !RESERVED.test(name)).map(([name, value]) => [name.toLowerCase(), value.trim()]),
  );
}
