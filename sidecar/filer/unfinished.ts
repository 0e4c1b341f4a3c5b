// Unfinished: where inputs lie until they are whole. No mount shows it, no input's or output's name leads there.
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Mounts' folders, which lie beside it, have no dot in their names. On the same file system, a file only changes its name. */
const FOLDER = ".unfinished";

export interface Unfinished extends Disposable {
  /** A path for a new file, which nothing else has or had. */
  next(): string;
}

/** Removed when it is disposed of, with all that is in it, also what an attempt left that was killed. */
export function openUnfinished(taskFolder: string): Unfinished {
  const folder = join(taskFolder, FOLDER);
  const own = randomBytes(4).toString("hex");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let count = 0;
  return {
    next() {
      count += 1;
      return `${folder}/${own}-${count.toString(36)}`;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
