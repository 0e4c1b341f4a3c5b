// FTP pool: a few connections for each server and user, used again and again.
import PQueue from "p-queue";
import type { FtpTarget } from "../contract/ftp-url.ts";
import { connectFtp, type FtpConnection, type FtpLogin } from "./ftp-connection.ts";
import { ftpFailure } from "./ftp-failure.ts";
import type { StorageErrorKind, StorageSettings } from "./storage.ts";

/** Servers bound the connections of one address, and every task of a node may come from the same. */
const CONNECTIONS_PER_SERVER_MAX = 4;
/** Idle ones are closed: executors may run for days between inputs and outputs. */
const IDLE_MILLISECONDS_MAX = 5000;

export interface FtpUse {
  target: FtpTarget;
  /** What the server's 550 means. */
  onMissing: StorageErrorKind;
  /** How long the work may go on after an abort, to leave nothing behind. */
  graceMilliseconds?: number;
}

export interface FtpPool {
  /** Gives the work a connection of its own. Throws StorageError. After an abort the connection is closed, and the work fails. */
  use<Value>(use: FtpUse, work: (connection: FtpConnection) => Promise<Value>): Promise<Value>;
  /** A connection outside of the pool, for as long as its signal says. */
  connect(target: FtpTarget, signal: AbortSignal): Promise<FtpConnection>;
}

export function ftpPool(settings: StorageSettings, signal: AbortSignal): FtpPool {
  const servers = new Map<string, Server>();
  const loginTo = (target: FtpTarget): FtpLogin => ({
    ...loginOf(target, settings),
    silenceMilliseconds: settings.patience?.stallMilliseconds,
  });
  return {
    async use({ target, onMissing, graceMilliseconds = 0 }, work) {
      const login = loginTo(target);
      const key = JSON.stringify([target.host, target.port, target.implicitTls, login]);
      const server = servers.get(key) ?? createServer(signal);
      servers.set(key, server);
      const { user, password } = login;
      try {
        return await server.use(() => connectFtp(target, login, signal), graceMilliseconds, work);
      } catch (error) {
        throw ftpFailure(error, { onMissing, password: user === ANONYMOUS ? "" : password });
      }
    },
    connect: (target, limit) => connectFtp(target, loginTo(target), limit),
  };
}

const ANONYMOUS = "anonymous";

type Login = Pick<FtpLogin, "user" | "password" | "tlsReason">;

/**
 * The URL's own user, else the host's of the netrc, else a visitor. A task's user may take the risk of its own password; whoever
 * answers in the name of the host must not get the operator's.
 */
function loginOf({ host, user, password }: FtpTarget, { loginOn, ftp }: StorageSettings): Login {
  const tlsReason = ftp?.tls === "require" ? "which FTP_TLS requires" : undefined;
  if (user !== undefined && password !== undefined) return { user, password, tlsReason };
  const known = loginOn?.(host);
  if (known && (user === undefined || user === known.login)) {
    const own =
      ftp === undefined ? 'and the login of NETRC is for TLS only, unless FTP_TLS is "prefer"' : tlsReason;
    return { user: known.login, password: known.password, tlsReason: own };
  }
  return { user: user ?? ANONYMOUS, password: user === undefined ? "anonymous@" : "", tlsReason };
}

interface Server {
  use<Value>(
    connect: () => Promise<FtpConnection>,
    graceMilliseconds: number,
    work: (connection: FtpConnection) => Promise<Value>,
  ): Promise<Value>;
}

function createServer(signal: AbortSignal): Server {
  const queue = new PQueue({ concurrency: CONNECTIONS_PER_SERVER_MAX });
  const idle = new Map<FtpConnection, ReturnType<typeof setTimeout>>();
  const take = (): FtpConnection | undefined => {
    for (const [connection, timer] of idle) {
      clearTimeout(timer);
      idle.delete(connection);
      if (!connection.client.closed) return connection;
    }
    return undefined;
  };
  const putBack = (connection: FtpConnection): void => {
    if (signal.aborted) connection.client.close();
    if (connection.client.closed) return;
    const timer = setTimeout(() => {
      idle.delete(connection);
      connection.client.close();
    }, IDLE_MILLISECONDS_MAX);
    timer.unref();
    idle.set(connection, timer);
  };
  const closeIdle = (): void => {
    for (let connection = take(); connection; connection = take()) connection.client.close();
  };
  signal.addEventListener("abort", closeIdle, { once: true });
  return {
    use: (connect, graceMilliseconds, work) =>
      queue.add(async () => {
        signal.throwIfAborted();
        const connection = take() ?? (await connect());
        const close = (): void => connection.client.close();
        const closeSoon = (): void => {
          if (graceMilliseconds === 0) close();
          else setTimeout(close, graceMilliseconds).unref();
        };
        signal.addEventListener("abort", closeSoon, { once: true });
        try {
          return await work(connection);
        } finally {
          signal.removeEventListener("abort", closeSoon);
          putBack(connection);
        }
      }),
  };
}
