// FIFO: reads a named pipe as a stream. The one place where the runtimes differ in it.
import { spawn } from "node:child_process";

/**
 * Opens the FIFO and yields what is written to it, until every writer has closed it. Waits for the first writer, without
 * holding up other work.
 */
export function readFifo(path: string): AsyncIterable<Uint8Array> {
  // node:fs would block one of four worker threads for each FIFO that has no writer yet, Deno.open all of them.
  if (typeof Bun !== "undefined") return Bun.file(path).stream();
  // Elsewhere a process of its own waits for the writer.
  return spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] }).stdout;
}
