// Notes: lines of system_logs, as many as a reader can use.
import type { Report } from "../report/reporter.ts";

const NOTES_MAX = 50;

export interface Notes extends Disposable {
  note(message: string): void;
}

/** When it is disposed of, one more line says how many were left out. */
export function boundedNotes(report: Report): Notes {
  let count = 0;
  return {
    note: (message) => {
      count += 1;
      if (count <= NOTES_MAX) report({ type: "note", message });
    },
    [Symbol.dispose]: () => {
      if (count > NOTES_MAX) report({ type: "note", message: `${count - NOTES_MAX} more notes like these` });
    },
  };
}
