// The way in for reports from pods: journal lines, believed by their signature.
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { reportPath } from "../../sidecar/contract/paths.ts";
import type { ReportRefusal } from "../../sidecar/contract/report.ts";
import {
  hasDigest,
  isEqual,
  reportToken,
  signatureHeader,
  signedDigest,
} from "../../sidecar/contract/token.ts";
import type { Logger } from "../log.ts";
import type { Reconciler } from "../reconcile/reconcile.ts";
import type { TaskStore } from "../store/store.ts";
import { TesError } from "../tes/errors.ts";
import { inTurns } from "../tes/in-turns.ts";
import { readingReports } from "../tes/read-reports.ts";
import { readText } from "./body.ts";
import { type BodyBudget, type Lease, largeBytesMin } from "./body-budget.ts";

/** More than the reporter sends at once. */
export const reportBytesMax = 8 * 1024 * 1024;
/** Of all that are read at once. */
export const reportBodiesBytesMax = 16 * 1024 * 1024;
const reportLinesMax = 20_000;

/** Path parameters hold no characters that encodeURIComponent changes, so the contract's own function gives the pattern. */
export const reportPattern = reportPath("ID", 0).replace("ID", ":id").replace(/\/0\//, "/:attempt{[0-9]+}/");

export interface Reports {
  readonly store: Pick<TaskStore, "get">;
  readonly reconciler: Pick<Reconciler, "report">;
  /** Undefined until the cluster was reached for the first time. */
  readonly reportKey: () => string | undefined;
  /** When this service first wanted signatures: pods of tasks that were created before may send tokens. ISO 8601. */
  readonly tokensBefore: string;
  readonly log: Logger;
  /** Bounds the bodies that are read at once, apart from those of clients. */
  readonly reportBodies: BodyBudget;
}

/** Whose pod sends a report. */
interface Sender {
  readonly id: string;
  readonly attempt: number;
  readonly key: string;
}

export function addReportRoute(app: OpenAPIHono, reports: Reports): void {
  const hasToken = tokens(reports);
  app.post(reportPattern, async (context) => {
    const sender = senderOf(context, reports.reportKey());
    const { id, attempt, key } = sender;
    // Before the body is read: others than pods may send one.
    const digest = signedDigest(context.req.header(signatureHeader) ?? "", key, id, attempt);
    if (digest === undefined && !(await hasToken(context, sender)))
      return refusal(context, 401, "token", "Report is not signed for this task and attempt");
    const { reconciler, reportBodies } = reports;
    const answer = await reportBodies.run(async (lease) => {
      const text = await readSigned(context, digest, lease);
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

function senderOf(context: Context, key: string | undefined): Sender {
  if (key === undefined)
    throw new TesError("unavailable", "Reports are not taken yet: the cluster was not reached");
  return { id: context.req.param("id") ?? "", attempt: Number(context.req.param("attempt")), key };
}

/** The body. Throws TesError if it is another one than was signed. */
async function readSigned(context: Context, digest: string | undefined, lease: Lease): Promise<string> {
  const text = await readText(context, reportBytesMax, lease);
  if (digest !== undefined && !hasDigest(text, digest))
    throw new TesError("invalid", "Body is not the one that was signed");
  return text;
}

/** Whether the request has the token that pods of versions before signatures send, and may have one. */
function tokens({ store, tokensBefore, log }: Reports) {
  let told = false;
  return async (context: Context, { id, attempt, key }: Sender): Promise<boolean> => {
    const token = (context.req.header("authorization") ?? "").replace(/^Bearer /, "");
    if (!isEqual(token, reportToken(key, id, attempt))) return false;
    const record = await store.get(id);
    const mayHave = record === undefined || record.creationTime < tokensBefore;
    if (!mayHave && !told) {
      told = true;
      log.warn("a pod of an earlier version reports on a task that is not, and is refused", {
        task: id,
        hint: "TESPOD_SIDECAR_IMAGE must be of the service's own version",
      });
    }
    return mayHave;
  };
}

async function takeReports(
  text: string,
  id: string,
  attempt: number,
  reconciler: Reports["reconciler"],
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
