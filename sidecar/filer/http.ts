// HTTP storage: GET of an input, PUT of an output, one file each.
import { fileBody } from "./body.ts";
import { checksumOf } from "./checksum.ts";
import { sendHttp, sizeIn } from "./http-request.ts";
import { pageInstead } from "./page-instead.ts";
import { defaultPatience, whilePatient } from "./patience.ts";
import { receive } from "./receive.ts";
import {
  kindOfStatus,
  type Receiver,
  retryAfterOf,
  type Storage,
  StorageError,
  type StorageSettings,
} from "./storage.ts";

export function httpStorage(settings: StorageSettings, signal: AbortSignal): Storage {
  const patience = settings.patience ?? defaultPatience;
  return {
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
    async upload(file, sizeBytes, url) {
      const body = await fileBody(file, 0, sizeBytes);
      const headers = await contentChecksum(file, sizeBytes, url);
      await whilePatient({ signal, patience, bytes: sizeBytes }, async (limit) => {
        const response = await sendHttp({ method: "PUT", url, headers, body, signal: limit }, settings);
        if (!response.ok) throw await httpFailure(response);
        await response.arrayBuffer();
        const stored = await sendHttp({ method: "HEAD", url, headers: {}, signal: limit }, settings);
        const length = stored.headers.get("content-length");
        // Whoever may write need not be allowed to read: only a wrong size says something.
        if (stored.status === 200 && length !== null && Number(length) !== sizeBytes) {
          throw new StorageError("transient", `${length} of ${sizeBytes} bytes were stored`);
        }
      });
    },
  };

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
