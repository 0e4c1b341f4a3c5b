// HTTP storage: GET of an input, PUT of an output, one file each.

import { readHttpUrl } from "../contract/http-url.ts";
import { publicUrl } from "../contract/scheme.ts";
import { fileBody, mustHold } from "./body.ts";
import { checksumOf } from "./checksum.ts";
import { mustBeKnown } from "./host.ts";
import { sendHttp, sizeIn } from "./http-request.ts";
import { mustRead } from "./must-read.ts";
import { pageInstead } from "./page-instead.ts";
import { defaultPatience, type Patience, whilePatient } from "./patience.ts";
import { receive } from "./receive.ts";
import {
  kindOfStatus,
  type Receiver,
  retryAfterOf,
  type Storage,
  StorageError,
  type StorageSettings,
} from "./storage.ts";

/** A remark is not worth more. */
const LOOK_MILLISECONDS_MAX = 5000;

const lookPatience = ({ stallMilliseconds, ...rest }: Patience): Patience => ({
  ...rest,
  stallMilliseconds: Math.min(stallMilliseconds, LOOK_MILLISECONDS_MAX),
});

export function httpStorage(settings: StorageSettings, signal: AbortSignal): Storage {
  const patience = settings.patience ?? defaultPatience;
  return {
    shape: "files",
    list: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new StorageError("permanent", "HTTP has no listing of folders")),
      }),
    }),
    download: (url, receiver) => receiveHttp({ url }, receiver, { settings, signal }),
    async sizeOf(url) {
      // What is signed is signed for GET, and a link may be good for one request only.
      if (url.includes("?")) return undefined;
      const response = await sendHttp({ method: "HEAD", url, headers: {}, signal }, settings);
      return response.status === 200 ? sizeIn(response.headers) : undefined;
    },
    target(url) {
      const { hostname } = mustRead(readHttpUrl(url)).url;
      const check = (): Promise<void> =>
        settings.proxied ? Promise.resolve() : mustBeKnown(hostname.replace(/^\[(.*)\]$/, "$1"));
      return { name: hostname, check };
    },
    async upload(file, sizeBytes, url) {
      const body = await fileBody(file, 0, sizeBytes);
      const headers = await contentChecksum(file, sizeBytes, url);
      await whilePatient({ signal, patience, bytes: sizeBytes }, async (limit) => {
        const response = await sendHttp({ method: "PUT", url, headers, body, signal: limit }, settings);
        if (!response.ok) throw await httpFailure(response);
        // It is stored, whatever else the answer says.
        await response.body?.cancel().catch(() => undefined);
      });
      mustHold(file, sizeBytes);
      return await remarkOn(url, sizeBytes);
    },
  };

  /**
   * Servers may compress, may answer HEAD from a cache or not at all, and may store what is sent later on: what HEAD says is no
   * reason to doubt a success.
   */
  async function remarkOn(url: string, sizeBytes: number): Promise<string | undefined> {
    // What is signed is signed for PUT.
    if (url.includes("?")) return undefined;
    try {
      const ask = async (limit: AbortSignal) =>
        await sendHttp({ method: "HEAD", url, headers: {}, signal: limit }, settings);
      const { status, headers } = await whilePatient(
        { signal, patience: lookPatience(patience), bytes: 0 },
        ask,
      );
      const size = sizeIn(headers);
      // 0 is what a server says that makes no body for HEAD.
      if (status !== 200 || !size || size === sizeBytes) return undefined;
      return `the server took ${sizeBytes} bytes as "${publicUrl(url)}", and says now that it has ${size}`;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Over TLS a changed byte is seen by the connection. Otherwise the server may see it; S3 behind a signed URL does. */
  async function contentChecksum(file: string, end: number, url: string): Promise<Record<string, string>> {
    // An older kind of signature would have to know of the header.
    if (!/^http:/i.test(url) || /[?&]signature=/i.test(url)) return {};
    const { value } = await checksumOf(file, "md5", { start: 0, end }, signal);
    return { "content-md5": value };
  }
}

/** `own` are headers for the URL's own server. */
export async function receiveHttp(
  { url, own = {} }: { url: string; own?: Record<string, string> },
  receiver: Receiver,
  { settings, signal }: { settings: StorageSettings; signal: AbortSignal },
): Promise<number> {
  const request = {
    send: (headers: Record<string, string>, limit: AbortSignal) =>
      sendHttp({ method: "GET", url, headers, own, signal: limit }, settings),
    refusal: (response: Response) => pageInstead(url, response),
    // Signed URLs of S3 are http URLs too.
    etagIsMd5: (response: Response) => response.headers.has("x-amz-request-id"),
    failure: httpFailure,
    patience: settings.patience ?? defaultPatience,
  };
  return await receive({ ...request, condition: "if-range", signal }, receiver);
}

export async function httpFailure(response: Response, who = "the server"): Promise<StorageError> {
  await response.body?.cancel();
  return new StorageError(kindOfStatus(response.status), `${who} answered ${response.status}`, {
    retryAfterMilliseconds: retryAfterOf(response.headers, Date.now()),
  });
}
