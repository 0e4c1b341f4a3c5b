// Garbage: what thousands of small files leave in memory.

/** The collector waits for 48 MiB, which suits large files; so many small ones leave some 5 MiB. */
const FILES_BETWEEN = 256;

/** To be told how many files are done, with each: collects now and then. It costs some milliseconds in a hundred. */
export function collectAfter(files: number): void {
  if (typeof Bun !== "undefined" && files % FILES_BETWEEN === 0) Bun.gc(true);
}
