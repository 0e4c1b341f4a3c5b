// Outputs that overlap, as those of cwl-tes do: one file goes to one place twice, and never meets itself there.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { uploadOutputs } from "../../sidecar/filer/filer.ts";
import { executor, layOutPod, makePlan, makeScratchPod } from "../step/scratch-pod.ts";
import { type FtpServer, findFtpServers, startVsftpd } from "./ftp-server.ts";
import { noS3 } from "./no-s3.ts";

const found = await findFtpServers();
if ("missing" in found) console.log(`Overlapping outputs are not tested: ${found.missing}`);
const root = "root" in found ? found.root : "";

describe.skipIf(root === "")("ftp", () => {
  let server: FtpServer;
  beforeAll(async () => {
    server = await startVsftpd(root);
  }, 900_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("a file twice, and once more with its folder: all are uploaded", async () => {
    using pod = makeScratchPod();
    const url = `ftp://127.0.0.1:${server.port}/pub/out`;
    const files = Array.from({ length: 12 }, (_, number) => `f${number}`);
    const output = (name: string) => ({
      path: `/data/${name}`,
      type: "FILE" as const,
      url: `${url}/${name}`,
    });
    const plan = makePlan([executor(["true"])], {
      mounts: [{ path: "/data", folder: "m0", file: false }],
      outputs: [
        ...files.flatMap((name) => [output(name), output(name)]),
        { path: "/data", type: "DIRECTORY", url: `${url}/` },
      ],
    });
    layOutPod(plan, pod.roots);
    for (const name of files) writeFileSync(join(pod.roots.work, "m0", name), name);
    const events: ReportEvent[] = [];
    await uploadOutputs({
      plan,
      roots: pod.roots,
      storage: { s3: noS3 },
      signal: AbortSignal.timeout(60_000),
      report: (event) => events.push(event),
    });
    expect(events.flatMap((event) => (event.type === "uploaded" ? event.outputs : []))).toHaveLength(36);
    expect(await server.look("/pub/out")).toEqual(files.toSorted());
  }, 90_000);
});
