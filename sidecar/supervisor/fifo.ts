// FIFO: reads a named pipe as a stream. The one place where the runtimes differ in it.
import { constants, openSync } from "node:fs";
import { getBuiltinModule } from "node:process";

/**
 * Opens the FIFO and yields what is written to it, until every writer has closed it. Waits for the first writer, without
 * holding up other work.
 */
export function readFifo(path: string): AsyncIterable<Uint8Array> {
  // node:fs would block one of four worker threads for each FIFO that has no writer yet.
  if (typeof Bun !== "undefined") return Bun.file(path).stream();
  // Opened without waiting, it is not readable before there was a writer. (Bun sees no end of file this way.)
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const { Socket } = getBuiltinModule("node:net");
  return new Socket({ fd, readable: true, writable: false });
}
