// Output: what an executor writes to stdout and stderr: into the files that it names, and as excerpts into the task's log.
import { join } from "node:path";
import type { TaskPath } from "../contract/path.ts";
import { logFifo, STDERR_FIFO, STDOUT_FIFO } from "../contract/paths.ts";
import type { PlanExecutor, TaskPlan } from "../contract/plan.ts";
import { mountsOf } from "../filer/mounts.ts";
import { free } from "../free.ts";
import { isOneStream } from "../step/script.ts";
import { within } from "../within.ts";
import { type ContainerLog, openContainerLog } from "./container-log.ts";
import { createExcerpt, type Excerpt } from "./excerpt.ts";
import { readFifo } from "./fifo.ts";
import { openStreamFile, type StreamFile } from "./stream-file.ts";

export interface Output {
  /** Every writer has closed its stream, and what it wrote is where it belongs. A daemon may keep a stream open for ever. */
  readonly drained: Promise<unknown>;
  /** What comes from now on is not copied to the container's own log any more, so that the copy there ends. */
  endLogs(): void;
  /**
   * To be called when nothing of the executor lives: waits for what is still in the pipes, as long as some of it comes. Then
   * nothing is written any more.
   */
  end(): Promise<void>;
  excerpts(): { stdout: string; stderr: string };
  /** Why a file does not hold all that was written to it; undefined if it does. */
  fault(): Error | undefined;
}

/** What lies in a pipe is read in milliseconds, even on a busy node; but the disk may be slow, or a file system of a network. */
const LOOK_MILLISECONDS = 200;
const STALLED_LOOKS_MAX = 5;
const WRITE_MILLISECONDS_MAX = 30_000;
/** Only an executor that is not dead, as it had told, goes on for ever. */
const REST_MILLISECONDS_MAX = 60_000;

interface Stream {
  readonly fifo: string;
  readonly excerpt: Excerpt;
  readonly log: ContainerLog | undefined;
  file: { readonly stream: StreamFile; readonly words: string } | undefined;
  fault: Error | undefined;
  /** Bytes that have arrived where they belong; while it writes to the file, the clock of slow disks counts. */
  done: number;
  writing: boolean;
  ended: boolean;
}

/**
 * Starts to read an executor's streams, to be called before it is released. `folder` is the task's in the work volume. Throws in
 * words if a file that the executor names cannot be opened.
 */
export async function readOutput(
  executor: PlanExecutor,
  index: number,
  { step, plan, folder }: { step: string; plan: TaskPlan; folder: string },
): Promise<Output> {
  const open = async (name: "stdout" | "stderr", fifo: string): Promise<Stream> => {
    const path = isOneStream(executor) && name === "stderr" ? undefined : executor[name];
    const words = `Cannot write ${name} of executor ${index} to "${path}"`;
    const openFile = async (path: TaskPath) =>
      await openStreamFile(path, mountsOf(plan, ""), folder).catch(refuse(words));
    return {
      fifo: join(step, fifo),
      excerpt: createExcerpt(plan.logHeadBytes, plan.logTailBytes),
      log: executor[name] === undefined ? openContainerLog(join(step, logFifo(fifo))) : undefined,
      file: path === undefined ? undefined : { stream: await openFile(path), words },
      fault: undefined,
      done: 0,
      writing: false,
      ended: false,
    };
  };
  const stdout = await open("stdout", STDOUT_FIFO);
  const streams = [stdout, await open("stderr", STDERR_FIFO)] as const;
  const stderr = isOneStream(executor) ? stdout : streams[1];
  const drained = Promise.allSettled(streams.map(read));
  return {
    drained,
    endLogs() {
      for (const { log } of streams) log?.close();
    },
    async end() {
      await settled(streams, drained);
      await Promise.all(streams.map(close));
    },
    excerpts: () => ({ stdout: stdout.excerpt.text(), stderr: stderr.excerpt.text() }),
    fault: () => stdout.fault ?? stderr.fault,
  };
}

const refuse = (words: string) => (cause: unknown) => {
  throw new Error(words, { cause });
};

async function read(stream: Stream): Promise<void> {
  const { fifo, excerpt, log } = stream;
  for await (const chunk of readFifo(fifo)) {
    if (stream.ended) return;
    excerpt.add(chunk);
    log?.offer(chunk);
    if (stream.file && !stream.fault) await write(chunk, stream.file, stream);
    stream.done += chunk.length;
    free(chunk);
  }
  await closeFile(stream);
  await log?.end();
}

/** After a failure the rest is read all the same: a tool that waits for a full pipe would wait for ever. */
async function write(chunk: Uint8Array, file: NonNullable<Stream["file"]>, stream: Stream): Promise<void> {
  stream.writing = true;
  await file.stream.append(chunk).catch((cause: unknown) => {
    stream.fault ??= new Error(file.words, { cause });
  });
  stream.writing = false;
}

async function settled(streams: readonly Stream[], drained: Promise<unknown>): Promise<void> {
  const bytes = (): number => streams.reduce((sum, { done }) => sum + done, 0);
  const isWriting = (): boolean => streams.some(({ writing }) => writing);
  let before = bytes();
  let stalled = 0;
  for (const start = performance.now(); performance.now() - start < REST_MILLISECONDS_MAX; ) {
    if ((await within(LOOK_MILLISECONDS, drained)) !== undefined) return;
    stalled = bytes() === before ? stalled + 1 : 0;
    before = bytes();
    if (stalled * LOOK_MILLISECONDS >= WRITE_MILLISECONDS_MAX) return;
    if (stalled >= STALLED_LOOKS_MAX && !isWriting()) return;
  }
}

async function close(stream: Stream): Promise<void> {
  stream.ended = true;
  stream.log?.close();
  if (stream.writing)
    stream.fault ??= new Error(stream.file?.words, { cause: new Error("the disk does not answer") });
  else await closeFile(stream);
}

async function closeFile(stream: Stream): Promise<void> {
  const { file } = stream;
  stream.file = undefined;
  await file?.stream.close();
}
