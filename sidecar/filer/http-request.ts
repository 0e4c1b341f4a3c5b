// HTTP request: one request, its redirects followed, by the runtime's fetch.
import { readHttpUrl } from "../contract/http-url.ts";
import { asStored } from "./body.ts";
import { mustRead } from "./must-read.ts";
import type { HostLogin } from "./netrc.ts";
import { StorageError, type StorageSettings, type WebHost } from "./storage.ts";

const REDIRECTS_MAX = 10;

export interface HttpRequest {
  method: "GET" | "HEAD" | "PUT";
  url: string;
  headers: Record<string, string>;
  /** What is for the URL's own server only. */
  own?: Record<string, string>;
  body?: Blob;
  signal: AbortSignal;
}

type HostSettings = Pick<StorageSettings, "webHosts" | "loginOn">;

/** The last answer. What authorises the request goes to nobody but the host that it is for. */
export async function sendHttp(request: HttpRequest, settings: HostSettings): Promise<Response> {
  const first = target(request.url);
  let hop: Hop = {
    url: first.url,
    headers: { ...first.headers, ...request.own },
    origin: new URL(first.url).origin,
    wasSecure: false,
  };
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const response = await sendOnce(request, hop, settings);
    const next = redirectOf(response, hop.url);
    if (!next) return await unlessWithheld(response, hop, settings);
    await response.body?.cancel();
    if (request.method === "PUT" && response.status < 307) {
      throw new StorageError("permanent", `the server redirects with ${response.status} what is sent to it`);
    }
    const stays = next.origin === hop.origin;
    hop = {
      url: next.href,
      origin: next.origin,
      headers: stays ? hop.headers : {},
      wasSecure: hop.wasSecure || hop.url.startsWith("https:"),
    };
  }
  throw new StorageError("permanent", `more than ${REDIRECTS_MAX} redirects`);
}

interface Hop {
  url: string;
  origin: string;
  /** The login that the task's own URL brought, as long as it is the same server. */
  headers: Record<string, string>;
  wasSecure: boolean;
}

async function sendOnce(request: HttpRequest, hop: Hop, settings: HostSettings): Promise<Response> {
  const { headers, ca } = hostOf(hop.url, settings);
  // Who was known over TLS is not to be known in the open.
  const known = hop.wasSecure && !hop.url.startsWith("https:") ? {} : headers;
  return await fetch(hop.url, {
    ...asStored,
    method: request.method,
    headers: { ...known, ...hop.headers, ...request.headers },
    signal: request.signal,
    redirect: "manual",
    ...(request.body ? { body: request.body } : {}),
    ...(ca === undefined ? {} : { tls: { ca } }),
  });
}

/** Throws where the server wants a login that there is, and that it was not told. */
async function unlessWithheld(response: Response, hop: Hop, settings: HostSettings): Promise<Response> {
  const isOwn = "authorization" in hop.headers;
  if (response.status !== 401 || isOwn || !hostOf(hop.url, settings).isWithheld) return response;
  await response.body?.cancel();
  throw new StorageError(
    "denied",
    "the server answered 401, and its login is sent over TLS only, unless HTTP_HOSTS says that the host is plain",
  );
}

interface Host {
  headers: Record<string, string>;
  ca: string | undefined;
  /** There is a login, which is not for a request in the clear: anybody may answer in the host's name. */
  isWithheld: boolean;
}

/** As whom a host is asked, and which authority of its own is trusted there. */
function hostOf(url: string, { webHosts, loginOn }: HostSettings): Host {
  const { host, hostname, protocol } = new URL(url);
  const known = webHosts?.().find((each) => {
    const name = each.host.toLowerCase();
    return name === host || name === hostname || (name.startsWith("*.") && hostname.endsWith(name.slice(1)));
  });
  const login = authorizationOf(known) ?? netrc(loginOn?.(hostname));
  const isWithheld = login !== undefined && !known?.plain && protocol !== "https:";
  const headers = login === undefined || isWithheld ? {} : { authorization: login };
  return { headers, ca: known?.ca, isWithheld };
}

function authorizationOf(known: WebHost | undefined): string | undefined {
  if (known?.bearer !== undefined) return `Bearer ${known.bearer}`;
  return known?.login && basic(known.login.user, known.login.password);
}

const netrc = (known: HostLogin | undefined): string | undefined =>
  known && basic(known.login, known.password);

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

function redirectOf({ status, headers }: Response, from: string): URL | undefined {
  const location = headers.get("location");
  if (![301, 302, 303, 307, 308].includes(status) || location === null) return undefined;
  if (!URL.canParse(location, from)) throw new StorageError("permanent", "the server redirects to no URL");
  const next = new URL(location, from);
  if (!/^https?:$/.test(next.protocol)) {
    throw new StorageError("permanent", `the server redirects to ${next.protocol}`);
  }
  next.username = "";
  next.password = "";
  return next;
}

/** fetch refuses a URL with a user in it; such a user is meant for basic authentication (RFC 7617). */
function target(text: string): { url: string; headers: Record<string, string> } {
  const { url } = mustRead(readHttpUrl(text));
  if (url.username === "" && url.password === "") return { url: url.href, headers: {} };
  const authorization = basic(decodeURIComponent(url.username), decodeURIComponent(url.password));
  url.username = "";
  url.password = "";
  return { url: url.href, headers: { authorization } };
}

/** What a HEAD says of the size. */
export function sizeIn(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null ? undefined : Number(length);
}
