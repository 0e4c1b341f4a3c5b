// URL: joining of the addresses of a task's inputs and outputs.
import { schemeOf } from "../contract/scheme.ts";

/**
 * The URL of what lies below a folder's URL by a relative path, "" for the folder itself. A slash comes between them where the
 * folder's URL has none at its end; else nothing, since s3://b/o// and s3://b/o/ are two places.
 */
export function joinUrl(folder: string, relative: string): string {
  const { path, rest } = partsOf(folder);
  if (relative === "") return `${path.replace(/\/+$/, "")}${rest}`;
  const scheme = schemeOf(folder);
  const isLiteral = scheme === "s3" || scheme === undefined;
  const below = isLiteral ? relative : relative.split("/").map(encodeURIComponent).join("/");
  return `${scheme === "file" ? decodable(path) : path}${path.endsWith("/") ? "" : "/"}${below}${rest}`;
}

const query = /[?#]/;
const typeCode = /;type=[aid]$/i;

/** What stands behind the path: the query of an http URL, which may be a signature, and the type code of an ftp URL. */
function partsOf(url: string): { path: string; rest: string } {
  const scheme = schemeOf(url) ?? "";
  const behind: Readonly<Record<string, RegExp>> = {
    http: query,
    https: query,
    ftp: typeCode,
    ftps: typeCode,
  };
  const end = behind[scheme] ? url.search(behind[scheme]) : -1;
  return end < 0 ? { path: url, rest: "" } : { path: url.slice(0, end), rest: url.slice(end) };
}

/** A file URL that cannot be decoded is taken literally; with encoded names below it, it must be one that can. */
function decodable(url: string): string {
  try {
    decodeURIComponent(url);
    return url;
  } catch {
    return url.replaceAll("%", "%25");
  }
}
