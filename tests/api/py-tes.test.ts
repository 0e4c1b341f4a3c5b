// py-tes against a service process: create, wait, every view, list, cancel. What runs the tasks is a stand-in (walk.ts); the
// same round trip on a cluster is in tests/with-cluster/e2e.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expectedRoundTrip, findPyTes } from "../support/py-tes.ts";

const { clients, missing } = await findPyTes();
// 1.1 finds the path by itself; 0.4 adds /v1 to what it is given.
const rows = clients.flatMap(({ version, roundTrip }) =>
  ["", version.startsWith("0.") ? "/ga4gh/tes" : "/"].map((path) => ({ version, roundTrip, path })),
);

describe.skipIf(missing !== undefined)("py-tes", () => {
  let folder: string;
  let service: Bun.Subprocess<"ignore", "pipe", "inherit">;
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tespod-py-tes-"));
    const program = fileURLToPath(new URL("./walk.ts", import.meta.url));
    service = Bun.spawn([process.execPath, program, join(folder, "tes.db")], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    for await (const chunk of service.stdout) {
      url = new TextDecoder().decode(chunk).trim();
      break;
    }
  });

  afterAll(async () => {
    service.kill();
    await service.exited;
    await rm(folder, { recursive: true });
  });

  test.each(rows)(
    '$version does a round trip at the URL with "$path"',
    async ({ version, roundTrip, path }) => {
      expect(await roundTrip(`${url}${path}`, "busybox")).toEqual(expectedRoundTrip(version, "Walk"));
    },
    60_000,
  );
});
