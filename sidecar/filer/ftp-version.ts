// FTP version: what a server says of a file before it is transferred.
import type { Client } from "basic-ftp";

export interface FtpVersion {
  sizeBytes?: number;
  /** Both the size and the time of the last change; absent if the server tells only one of them. */
  validator?: string;
}

/** Asks by SIZE and MDTM (RFC 3659). A server may know neither, or not the file: whether it is there, RETR says. */
export async function versionOf(client: Client, path: string): Promise<FtpVersion> {
  const ask = async (command: string): Promise<string | undefined> => {
    const { code, message } = await client.sendIgnoringError(`${command} ${path}`);
    return code === 213 ? /^213 (\d+)/.exec(message)?.[1] : undefined;
  };
  const size = await ask("SIZE");
  if (size === undefined) return {};
  const changed = await ask("MDTM");
  return { sizeBytes: Number(size), ...(changed === undefined ? {} : { validator: `${size} ${changed}` }) };
}
