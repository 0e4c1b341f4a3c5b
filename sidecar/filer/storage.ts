// Storage: what every kind of storage promises, and how it fails.
import type { TaskPath } from "../contract/path.ts";
import { publicUrl } from "../contract/scheme.ts";
import type { UnfinishedUpload } from "../contract/uploads.ts";
import type { Checksum, Sum } from "./checksum.ts";
import type { HostLogin } from "./netrc.ts";
import type { Patience } from "./patience.ts";

/**
 * A file below a folder in storage. `path` is relative to it, without a leading slash; with a final one it is an empty folder, and
 * "" is the folder itself, where storage knows that it is there though it may be empty.
 */
export interface Listed {
  path: string;
  /** 0 if storage does not tell. */
  sizeBytes: number;
  /** Where it is, if that is not below the folder's own URL. */
  url?: string | undefined;
}

/** A local file that is being downloaded. */
export interface Receiver {
  /** Exists, empty at first. */
  file: string;
  /** The file, open for reading and writing, if it is. */
  fd?: number;
  /** Nothing was written to it yet. */
  isEmpty?: boolean;
  /** The version of which it holds the first bytes. */
  validator?: string | undefined;
  /** What the whole of that version has to add up to. */
  checksum?: Checksum | undefined;
  /** The same of the bytes that it holds, as long as it is known without reading them. */
  sum?: Sum | undefined;
  /** The server cannot send parts of it. */
  wholeOnly?: boolean;
}

/**
 * One kind of storage. All operations may run side by side, end with the signal the storage was opened with, fail with
 * StorageError, and are never retried here but by retry.ts. URLs are as in the task: `#`, `?` and spaces of an s3 URL are literal.
 */
export interface Storage {
  /**
   * "keys" where names only look like paths: the object "m/", or an empty "m", stands for the folder that "m/a" lies in, and
   * a name may be an object's and a folder's. "files" where there are no folders. Absent: as in a file system.
   */
  readonly shape?: "keys" | "files";
  /** Every file below `url`, at any depth, in no promised order; "b/dir" never lists "b/dirx". Nothing there: an empty list. */
  list(url: string): AsyncIterable<Listed>;
  /**
   * Brings the file's bytes into the receiver's, and returns their number. May be called again after a failure with the same
   * receiver, and then goes on where it was if the file is still the same version.
   */
  download(url: string, receiver: Receiver): Promise<number>;
  /**
   * Stores the local file under `url`, replacing what is there. Nothing is visible before all of it is. Idempotent. May return a
   * remark for the task's log: what the server says of it afterwards, although it said that all of it was stored.
   */
  upload(file: string, sizeBytes: number, url: string): Promise<string | undefined>;
  /** The file's size, told without its bytes; undefined if that would not do for any reason. Absent likewise. */
  sizeOf?(url: string): Promise<number | undefined>;
  /** Takes back an upload in parts that was neither completed nor aborted. Idempotent. Absent where there are none. */
  abortUpload?(unfinished: UnfinishedUpload): Promise<void>;
  /** Keeps an empty folder, and is idempotent. Absent where storage knows no such thing. */
  makeFolder?(url: string): Promise<void>;
  /** What has to be there before anything can be uploaded to `url`. Throws a permanent StorageError if nothing ever can. */
  target?(url: string): UploadTarget;
}

/** A bucket, a server, a folder: what many URLs have in common. */
export interface UploadTarget {
  /** The same for all URLs that have it in common. */
  readonly name: string;
  /** Throws a StorageError that is not transient, or ENOTFOUND of a host, only if it is certain that no upload can succeed. */
  check(): Promise<void>;
}

/** not-found, denied and permanent fail again however often they are tried; transient may not. */
export type StorageErrorKind = "not-found" | "denied" | "permanent" | "transient";

interface StorageErrorOptions extends ErrorOptions {
  /** The server asked for so much time before the next attempt. */
  retryAfterMilliseconds?: number | undefined;
}

export class StorageError extends Error {
  readonly kind: StorageErrorKind;
  readonly retryAfterMilliseconds: number | undefined;

  constructor(kind: StorageErrorKind, message: string, options: StorageErrorOptions = {}) {
    super(message, options);
    this.name = "StorageError";
    this.kind = kind;
    this.retryAfterMilliseconds = options.retryAfterMilliseconds;
  }
}

/** Codes of the local file system: no storage is to blame, and another attempt does not help. */
const LOCAL_CODES = new Set(
  "EACCES EDQUOT EFBIG EIO EISDIR ENAMETOOLONG ENOENT ENOSPC ENOTDIR EPERM EROFS EMFILE".split(" "),
);

/**
 * Whatever a transfer threw as a StorageError. What has no known meaning is taken for trouble on the network.
 * The message never holds the URL of the request: it may be signed.
 */
