// urlFault: what is wrong with the URL of an input or output before any storage is asked.

import { readDrsUrl } from "./drs-url.ts";
import { isFileUrl, readFileUrl } from "./file-url.ts";
import { readFtpUrl } from "./ftp-url.ts";
import { droppedFromHttpUrl, readHttpUrl } from "./http-url.ts";
import { isWithin, type TaskPath } from "./path.ts";
import { lengthFault } from "./path-length.ts";
import { readS3Url, s3KeyBytesMax } from "./s3-url.ts";
import { schemeOf } from "./scheme.ts";

export interface UrlUse {
  readonly direction: "input" | "output";
  /** Whether it is certain that more than one file is meant: a DIRECTORY, an output with wildcards. */
  readonly isFolder: boolean;
  /** The folders of the shared claim that tasks may name; undefined where there is none. */
  readonly bases: readonly TaskPath[] | undefined;
}

/** More than servers take in a request. */
const urlLengthMax = 32_768;

/**
 * Only what is wrong wherever the URL leads: where an operator has an endpoint of S3 for http URLs is not known here. Says nothing of
 * the URL that may be secret.
 */
export function urlFault(url: string, use: UrlUse): string | undefined {
  const fault =
    url.length > urlLengthMax ? `it is longer than ${urlLengthMax} characters` : faultOf(url, use);
  return fault === undefined ? undefined : `Cannot be used: ${fault}`;
}

function faultOf(url: string, use: UrlUse): string | undefined {
  if (url.startsWith("/") || /^file:/i.test(url)) return fileFault(url, use);
  const scheme = schemeOf(url);
  switch (scheme) {
    case "s3":
      return s3Fault(url, use);
    case "http":
    case "https":
      return httpFault(url, use);
    case "ftp":
    case "ftps":
      return ftpFault(url, use);
    case "drs":
      return use.direction === "output" ? "drs is for inputs only" : faultIn(readDrsUrl(url));
    default:
      return unsupported(url, scheme, use);
  }
}

const faultIn = (read: object): string | undefined =>
  "fault" in read && typeof read.fault === "string" ? read.fault : undefined;

/** A URL that ends in a slash is a folder, which a file is put into by its own name. */
const namesFolder = (url: string, { isFolder }: UrlUse): boolean => isFolder || url.endsWith("/");

function s3Fault(url: string, use: UrlUse): string | undefined {
  const read = readS3Url(url);
  if ("fault" in read) return read.fault;
  if (read.key === "" && !namesFolder(url, use))
    return `it names a bucket and no object in it, as s3://${read.bucket}/key does; a whole bucket has the type DIRECTORY`;
  const bytes = Buffer.byteLength(read.key);
  return bytes > s3KeyBytesMax
    ? `its key has ${bytes} bytes, and at most ${s3KeyBytesMax} are possible`
    : undefined;
}

function httpFault(url: string, { direction, isFolder }: UrlUse): string | undefined {
  const fault = faultIn(readHttpUrl(url)) ?? droppedFromHttpUrl(url);
  if (fault !== undefined) return fault;
  // Only S3 knows what is in it, and a URL that is signed already is not given to S3.
  return direction === "input" && isFolder && url.includes("?")
    ? "what lies in a folder cannot be asked for by an http URL with a query"
    : undefined;
}

function ftpFault(url: string, use: UrlUse): string | undefined {
  const read = readFtpUrl(url);
  if ("fault" in read) return read.fault;
  if (read.path !== "" || namesFolder(url, use)) return undefined;
  return "it names a server and no file on it";
}

function fileFault(url: string, { bases }: UrlUse): string | undefined {
  if (!bases) return "this installation shares no files with tasks, so paths and file URLs mean nothing here";
  const read = isFileUrl(url) ? readFileUrl(url) : { fault: "it is no URL of the form file:///path" };
  if ("fault" in read) return read.fault;
  if (!bases.some((base) => isWithin(read.path, base)))
    return `it is not in the folders that tasks may use (${bases.join(", ")})`;
  return lengthFault(read.path);
}

const supported = ["s3", "http", "https", "ftp", "ftps"] as const;

function unsupported(url: string, scheme: string | undefined, { direction, bases }: UrlUse): string {
  const known = [...supported, ...(direction === "input" ? ["drs"] : []), ...(bases ? ["file"] : [])].join(
    ", ",
  );
  if (scheme !== undefined) return `the scheme ${scheme.slice(0, 32)} is not supported (${known} are)`;
  if (/^\s/.test(url)) return "it begins with a blank";
  const [, word] = /^([a-z][a-z0-9+.-]*):(?!\/\/)/i.exec(url) ?? [];
  if (word !== undefined)
    return `"//" is missing after "${word.slice(0, 32)}:" (${known} are supported), as in s3://bucket/key`;
  return `it begins with no scheme (${known} are supported), as in s3://bucket/key`;
}
