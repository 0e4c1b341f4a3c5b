// TlsFetch: the runtime's fetch with trust, client certificate and server name of its own, over kept connections.
import process from "node:process";

/** Certificates and key are PEM. Without `ca` the system's authorities are trusted, with it only that one. */
export interface TlsSettings {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name the server's certificate must carry, if not the URL's host. */
  readonly serverName?: string | undefined;
  readonly skipVerify: boolean;
  readonly proxyUrl?: string | undefined;
}

export interface TlsFetch {
  /** As the web's fetch, but that it never gives up on a silent body by itself: its bound is the signal in `init`. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Closes the idle connections. Calls under way finish. */
  readonly close: () => void;
}

/**
 * Seconds an idle connection is kept. kube-apiserver closes idle ones itself, and Go's servers do so after 90 s or more:
 * to be the first to close is what keeps a call from being sent into a connection that is just going away.
 */
const IDLE_SECONDS = 60;

/** Process-wide trust is left as it is, and no connection is shared between two results of this function. */
export function createTlsFetch(settings: TlsSettings): TlsFetch {
  if (process.versions["bun"] !== undefined) return bunFetch(settings);
  if (process.versions["deno"] !== undefined) return denoFetch(settings);
  return plainFetch(settings);
}

function bunFetch(settings: TlsSettings): TlsFetch {
  const session = new Bun.FetchSession({
    tls: {
      ...defined("ca", settings.ca),
      ...defined("cert", settings.cert),
      ...defined("key", settings.key),
      ...defined("serverName", settings.serverName),
      rejectUnauthorized: !settings.skipVerify,
    },
    ...defined("proxy", settings.proxyUrl),
    keepAlive: { idleTimeout: IDLE_SECONDS },
  });
  return {
    // Without `timeout: false` Bun cuts a stream that is quiet for five minutes, which a watch may well be.
    fetch: (url, init) => session.fetch(url, { ...init, timeout: false }),
    close: () => session.close(),
  };
}

/** The part of Deno's API that is used here, as the project is type-checked with Bun's types. */
interface DenoHttp {
  createHttpClient(options: {
    caCerts?: string[];
    cert?: string;
    key?: string;
    proxy?: { url: string };
    poolIdleTimeout?: number;
  }): { close(): void };
}

function denoFetch(settings: TlsSettings): TlsFetch {
  if (settings.skipVerify || settings.serverName !== undefined) {
    throw new Error("Cannot connect: Deno has neither insecure-skip-tls-verify nor tls-server-name");
  }
  const { Deno } = globalThis as unknown as { Deno: DenoHttp };
  const client = Deno.createHttpClient({
    ...(settings.ca === undefined ? {} : { caCerts: [settings.ca] }),
    ...defined("cert", settings.cert),
    ...defined("key", settings.key),
    ...(settings.proxyUrl === undefined ? {} : { proxy: { url: settings.proxyUrl } }),
    poolIdleTimeout: IDLE_SECONDS * 1000,
  });
  return {
    fetch: (url, init) => fetch(url, { ...init, client } as RequestInit),
    close: () => client.close(),
  };
}

/** Any other runtime: right for plain HTTP and for public authorities, and honest about the rest. */
function plainFetch(settings: TlsSettings): TlsFetch {
  const { proxyUrl, skipVerify, ...pems } = settings;
  if (skipVerify || proxyUrl !== undefined || Object.values(pems).some((value) => value !== undefined)) {
    throw new Error("Cannot connect: this runtime's fetch takes no TLS settings; run with Bun or Deno");
  }
  return { fetch: (url, init) => fetch(url, init), close: () => undefined };
}

/** exactOptionalPropertyTypes: an option that is not set must not be there at all. */
function defined<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value });
}
