// Transport: the one place that sends requests to the API server, with the kubeconfig's credentials and trust.
import type { RequestOptions } from "node:https";
import {
  CoreV1Api,
  createConfiguration,
  type KubeConfig,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  wrapHttpLibrary,
} from "@kubernetes/client-node";
import { readStatus, StatusError } from "./status-error.ts";
import { createTlsFetch, type TlsFetch, type TlsSettings } from "./tls-fetch.ts";

/** How long a call may take, its answer included. A watch has bounds of its own. */
export const CALL_SECONDS = 30;

export interface Transport {
  /** The API server's URL without a slash at its end. */
  readonly server: string;
  /**
   * The answer, if it is 2xx, with its body not read yet. Throws StatusError for any other answer, the signal's reason,
   * or whatever the network threw. Tries once, and follows no redirect.
   */
  readonly send: (url: string, init: RequestInit & { signal: AbortSignal }) => Promise<Response>;
  /** Closes the idle connections. */
  readonly close: () => void;
}

interface Credentials {
  readonly headers: Record<string, string>;
  readonly tls: TlsSettings;
}

/**
 * `load` is called again after a 401, so that a rotated token or certificate is found without a restart, and a
 * credential plugin is asked anew.
 *
 * client-node's own way to the network is not used: on Bun it ignores the CA and the client certificate (Bun replaces
 * undici by a shim), and it opens a connection for each call.
 */
export function createTransport(load: () => KubeConfig): Transport {
  let config = load();
  const server = serverOf(config);
  let pending: Promise<Credentials> | undefined;
  let connections: { readonly key: string; readonly open: TlsFetch } | undefined;

  /** One look-up for all that ask at the same time: it may run a credential plugin. */
  function credentials(): Promise<Credentials> {
    pending ??= readCredentials(config).finally(() => {
      pending = undefined;
    });
    return pending;
  }

  function connect(tls: TlsSettings): TlsFetch {
    const key = JSON.stringify(tls);
    if (connections?.key !== key) {
      connections?.open.close();
      connections = { key, open: createTlsFetch(tls) };
    }
    return connections.open;
  }

  async function send(url: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
    const used = config;
    const { headers, tls } = await orAborted(credentials(), init.signal);
    const own = {
      "User-Agent": "tespod",
      ...headers,
      ...(init.headers as Record<string, string> | undefined),
    };
    const response = await connect(tls).fetch(url, { ...init, headers: own, redirect: "manual" });
    if (response.ok) return response;
    // Only the first of many calls that are refused at once: the others would throw its fresh start away.
    if (response.status === 401 && config === used) config = reload(load) ?? config;
    throw new StatusError(readStatus(response.status, response.headers, await response.text()));
  }

  return { server, send, close: () => connections?.open.close() };
}

function serverOf(config: KubeConfig): string {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("Cannot connect: the kubeconfig names no cluster");
  return server.replace(/\/+$/, "");
}

/** Files are read each time, and client-node keeps what a plugin said until it runs out. */
async function readCredentials(config: KubeConfig): Promise<Credentials> {
  const options: RequestOptions & { servername?: string } = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value).trim();
  if (options.auth) headers["Authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  const tls: TlsSettings = {
    ca: options.ca?.toString(),
    cert: options.cert?.toString(),
    key: options.key?.toString(),
    serverName: options.servername,
    skipVerify: options.rejectUnauthorized === false,
    proxyUrl: config.getCurrentCluster()?.proxyUrl,
  };
  return { headers, tls };
}

/** The promise, but no longer than the signal lets it: a credential plugin may hang. */
function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function reload(load: () => KubeConfig): KubeConfig | undefined {
  try {
    return load();
  } catch {
    // A file that is just being replaced: the old one stays, and the 401 is reported either way.
    return undefined;
  }
}

/** client-node's typed calls over the transport. The signal ends them, bodies included. */
export function coreApi(transport: Transport, signal: AbortSignal): CoreV1Api {
  return new CoreV1Api(
    createConfiguration({
      baseServer: new ServerConfiguration(transport.server, {}),
      httpApi: wrapHttpLibrary({ send: (request) => sendContext(transport, request, signal) }),
    }),
  );
}

async function sendContext(transport: Transport, request: RequestContext, signal: AbortSignal) {
  const body = request.getBody();
  const response = await transport.send(request.getUrl(), {
    method: request.getHttpMethod(),
    headers: request.getHeaders(),
    // The calls used here send JSON only, never a form.
    ...(typeof body === "string" ? { body } : {}),
    signal,
  });
  // Read here, where an abort or a cut is still ours to name.
  const text = await response.text();
  return new ResponseContext(response.status, Object.fromEntries(response.headers), {
    text: () => Promise.resolve(text),
    binary: () => Promise.resolve(Buffer.from(text)),
    stream: () => null,
  });
}
