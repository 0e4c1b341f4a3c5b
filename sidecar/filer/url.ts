// URL: the addresses of a task's inputs and outputs, as text.

/** The scheme in lower case; undefined for a bare path. */
export const schemeOf = (url: string): string | undefined =>
  /^(?:(file):\/|([a-z][a-z0-9+.-]*):\/\/)/i.exec(url)?.slice(1).find(Boolean)?.toLowerCase();

/** The URL without what may be secret in it: user and password, and the query, which may hold a signature. */
export function publicUrl(url: string): string {
  const scheme = schemeOf(url);
  // In an s3 URL neither has a meaning: "?" and "@" are parts of the key; nor has a file's path a query.
  if (scheme === undefined || scheme === "s3" || scheme === "file") return url;
  return url.replace(/^([^/]*:\/\/)[^/?#]*@/, "$1").replace(/[?#].*$/s, "");
}

/** The URL of a relative path below a folder's URL, with exactly one slash between the two. */
export function joinUrl(folder: string, relative: string): string {
  const path = relative.replace(/^\/+/, "");
  if (path === "") return folder.replace(/\/+$/, "");
  const literal = schemeOf(folder) === "s3" || schemeOf(folder) === undefined;
  const below = literal ? path : path.split("/").map(encodeURIComponent).join("/");
  return `${folder.replace(/\/+$/, "")}/${below}`;
}
