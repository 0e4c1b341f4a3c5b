// File URL: what of the addresses of inputs and outputs is a path of the shared file system.
import { normalizePath, type TaskPath } from "./path.ts";

/** file:///a/b, file:/a/b (RFC 8089, as Java writes it), file://host/a/b, or a bare absolute path. */
export const isFileUrl = (url: string): boolean => url.startsWith("/") || /^file:\//i.test(url);

/** The path that such a URL says, or what is wrong with it: it says none, or one that cannot be meant. */
export function readFileUrl(url: string): { path: TaskPath } | { fault: string } {
  const read = url.startsWith("/") ? { path: url } : pathAfterHost(url);
  if ("fault" in read) return read;
  if (read.path.includes("\0")) return { fault: "no name holds a NUL character" };
  if (read.path.split("/").includes("..")) return { fault: 'a path with ".." is not taken' };
  return { path: normalizePath(read.path) };
}

function pathAfterHost(url: string): { path: string } | { fault: string } {
  const [, host = "", path] = /^file:(?:\/\/([^/]*))?(\/.*)$/is.exec(url) ?? [];
  if (path === undefined) return { fault: "it is no URL of the form file:///path" };
  if (host !== "" && host.toLowerCase() !== "localhost")
    return { fault: `files of another host ("${host.replace(/^.*@/s, "")}") cannot be reached` };
  try {
    return { path: decodeURIComponent(path) };
  } catch {
    return { path }; // clients that encode nothing send a "%" as it is
  }
}
