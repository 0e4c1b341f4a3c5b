// Scheme: what kind of URL the text of a task is, and what of it may be shown.

/** The scheme in lower case; undefined for a bare path. */
export const schemeOf = (url: string): string | undefined =>
  /^(?:(file):\/|([a-z][a-z0-9+.-]*):\/\/)/i.exec(url)?.slice(1).find(Boolean)?.toLowerCase();

/** Schemes whose "?" and "#" are parts of a name. */
const literalSchemes: ReadonlySet<string> = new Set(["s3", "file", "ftp", "ftps"]);

/** What signs a URL; a name with such a query is an http URL that somebody took for another kind. */
const signature = /[?&](?:[a-z-]*(?:signature|credential|token)|sig|awsaccesskeyid)=/i;

/** The URL without what may be secret in it: user and password, and a query, which may hold a signature. */
export function publicUrl(url: string): string {
  const scheme = schemeOf(url);
  // Without a scheme there is no query, and what stands before an "@" may be a login all the same.
  if (scheme === undefined) return url.startsWith("/") && !url.startsWith("//") ? url : withoutLogin(url);
  const shown = withoutLogin(url);
  if (!literalSchemes.has(scheme)) return shown.replace(/[?#].*$/s, "");
  return signature.test(shown) ? shown.replace(/\?.*$/s, "") : shown;
}

const schemePattern = /^((?:[a-z][a-z0-9+.-]*:)?(?:\/\/)?)/i.source;
const login = new RegExp(`${schemePattern}[^/?#]*@`, "i");
/** A password with a slash in it, which leaves a port that is no number. */
const brokenLogin = new RegExp(`${schemePattern}[^@/?#[\\]]*:(?!\\d*(?:[/?#]|$))[^@]*@`, "i");

const withoutLogin = (url: string): string =>
  url.includes("@") ? url.replace(login, "$1").replace(brokenLogin, "$1") : url;
