// Staged file: how files and folders that the filer makes are made, for tools of any uid.
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Place } from "./mounts.ts";

/** Readable by every uid, and executable: storage knows no modes, and a staged script or program may be the command. */
const FILE_MODE = 0o755;
/** The tool, whatever its uid, may write beside what was staged. Wants umask 0. */
const FOLDER_MODE = 0o777;

export const makeFolder = (local: string): void => {
  mkdirSync(local, { recursive: true, mode: FOLDER_MODE });
};

/** Writes an input's own text and returns its bytes. */
export function writeContent({ local }: Place, content: string): number {
  const bytes = Buffer.from(content);
  makeFolder(dirname(local));
  writeFileSync(local, bytes);
  chmodSync(local, FILE_MODE);
  return bytes.length;
}

/**
 * Lets `fill` write the file, and gives it its name only once it is whole. The file of a single-file mount is filled in
 * place: a container that is there already has that very file mounted.
 */
export async function writeWhole(
  { mount, local }: Place,
  fill: (file: string) => Promise<number>,
): Promise<number> {
  const partial = mount.file ? local : `${local}.tespod-part`;
  makeEmptyFile(partial);
  try {
    const size = await fill(partial);
    if (mount.file) chmodSync(partial, FILE_MODE);
    else renameSync(partial, local);
    return size;
  } catch (error) {
    if (partial !== local) rmSync(partial, { force: true });
    throw error;
  }
}

/** Makes the file, its folder only if it is not there: most files of a folder find it made. */
export function makeEmptyFile(file: string): void {
  const make = (): void => closeSync(openSync(file, "w", FILE_MODE));
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    makeFolder(dirname(file));
    make();
  }
}
