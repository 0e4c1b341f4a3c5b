// FTP connection: a control connection that is logged in, by TLS if the server can.
import { Client, FTPError, parseList } from "basic-ftp";
import type { FtpTarget } from "../contract/ftp-url.ts";
import { tlsName } from "./ftp-url.ts";
import { StorageError } from "./storage.ts";

export interface FtpLogin {
  user: string;
  password: string;
  /** Why a server without TLS is refused, in words that go on after that; undefined if it is not. */
  tlsReason: string | undefined;
  /** How long the server may say and send nothing. */
  silenceMilliseconds: number | undefined;
}

export interface FtpConnection {
  client: Client;
  /** The folder that relative paths begin at, without a slash at its end. */
  home: string;
}

const SILENCE_MILLISECONDS_MAX = 30_000;
/** A folder with more in its listing is refused: some 400,000 names. */
const LISTING_BYTES_MAX = 40 * 1024 * 1024;
const ANONYMOUS = "anonymous";

/** Throws as the client does; the signal closes it, and so ends whatever it does. */
export async function connectFtp(
  target: FtpTarget,
  login: FtpLogin,
  signal: AbortSignal,
): Promise<FtpConnection> {
  signal.throwIfAborted();
  const client = new Client(login.silenceMilliseconds ?? SILENCE_MILLISECONDS_MAX, {
    allowSeparateTransferHost: false,
    maxListingBytes: LISTING_BYTES_MAX,
  });
  client.parseList = parseStrictly;
  stayAtHost(client);
  const close = (): void => client.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    await open(client, target, login);
    // For names that are not ASCII, some servers want to be told before the login.
    await client.sendIgnoringError("OPTS UTF8 ON");
    await client.login(login.user, login.password);
    await client.useDefaultSettings();
    return { client, home: (await client.pwd()).replace(/\/+$/, "") };
  } catch (error) {
    client.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/**
 * With AUTH TLS if the server has it (RFC 4217). A certificate is checked before a password goes anywhere; a visitor without
 * one, whom any server would serve in the clear, takes it as it is.
 */
async function open(client: Client, target: FtpTarget, { user, tlsReason }: FtpLogin): Promise<void> {
  const { host, port, implicitTls } = target;
  const verify = tlsReason !== undefined || implicitTls || user !== ANONYMOUS;
  const options = { ...tlsName(host), rejectUnauthorized: verify };
  if (implicitTls) return void (await client.connectImplicitTLS(host, port, options));
  await client.connect(host, port);
  try {
    await client.useTLS(options);
  } catch (error) {
    if (!(error instanceof FTPError) || error.code < 500) throw error;
    if (tlsReason !== undefined) throw new StorageError("denied", `the server knows no TLS, ${tlsReason}`);
  }
}

/**
 * The address in an answer to PASV is often one behind a translation, and could be anybody's (RFC 2577, 3). Data goes to the
 * host that was asked for, whatever it says.
 */
function stayAtHost({ ftp }: Client): void {
  const request = ftp.request.bind(ftp);
  ftp.request = async (command) => {
    const answer = await request(command);
    const own = /(?:^|:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ftp.socket.remoteAddress ?? "");
    if (command !== "PASV" || !own) return answer;
    return { ...answer, message: answer.message.replace(/\d+,\d+,\d+,\d+(?=,\d+,\d+)/, own.slice(1).join()) };
  };
}

/** Line by line, so that one that nobody understands fails the listing, and is not left out of it. */
const parseStrictly: Client["parseList"] = (text) =>
  text.split(/\r?\n/).flatMap((line) => {
    try {
      return parseList(line);
    } catch {
      throw new StorageError(
        "permanent",
        `the server's listing has a line of an unknown form: "${line.slice(0, 200)}"`,
      );
    }
  });