export function storageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const message = error instanceof Error ? error.message : String(error);
  const kind = typeof code === "string" && LOCAL_CODES.has(code) ? "permanent" : "transient";
  // Bun's advice to its own users.
  const own = message.replace(/\s*For more information, pass `verbose: true`.*$/, "");
  // And some of its messages name the URL, with whatever signs it.
  return new StorageError(kind, own.replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi, publicUrl));
}

/** The kind of an HTTP status that is not a success. */
export function kindOfStatus(status: number): StorageErrorKind {
  if (status === 404 || status === 410) return "not-found";
  if (status === 401 || status === 403) return "denied";
  if (status === 408 || status === 425 || status === 429 || status >= 500) return "transient";
  return "permanent";
}

/** RFC 9110, 10.2.3: seconds or a date. Undefined if there is none that can be read. */
export function retryAfterOf(headers: Headers, now: number): number | undefined {
  const text = headers.get("retry-after") ?? "";
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return milliseconds >= 0 ? milliseconds : undefined;
}

/** Where S3 is and with which keys. Absent keys: anonymous. */
export interface S3Settings {
  endpoint: string | undefined;
  region: string | undefined;
  accessKeyId: string | undefined;
  secretAccessKey: string | undefined;
  sessionToken: string | undefined;
  /** Certificate authorities to trust there and nowhere else, as PEM. */
  ca?: string | undefined;
  /** Whether buckets are named in the path and not in the host: true for every own endpoint unless it says otherwise. */
  pathStyle?: boolean | undefined;
  /** Whether the ETag of an object that came in one piece is its MD5: true unless the endpoint is known for others. */
  etagIsMd5?: boolean | undefined;
  /** Files above this go in parts; servers refuse less than 5 MiB. */
  partBytes?: number | undefined;
  /** How the server is to encrypt what is stored. */
  encryption?: { algorithm: string; keyId: string | undefined } | undefined;
  /** Where keys come from if there are none. */
  webIdentity?: WebIdentity | undefined;
}

/** A token that is exchanged for keys by a security token service, Amazon's unless `endpoint` is another. */
export interface WebIdentity {
  tokenFile: string;
  roleArn: string | undefined;
  sessionName?: string | undefined;
  endpoint: string | undefined;
}

/** An own place for some buckets. The first of its kind that names a bucket is taken. */
export interface S3Place {
  /** Names, in which "*" stands for any characters. */
  buckets: readonly string[];
  settings: S3Settings;
  /** Whether http URLs of the endpoint, https://endpoint/bucket/key, are asked for as objects of S3 too. */
  claimsHttp: boolean;
}

/** A web host that is not asked as anybody, or that has an authority of its own. */
export interface WebHost {
  /** A host, a host:port, or "*.example.org" for all below it. */
  host: string;
  bearer?: string | undefined;
  login?: { user: string; password: string } | undefined;
  ca?: string | undefined;
  /** Whether credentials go there without TLS too. */
  plain: boolean;
}

export interface StorageSettings {
  s3: S3Settings;
  /** Buckets that are elsewhere than the others. Throws a permanent StorageError if that cannot be read. */
  s3Places?(): readonly S3Place[];
  /** Web hosts that are known by name; throws likewise. */
  webHosts?(): readonly WebHost[];
  patience?: Patience;
  /** Hears of uploads in parts. */
  uploads?: UploadWatch;
  /** A folder with more files is refused. */
  listedFilesMax?: number;
  /** How failures that may pass are tried again; as retry.ts has it if absent. */
  retry?: RetryPauses;
  /** Who to be on a host, by the operator's netrc. Throws a permanent StorageError if that cannot be read. */
  loginOn?(host: string): HostLogin | undefined;
  /** Absent: TLS is required for logins of the operator's. */
  ftp?: FtpSettings;
  /** Whether requests go through a proxy, which knows hosts that are not known here. */
  proxied?: boolean;
  /** The claim that file URLs are of; absent: they are not supported. */
  files?: FilesSettings | undefined;
}

/** Hears of what is left in storage if this process is killed. */
export interface UploadWatch {
  begun(upload: UnfinishedUpload): void;
  ended(upload: UnfinishedUpload): void;
}

export interface RetryPauses {
  attempts?: number;
  firstPauseMilliseconds?: number;
  lastPauseMilliseconds?: number;
}

export interface FtpSettings {
  /**
   * "require" refuses every server without TLS, and every certificate without a trusted authority; "prefer" lets every login go in
   * the clear where the server has no TLS.
   */
  tls: "require" | "prefer";
}

export interface FilesSettings {
  /** Where the claim's own root is in the paths that tasks name. */
  root: TaskPath;
  /** The folders that they may use, as such paths. */
  bases: readonly TaskPath[];
  /** Where the claim is mounted on this side. */
  local: string;
}
