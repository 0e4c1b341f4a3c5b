// FTP list: what is below a folder of an FTP server.
import { type FileInfo, FTPError } from "basic-ftp";
import type { FtpConnection } from "./ftp-connection.ts";
import { type Listed, StorageError } from "./storage.ts";

/** A tree with more files and folders is refused: a server may make them up without end. */
const ENTRIES_MAX = 1_000_000;

/** Does something on a connection that it holds no longer than that; `root` is the listing's own folder there. */
type OnConnection = <Value>(
  work: (connection: FtpConnection, root: string) => Promise<Value>,
) => Promise<Value>;

interface Folder {
  /** Relative to the root of the listing; with a slash at its end, but for the root itself. */
  path: string;
  /** Where the folders above really are, so that a link to one of them does not lead round for ever. */
  above: readonly string[];
}

/** Every file and every empty folder below the root; nothing if it is not there or no folder. */
export async function* listFtp(onConnection: OnConnection): AsyncIterable<Listed> {
  const waiting: Folder[] = [{ path: "", above: [] }];
  let count = 0;
  for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
    const { path, above } = folder;
    const found = await onConnection((connection, root) => readFolder(connection, `${root}/${path}`));
    if (!found && path === "") return;
    mustBeApart(found, folder);
    const { real, files, folders } = found;
    count += files.length + folders.length;
    if (count > ENTRIES_MAX) throw new StorageError("permanent", `it holds more than ${ENTRIES_MAX} files`);
    yield* listedOf(found, path);
    for (const name of folders) waiting.push({ path: `${path}${name}/`, above: [...above, real] });
  }
}

function mustBeApart(found: Found | undefined, { path, above }: Folder): asserts found {
  if (!found) throw new StorageError("not-found", `the folder "${path}" went away while it was listed`);
  if (above.includes(found.real)) {
    throw new StorageError("permanent", `"${path}" is a link to a folder that holds it`);
  }
}

function listedOf({ files, folders }: Found, path: string): Listed[] {
  if (files.length === 0 && folders.length === 0) return [{ path, sizeBytes: 0 }];
  return files.map(({ name, size }) => ({ path: path + name, sizeBytes: size }));
}

interface Found {
  real: string;
  files: { name: string; size: number }[];
  folders: string[];
}

/** The listing is of the working folder: as an argument, many servers would take its name for a pattern or an option. */
async function readFolder(connection: FtpConnection, path: string): Promise<Found | undefined> {
  const { client } = connection;
  if (!(await enters(connection, path))) return undefined;
  const found: Found = { real: await client.pwd(), files: [], folders: [] };
  for (const entry of await client.list()) {
    if (await isFolder(entry, path, connection)) found.folders.push(entry.name);
    else found.files.push({ name: entry.name, size: entry.size });
  }
  return found;
}

/** A link, or what the listing has no word for, is a folder if it can be entered. */
async function isFolder(entry: FileInfo, path: string, connection: FtpConnection): Promise<boolean> {
  if (entry.isDirectory || entry.isFile) return entry.isDirectory;
  return await enters(connection, `${path.replace(/\/+$/, "")}/${entry.name}`);
}

/** Makes it the working folder, if it is one. */
export async function enters({ client }: FtpConnection, path: string): Promise<boolean> {
  try {
    await client.cd(path === "" ? "/" : path);
    return true;
  } catch (error) {
    if (!(error instanceof FTPError) || error.code !== 550) throw error;
    if (/permission|denied/i.test(error.message)) throw error;
    return false;
  }
}
