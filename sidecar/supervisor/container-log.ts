// Container log: hands a copy of an output back to its executor's container, for `kubectl logs`. It never holds up the tool.
import { sleep } from "../within.ts";
import { openFullPipe } from "./full-pipe.ts";

export interface ContainerLog {
  /** Takes a chunk, or counts it as left out if too much waits. Keeps no reference to it. */
  offer(chunk: Uint8Array): void;
  /** Resolves when all of it is written, or nothing reads it any more. */
  end(): Promise<void>;
  /** Ends it as it is. */
  close(): void;
}

/** What may wait for a container runtime that takes 15 to 25 MB a second. */
const WAITING_BYTES_MAX = 1024 * 1024;
/** Between two tries on a full pipe, or on one that nothing reads yet: doubled each time that nothing was taken. */
const FIRST_PAUSE_MILLISECONDS = 1;
const LAST_PAUSE_MILLISECONDS = 32;
/** How long the reader, a program that the gate starts, may take to come. A command may have killed it before. */
const READER_MILLISECONDS_MAX = 500;

const NEWLINE = 10;

export function openContainerLog(fifo: string): ContainerLog {
  const pipe = openFullPipe(fifo);
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let leftOut = 0;
  let endsLine = true;
  let pumping: Promise<void> | undefined;

  function keep(bytes: Uint8Array): void {
    endsLine = bytes.at(-1) === NEWLINE;
    waiting.push(bytes);
    waitingBytes += bytes.length;
  }

  function keepLeftOut(): void {
    if (leftOut === 0) return;
    keep(Buffer.from(`${endsLine ? "" : "\n"}[tespod: ${leftOut} bytes left out]\n`));
    leftOut = 0;
  }

  /** True if the pipe took all of the oldest. */
  function writeOldest(oldest: Uint8Array): boolean {
    const count = pipe.write(oldest);
    waitingBytes -= count;
    if (count === oldest.length) waiting.shift();
    else waiting[0] = oldest.subarray(count);
    return count === oldest.length;
  }

  /** Writes what the pipe takes now; false if that was nothing. An output without a byte opens it, so that its reader ends too. */
  function flush(): boolean {
    const before = waitingBytes;
    if (waiting.length === 0) pipe.write(new Uint8Array());
    for (let [oldest] = waiting; oldest !== undefined && writeOldest(oldest); ) [oldest] = waiting;
    return waitingBytes < before;
  }

  const isDone = (): boolean => pipe.isClosed() || (waiting.length === 0 && pipe.isOpen());

  async function pump(): Promise<void> {
    const start = performance.now();
    for (let pause = FIRST_PAUSE_MILLISECONDS; !isDone(); ) {
      pause = flush() ? FIRST_PAUSE_MILLISECONDS : Math.min(pause * 2, LAST_PAUSE_MILLISECONDS);
      if (!pipe.isOpen() && performance.now() - start > READER_MILLISECONDS_MAX) pipe.close();
      if (!isDone()) await sleep(pause);
    }
  }

  const startPump = (): Promise<void> =>
    pump().finally(() => {
      pumping = undefined;
    });

  return {
    offer(chunk) {
      if (pipe.isClosed()) return;
      if (waitingBytes + chunk.length > WAITING_BYTES_MAX) {
        leftOut += chunk.length;
        return;
      }
      keepLeftOut();
      keep(chunk.slice());
      if (!pumping) flush();
      if (waiting.length > 0) pumping ??= startPump();
    },
    async end() {
      keepLeftOut();
      await (pumping ?? pump());
      pipe.close();
    },
    close: pipe.close,
  };
}
