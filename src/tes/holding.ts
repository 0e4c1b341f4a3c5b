// createHolding: what pods tell of a task is held up to a bound; the rest is counted, and system_logs say so.
import type { ReportEvent, UploadedFile } from "../../sidecar/contract/report.ts";
import { limits } from "./limits.ts";
import { type Additions, type Held, systemLog, type Tail } from "./record.ts";
import { outputText } from "./view.ts";

export interface Holding {
  line(fact: string, time: string, isLast: boolean): void;
  tail(event: Extract<ReportEvent, { type: "executor-ended" }>, time: string): void;
  files(files: readonly UploadedFile[], time: string): void;
  /** The pod says no more: what was left out is told. */
  end(time: string): void;
  result(): { readonly held: Held | undefined; readonly additions: Additions };
}

const nothing: Held = {
  files: 0,
  fileBytes: 0,
  filesLeft: 0,
  lines: 0,
  lineBytes: 0,
  linesLeft: 0,
  tailBytes: 0,
};

/** Words of a pod, which may be any. */
export const clipped = (words: string): string =>
  words.length <= limits.lineLengthMax
    ? words
    : `${words.slice(0, limits.lineLengthMax).toWellFormed()}… (${words.length - limits.lineLengthMax} characters more)`;

/** `before` is what the earlier reports came to. */
export function createHolding(before: Held | undefined): Holding {
  let held = before;
  const systemLogs: string[] = [];
  const tails: Tail[] = [];
  const outputs: string[] = [];
  const count = (change: Partial<Held>): void => {
    held = { ...nothing, ...held, ...change };
  };
  const now = (): Held => held ?? nothing;
  const say = (fact: string, time: string): void => void systemLogs.push(systemLog(clipped(fact), time));

  return {
    line(fact, time, isLast) {
      const { lines, lineBytes, linesLeft } = now();
      const bytes = Buffer.byteLength(clipped(fact));
      const isFull = lines >= limits.linesHeldMax || lineBytes + bytes > limits.lineBytesHeldMax;
      if (isFull && !isLast) return count({ linesLeft: linesLeft + 1 });
      count({ lines: lines + 1, lineBytes: lineBytes + bytes });
      say(fact, time);
    },
    tail({ executor, stdout, stderr }, time) {
      const { tailBytes } = now();
      const bytes = Buffer.byteLength(stdout) + Buffer.byteLength(stderr);
      if (executor >= limits.executorsMax) return;
      if (tailBytes + bytes > limits.tailBytesHeldMax) {
        say(`stdout and stderr of executor ${executor} are not kept: ${bytes} bytes are too many`, time);
        return;
      }
      count({ tailBytes: tailBytes + bytes });
      tails.push({ executor, stdout, stderr });
    },
    files(files, time) {
      const { files: known, fileBytes, filesLeft } = now();
      const { texts, bytes } = firstOf(files, known, fileBytes);
      if (texts.length > 0) outputs.push(texts.join(","));
      const left = files.length - texts.length;
      if (left > 0 && filesLeft === 0)
        say(`The list of uploaded files ends with file ${known + texts.length}; all are uploaded`, time);
      count({ files: known + texts.length, fileBytes: bytes, filesLeft: filesLeft + left });
    },
    end(time) {
      const { filesLeft, linesLeft } = now();
      if (filesLeft > 0) say(`${filesLeft} uploaded files are not listed`, time);
      if (linesLeft > 0) say(`${linesLeft} lines of system_logs were left out`, time);
    },
    result: () => ({
      held,
      additions: { systemLogs, tails, ...(outputs.length === 0 ? {} : { outputs }) },
    }),
  };
}

/** Once one does not fit, none that follows does: the list has no gap. */
function firstOf(files: readonly UploadedFile[], known: number, bytesBefore: number) {
  const texts: string[] = [];
  let bytes = bytesBefore;
  for (const file of files) {
    const text = outputText(file);
    bytes += Buffer.byteLength(text) + 1;
    if (known + texts.length >= limits.filesHeldMax || bytes > limits.fileBytesHeldMax) {
      // From here on the list is full, also for a file that is shorter.
      return { texts, bytes: limits.fileBytesHeldMax };
    }
    texts.push(text);
  }
  return { texts, bytes };
}
