// Full pipe: writes to a FIFO as far as there is room, and never waits for a reader.
import { closeSync, constants, openSync, writeSync } from "node:fs";

export interface FullPipe {
  /** How many of the bytes it took; 0 if it is full, or nothing reads it yet. */
  write(bytes: Uint8Array): number;
  /** A reader was there. */
  isOpen(): boolean;
  /** The reader went away, or `close` was called. */
  isClosed(): boolean;
  close(): void;
}

export function openFullPipe(fifo: string): FullPipe {
  let fd: number | undefined;
  let closed = false;
  const close = (): void => {
    closed = true;
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    write(bytes) {
      if (closed) return 0;
      try {
        fd ??= openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
        return writeSync(fd, bytes);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // ENXIO: the reader is not there yet.
        if (code !== "EAGAIN" && code !== "ENXIO") close();
        return 0;
      }
    },
    isOpen: () => fd !== undefined,
    isClosed: () => closed,
    close,
  };
}
