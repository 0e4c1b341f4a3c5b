// FTP URL: ftp://user:password@host:port/path (RFC 1738, 3.2) taken apart. Pure.
import { isIP } from "node:net";
import { StorageError } from "./storage.ts";

export interface FtpTarget {
  host: string;
  port: number;
  /** ftps: TLS from the first byte, not by AUTH TLS. */
  implicitTls: boolean;
  user: string | undefined;
  password: string | undefined;
  /** Without slashes at its end; from the folder that the server logs in to, unless it begins with one. */
  path: string;
}

const PORT = { ftp: 21, ftps: 990 };

/** FTP knows neither query nor fragment, so "?" and "#" are taken for what they are in a name. Throws a permanent StorageError. */
export function parseFtpUrl(url: string): FtpTarget {
  const parts = /^(ftps?):\/\/(?:([^/]*)@)?(\[[^\]/]+\]|[^:/]+)(?::(\d{1,5}))?(?:\/(.*))?$/is.exec(url);
  const [, scheme = "", login, host = "", port, path = ""] = parts ?? [];
  if (!parts) throw new StorageError("permanent", "it is no URL of the form ftp://host/path");
  const [, user, password] = login === undefined ? [] : (/^([^:]*)(?::(.*))?$/s.exec(login) ?? []);
  const implicitTls = scheme.toLowerCase() === "ftps";
  return {
    host: host.replace(/^\[(.*)\]$/, "$1").toLowerCase(),
    port: port === undefined ? PORT[implicitTls ? "ftps" : "ftp"] : Number(port),
    implicitTls,
    user: user && decoded(user),
    password: password && decoded(password),
    // The type code is of no use: everything is transferred as it is.
    path: plain(decoded(path.replace(/;type=[aid]$/i, ""))).replace(/(?<=[^/])\/+$/, ""),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StorageError("permanent", 'a "%" in it is not followed by two hexadecimal digits of UTF-8');
  }
}

/** A line break would end the command, and begin another one. */
function plain(path: string): string {
  if (/[\r\n\0]/.test(path)) throw new StorageError("permanent", "FTP knows no names with a line break");
  return path;
}

/** What TLS is asked to prove; an address is no name that a client may ask for (RFC 6066, 3). */
export const tlsName = (host: string): { host: string; servername?: string } =>
  isIP(host) === 0 ? { host, servername: host } : { host };

/** The target's path on a connection that logged in to the folder `home`. */
export const pathOn = ({ home }: { home: string }, { path }: FtpTarget): string =>
  path.startsWith("/") ? path : `${home}/${path}`;
