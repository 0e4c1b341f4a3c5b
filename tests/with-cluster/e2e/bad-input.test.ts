// What the deployed service answers to requests that cannot be fulfilled, and that it stays up.
import { beforeAll, describe, expect, test } from "bun:test";
import { cluster, service } from "../../support/service.ts";
import type { TesClient } from "../../support/tes-client.ts";

const post = (body: string): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body,
});
const executors = [{ image: "localhost/busybox:1", command: ["true"] }];

const rows: readonly {
  title: string;
  path: string;
  init?: () => RequestInit;
  status: number;
  fault?: string;
}[] = [
  { title: "no executors", path: "/tasks", init: () => post("{}"), status: 400, fault: "executors" },
  {
    title: "a relative path",
    path: "/tasks",
    init: () => post(JSON.stringify({ executors, inputs: [{ path: "data/x", content: "x" }] })),
    status: 400,
    fault: "inputs[0].path",
  },
  {
    title: "an output that is a bucket and no object",
    path: "/tasks",
    init: () =>
      post(JSON.stringify({ executors, outputs: [{ path: "/out/x", url: "s3://brand-new-bucket" }] })),
    status: 400,
    fault: "outputs[0].url",
  },
  { title: "an unknown state filter", path: "/tasks?state=DONE", status: 400, fault: "state" },
  { title: "malformed JSON", path: "/tasks", init: () => post('{"executors": ['), status: 400 },
  { title: "a body of 20 MiB", path: "/tasks", init: () => post(" ".repeat(20 * 1024 * 1024)), status: 413 },
  { title: "an unknown task", path: "/tasks/nothing", status: 404 },
];

describe.skipIf(cluster === undefined)("bad input", () => {
  let tes: TesClient;

  beforeAll(async () => {
    ({ tes } = await service());
  }, 180_000);

  test.each(rows)("$title: $status, and the service stays up", async ({ path, init, status, fault }) => {
    const response = await tes.request(path, init?.());
    const body = (await response.json()) as { status: number; message: string; errors?: { path: string }[] };
    expect(response.status).toBe(status);
    expect(body.status).toBe(status);
    expect(body.message).toBeString();
    if (fault !== undefined) expect(body.errors?.map((error) => error.path)).toEqual([fault]);
    expect((await tes.request("/service-info")).status).toBe(200);
  });
});
