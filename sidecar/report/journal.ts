// Journal: the events of one source as numbered lines on stdout, from where the service can read them at any time.
import { writeSync } from "node:fs";
import type { Report, ReportEvent, ReportSource } from "../contract/report.ts";

/** A line of the journal, without its newline, and its number. */
export interface JournalLine {
  sequence: number;
  line: string;
}

export interface Journal {
  /** Writes the event before it returns. */
  write(event: ReportEvent): JournalLine;
  /** The number of the last line written; 0 before the first. */
  lastSequence(): number;
}

/** `print` takes one line with its newline and must not return before it is out; `now` gives the time of an event. */
export function createJournal(
  source: ReportSource,
  print: (line: string) => void = printNow,
  now: () => Date = () => new Date(),
): Journal {
  let sequence = 0;
  return {
    write(event) {
      sequence += 1;
      const report: Report = { version: 1, source, sequence, time: now().toISOString(), event };
      const line = JSON.stringify(report);
      print(`${line}\n`);
      return { sequence, line };
    },
    lastSequence: () => sequence,
  };
}

/** Waits for a full pipe: the line must stand before anything that follows from it is done. */
function printNow(line: string): void {
  let rest: Uint8Array = Buffer.from(line);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") continue;
      return; // nobody can read the journal any more; the callback may still work, and the task must go on
    }
  }
}
