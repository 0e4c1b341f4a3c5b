// Report server: what the service does with reports, as a real HTTP server that can be told to misbehave.
import {
  parseReport,
  type Report,
  type ReportEvent,
  type ReportSource,
} from "../../sidecar/contract/report.ts";

export interface ReportServer extends Disposable {
  url: string;
  /** Every POST, refused ones too. */
  requests: { path: string; headers: Headers; contentType: string | null; body: string }[];
  /** The events held of a source, in order. */
  events(source: ReportSource): ReportEvent[];
  /** Statuses to answer the next POSTs with, before they are taken. */
  refuseWith: number[];
  /** What they say: by default what a proxy may say. */
  refusal: string;
  cancel: boolean;
  /** How long an answer takes. */
  delayMilliseconds: number;
}

export function startReportServer(port = 0): ReportServer {
  const held: Record<ReportSource, Report[]> = { "stage-in": [], supervisor: [] };
  const self: ReportServer = {
    url: "",
    requests: [],
    events: (source) => held[source].map(({ event }) => event),
    refuseWith: [],
    refusal: "no",
    cancel: false,
    delayMilliseconds: 0,
    [Symbol.dispose]: () => void server.stop(true),
  };
  const take = (body: string): Response => {
    const reports = body.split("\n").flatMap((line) => parseReport(line) ?? []);
    const source = reports[0]?.source ?? "supervisor";
    const own = held[source];
    for (const report of reports) if (report.sequence === own.length + 1) own.push(report);
    return Response.json({ acknowledged: own.length, cancel: self.cancel });
  };
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { headers } = request;
      const body = await request.text();
      const { pathname: path } = new URL(request.url);
      self.requests.push({
        path,
        headers,
        contentType: headers.get("content-type"),
        body,
      });
      if (self.delayMilliseconds > 0) await Bun.sleep(self.delayMilliseconds);
      const status = self.refuseWith.shift();
      return status === undefined ? take(body) : new Response(self.refusal, { status });
    },
  });
  self.url = `http://127.0.0.1:${server.port}/`;
  return self;
}
