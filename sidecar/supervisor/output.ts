// Output: what an executor writes to stdout and stderr, as excerpts for the task's log.
import { join } from "node:path";
import type { TaskPath } from "../contract/path.ts";
import { STDERR_FIFO, STDOUT_FIFO } from "../contract/paths.ts";
import type { PlanExecutor, TaskPlan } from "../contract/plan.ts";
import { followInside, openInside } from "../filer/inside.ts";
import { createExcerpt, type Excerpt, joinExcerpt } from "./excerpt.ts";
import { readFifo } from "./fifo.ts";

export interface Output {
  /** Every writer has closed its FIFO. It may be that none ever will: a daemon may hold it, a gate may be dead. */
  drained: Promise<unknown>;
  /** The excerpts so far. With a path of its own, the file is read, so the executor should be over. */
  excerpts(): Promise<{ stdout: string; stderr: string }>;
}

/** Starts to read an executor's FIFOs, to be called before it is released. `folder` is the task's in the work volume. */
export function readOutput(executor: PlanExecutor, step: string, plan: TaskPlan, folder: string): Output {
  const excerpt = () => createExcerpt(plan.logHeadBytes, plan.logTailBytes);
  const [stdout, stderr] = [excerpt(), excerpt()];
  // Of an output with a file of its own only stderr's FIFO is in use: what went wrong before the file was open.
  const reads = [fill(stderr, join(step, STDERR_FIFO))];
  if (executor.stdout === undefined) reads.push(fill(stdout, join(step, STDOUT_FIFO)));
  const fromFile = (path: TaskPath | undefined) =>
    path === undefined ? "" : fileExcerpt(path, plan, folder);
  return {
    drained: Promise.allSettled(reads),
    excerpts: async () => ({
      stdout: stdout.text() + (await fromFile(executor.stdout)),
      stderr: stderr.text() + (await fromFile(executor.stderr)),
    }),
  };
}

async function fill(excerpt: Excerpt, fifo: string): Promise<void> {
  for await (const chunk of readFifo(fifo)) excerpt.add(chunk);
}

/** Empty if there is no file, or it is none that may be read: then the upload of it, or nobody, has something to say. */
async function fileExcerpt(path: TaskPath, plan: TaskPlan, folder: string): Promise<string> {
  try {
    await using file = await openInside(await followInside(path, plan.mounts, folder));
    const { size } = await file.stat();
    const part = async (position: number, length: number): Promise<Uint8Array> => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    const headLength = Math.min(size, plan.logHeadBytes);
    const tailLength = Math.min(size - headLength, plan.logTailBytes);
    const head = await part(0, headLength);
    return joinExcerpt(head, await part(size - tailLength, tailLength), size);
  } catch {
    return "";
  }
}
