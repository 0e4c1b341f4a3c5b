// The way in for reports from pods: journal lines, believed by their token.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { reportPath } from "../../sidecar/contract/paths.ts";
import type { ReportRefusal } from "../../sidecar/contract/report.ts";
import { isReportToken, reportToken } from "../../sidecar/contract/token.ts";
import type { Reconciler } from "../reconcile/reconcile.ts";
import { TesError } from "../tes/errors.ts";
import { inTurns } from "../tes/in-turns.ts";
import { readingReports } from "../tes/read-reports.ts";
import { readText } from "./body.ts";
import { type BodyBudget, largeBytesMin } from "./body-budget.ts";

/** More than the reporter sends at once. */
export const reportBytesMax = 8 * 1024 * 1024;
/** Of all that are read at once. */
export const reportBodiesBytesMax = 16 * 1024 * 1024;
const reportLinesMax = 20_000;

/** Path parameters hold no characters that encodeURIComponent changes, so the contract's own function gives the pattern. */
export const reportPattern = reportPath("ID", 0).replace("ID", ":id").replace(/\/0\//, "/:attempt{[0-9]+}/");

export interface ReportRoute {
  readonly reconciler: Pick<Reconciler, "report">;
  readonly reportKey: () => string | undefined;
  /** Bounds the bodies that are read at once, apart from those of clients. */
  readonly reportBodies: BodyBudget;
}

export function addReportRoute(app: OpenAPIHono, { reconciler, reportKey, reportBodies }: ReportRoute): void {
  app.post(reportPattern, async (context) => {
    const id = context.req.param("id") ?? "";
    const attempt = Number(context.req.param("attempt"));
    const token = (context.req.header("authorization") ?? "").replace(/^Bearer /, "");
    const key = reportKey();
    if (key === undefined)
      throw new TesError("unavailable", "Reports are not taken yet: the cluster was not reached");
    if (!isReportToken(token, reportToken(key, id, attempt))) {
      return refusal(context, 401, "token", "Report token is not valid for this task and attempt");
    }
    const answer = await reportBodies.run(async (lease) => {
      const text = await readText(context, reportBytesMax, lease);
      const work = () => takeReports(text, id, attempt, reconciler);
      return await (text.length < largeBytesMin ? work() : reportBodies.alone(work));
    });
    // No refusal: the store may be one that is only being restored, and its pods are given their time.
    if (answer === undefined) throw new TesError("not-found", `There is no task "${id}"`);
    if (answer === "over")
      return refusal(context, 410, "attempt", `Attempt ${attempt} of task "${id}" is over`);
    return context.json(answer);
  });
}

async function takeReports(
  text: string,
  id: string,
  attempt: number,
  reconciler: ReportRoute["reconciler"],
): ReturnType<Reconciler["report"]> {
  const reports = await inTurns(readingReports(text, reportLinesMax));
  if (reports.length === 0) throw new TesError("invalid", "Body holds no report");
  return await reconciler.report(id, attempt, reports);
}

/** The pod believes it for good; any other answer but 200 it takes for that of a proxy, and tries again. */
const refusal = (
  context: Context,
  status: 401 | 410,
  refused: ReportRefusal["refused"],
  message: string,
): Response => context.json({ status, message, refused }, status);
