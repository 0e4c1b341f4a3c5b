// FTP URL: ftp://user:password@host:port/path (RFC 1738, 3.2) taken apart. Pure.

export interface FtpTarget {
  readonly host: string;
  readonly port: number;
  /** ftps: TLS from the first byte, not by AUTH TLS. */
  readonly implicitTls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Without slashes at its end; from the folder that the server logs in to, unless it begins with one. */
  readonly path: string;
}

const ports = { ftp: 21, ftps: 990 } as const;
const portMax = 65_535;

/** FTP knows neither query nor fragment, so "?" and "#" are taken for what they are in a name. */
export function readFtpUrl(url: string): FtpTarget | { fault: string } {
  // Cut and not matched as a whole, which would take a hostile URL the square of its length.
  const [, scheme = "", rest = ""] = /^(ftps?):\/\/(.*)$/is.exec(url) ?? [];
  const [authority, path] = cutAt(rest, rest.indexOf("/"));
  const hasLogin = authority.includes("@");
  const [login, place] = hasLogin ? cutAt(authority, authority.lastIndexOf("@")) : ["", authority];
  const [, host = "", port] = /^(\[[^\]]+\]|[^:\s]+)(?::(\d{1,5}))?$/.exec(place) ?? [];
  if (host === "") return { fault: "it is no URL of the form ftp://host/path" };
  const implicitTls = scheme.toLowerCase() === "ftps";
  const number = Number(port ?? ports[implicitTls ? "ftps" : "ftp"]);
  if (number === 0 || number > portMax) return { fault: `${port} is no port` };
  const [user, password] = cutAt(login, login.indexOf(":"));
  // The type code is of no use: everything is transferred as it is.
  const decoded = decodedAll([user, password, path.replace(/;type=[aid]$/i, "")]);
  if (!decoded) return { fault: 'a "%" in it is not followed by two hexadecimal digits of UTF-8' };
  // It would end the command, and begin another one.
  if (decoded.some((text) => /[\r\n\0]/.test(text))) return { fault: "FTP knows no names with a line break" };
  const [decodedUser, decodedPassword, decodedPath = ""] = decoded;
  return {
    host: host.replace(/^\[(.*)\]$/, "$1").toLowerCase(),
    port: number,
    implicitTls,
    user: hasLogin ? decodedUser : undefined,
    password: login.includes(":") ? decodedPassword : undefined,
    path: withoutSlashesAtEnd(decodedPath),
  };
}

/** What is before a separator and what is behind it; all of it and nothing, where there is none. */
const cutAt = (text: string, at: number): [string, string] =>
  at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];

/** The root stays "/". */
function withoutSlashesAtEnd(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end -= 1;
  return path.slice(0, end);
}

function decodedAll(texts: readonly string[]): string[] | undefined {
  try {
    return texts.map(decodeURIComponent);
  } catch {
    return undefined; // not well formed, which is the fault that the caller tells
  }
}
