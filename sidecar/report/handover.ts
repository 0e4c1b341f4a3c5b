// Handover: stage-in's journal lines on their way to the service by the supervisor, so that stage-in need not wait for a POST.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseReport } from "../contract/report.ts";
import type { Roots } from "../roots.ts";
import type { JournalLine } from "./journal.ts";

/** Beside the step folders, where no executor sees it. */
const handoverFile = (roots: Roots): string => join(roots.steps, "stage-in.ndjson");

export function leaveLines(lines: readonly JournalLine[], roots: Roots): void {
  if (lines.length > 0) writeFileSync(handoverFile(roots), lines.map(({ line }) => `${line}\n`).join(""));
}

/** None if there is no file: then stage-in had nothing to say. */
export function takeLines(roots: Roots): JournalLine[] {
  let text: string;
  try {
    text = readFileSync(handoverFile(roots), "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    const report = parseReport(line);
    return report ? [{ sequence: report.sequence, line }] : [];
  });
}
