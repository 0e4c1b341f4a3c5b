// FTP URL: what becomes of it on a connection. Pure.
import { isIP } from "node:net";
import { type FtpTarget, readFtpUrl } from "../contract/ftp-url.ts";
import { mustRead } from "./must-read.ts";

/** Throws a permanent StorageError if it is no URL of FTP. */
export const parseFtpUrl = (url: string): FtpTarget => mustRead(readFtpUrl(url));

/** What TLS is asked to prove; an address is no name that a client may ask for (RFC 6066, 3). */
export const tlsName = (host: string): { host: string; servername?: string } =>
  isIP(host) === 0 ? { host, servername: host } : { host };

/** The target's path on a connection that logged in to the folder `home`. */
export const pathOn = ({ home }: { home: string }, { path }: FtpTarget): string =>
  path.startsWith("/") ? path : `${home}/${path}`;
