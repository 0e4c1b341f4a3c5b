// Step: the supervisor's end of the two FIFOs by which it and a gate talk.
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { REPORT_FIFO, TURN_FIFO } from "../contract/paths.ts";
import { readFifo } from "./fifo.ts";
import type { Ending } from "./supervise.ts";
import { parseUsage, type Usage } from "./usage.ts";

export interface Step {
  /** The gate is there and waits. False if it died before it said so. */
  greeted: Promise<boolean>;
  /** The command is over, or the gate died. */
  ended: Promise<Ending>;
  /** What its container used, once it ended, as far as the kernel tells. */
  usage(): Usage;
  /** Whether the user of the container may write in its workdir; known with the greeting. */
  isWritable(): boolean;
  /** Whether the gate was told to end while its command ran, or died without a word: somebody outside ended it. */
  isStopped(): boolean;
  /** Of the paths that are carried, those in whose directories the user of the container may not write; known with the greeting. */
  unplaced(): readonly number[];
  /** What the gate has told of bringing files out of its container. */
  carried(): Carried;
  /** Nothing of the executor lives any more, but perhaps its gate. */
  over: Promise<void>;
  /** The gate is dead, however it died. */
  closed: Promise<void>;
  /** "leave" ends the gate, unless its command runs: then as soon as that is over. "refuse" ends it with 125 in place of "run". */
  tell(word: "run" | "refuse" | "done" | "leave"): void;
  /** Whether the gate is known to be dead already. */
  isClosed(): boolean;
}

export interface Carried {
  readonly state: "not yet" | "under way" | "over";
  /** Of the paths that are carried, those that could not be kept, and why. */
  readonly lost: readonly { readonly index: number; readonly reason: string }[];
}

/** More than this without a newline no gate writes; but the executor can. */
const LINE_LENGTH_MAX = 300;
/** A plan carries no more files. */
const TOLD_MAX = 256;

/** To be opened for all executors at the start: as long as it is, the gates know that the supervisor lives. */
export function openStep(folder: string): Step {
  // Read and write, which does not wait for the gate: it finds a writer whenever it comes. And without ever waiting for room:
  // the executor may have filled the pipe.
  const turn = openSync(join(folder, TURN_FIFO), constants.O_RDWR | constants.O_NONBLOCK);
  const greeted = Promise.withResolvers<boolean>();
  const ended = Promise.withResolvers<Ending>();
  const over = Promise.withResolvers<void>();
  let [open, stopped, told, writable] = [true, false, false, true];
  let usage: Usage = {};
  const unplaced: number[] = [];
  const lost: Carried["lost"][number][] = [];
  let state: Carried["state"] = "not yet";
  const hearOfFiles = (line: string): void => {
    const [, word, index, reason = ""] = /^(unplaced|lost) (\d{1,3})(?: (.{0,200}))?/.exec(line) ?? [];
    if (word === "unplaced" && unplaced.length < TOLD_MAX) unplaced.push(Number(index));
    if (word === "lost" && lost.length < TOLD_MAX) lost.push({ index: Number(index), reason });
    if (line === "carrying") state = "under way";
    if (line === "carried") state = "over";
  };
  const hear = (line: string): void => {
    if (line === "hello") greeted.resolve(true);
    if (line === "stopping") stopped = true;
    if (line === "unwritable") writable = false;
    if (line === "alone") over.resolve();
    hearOfFiles(line);
    usage = parseUsage(line) ?? usage;
    const code = /^exit (\d{1,3})$/.exec(line)?.[1];
    if (code === undefined) return;
    told = true;
    ended.resolve(Number(code));
  };
  const closed = readLines(join(folder, REPORT_FIFO), hear).finally(() => {
    open = false;
    closeSync(turn);
    greeted.resolve(false);
    ended.resolve("gone");
    over.resolve();
  });
  return {
    greeted: greeted.promise,
    ended: ended.promise,
    over: over.promise,
    closed,
    usage: () => usage,
    isWritable: () => writable,
    unplaced: () => unplaced,
    carried: () => ({ state, lost }),
    isStopped: () => stopped || (!open && !told),
    isClosed: () => !open,
    tell(word) {
      if (!open) return;
      try {
        writeSync(turn, `${word}\n`);
      } catch {
        // A full pipe: only its own executor can fill it, and the waits for this gate have their bounds.
      }
    },
  };
}

async function readLines(fifo: string, hear: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const chunk of readFifo(fifo)) {
    const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
    rest = (lines.pop() ?? "").slice(0, LINE_LENGTH_MAX);
    for (const line of lines) hear(line);
  }
}
