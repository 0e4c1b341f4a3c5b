// readingReports: the lines of a journal, or of a POST, as reports; a step for each, and no more work on a line than on a task.
import { parseReport, type Report } from "../../sidecar/contract/report.ts";
import { atOnce, type Steps } from "./in-turns.ts";
import { checkingJson } from "./json-bounds.ts";
import { limits } from "./limits.ts";

/**
 * What is no report is passed over: a crash's stack trace, a half-written line. Beyond `linesMax` nothing is read, and so not
 * acknowledged: the sender sends it again.
 */
export function* readingReports(text: string, linesMax = Number.POSITIVE_INFINITY): Steps<Report[]> {
  const reports: Report[] = [];
  let lines = 0;
  for (let start = 0; start < text.length && lines < linesMax; lines++, yield) {
    const next = text.indexOf("\n", start);
    const end = next === -1 ? text.length : next;
    const line = text.slice(start, end);
    start = end + 1;
    if (line === "" || atOnce(checkingJson(line, limits)) !== undefined) continue;
    const report = parseReport(line);
    if (report !== undefined) reports.push(report);
  }
  return reports;
}
