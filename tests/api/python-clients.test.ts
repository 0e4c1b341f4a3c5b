// Python clients against a service process: create, wait, every view, list, cancel. What runs the tasks is a stand-in (walk.ts);
// the same on a cluster is in tests/with-cluster/e2e.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expectedRoundTrip, findPyTes } from "../support/py-tes.ts";
import { expectedPydanticRoundTrip, findCwlTes, findPydanticTes } from "../support/python-clients.ts";

const [{ clients }, pydanticTes, cwlTes] = await Promise.all([findPyTes(), findPydanticTes(), findCwlTes()]);
// 1.1 finds the path by itself; 0.4 adds /v1 to what it is given.
const rows = clients.flatMap(({ version, roundTrip }) =>
  ["", version.startsWith("0.") ? "/ga4gh/tes" : "/"].map((path) => ({ version, roundTrip, path })),
);

describe("Python clients", () => {
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

  test.skipIf(rows.length === 0).each(rows)(
    'py-tes $version does a round trip at the URL with "$path"',
    async ({ version, roundTrip, path }) => {
      expect(await roundTrip(`${url}${path}`, "busybox")).toEqual(expectedRoundTrip(version, "Walk"));
    },
    60_000,
  );

  test.skipIf(pydanticTes === undefined)(
    "pydantic-tes (Galaxy, Pulsar) does a round trip, at a URL with a final slash",
    async () => {
      const seen = await pydanticTes?.(`${url}/ga4gh/tes/`, "busybox");
      // The stand-in's cat prints the first input.
      expect(seen as object).toEqual(expectedPydanticRoundTrip("{}"));
    },
    60_000,
  );

  test.skipIf(cwlTes === undefined)(
    "cwl-tes runs a tool to its end",
    async () => {
      const tool = {
        cwlVersion: "v1.0",
        class: "CommandLineTool",
        hints: { DockerRequirement: { dockerPull: "busybox" } },
        baseCommand: "md5sum",
        inputs: { whale: { type: "File", inputBinding: {} } },
        stdout: "md5.txt",
        outputs: [],
      };
      const files = { "tool.cwl": JSON.stringify(tool), "whale.txt": "whale\n" };
      const ended = await cwlTes?.({ url, files, args: ["tool.cwl", "--whale", "whale.txt"] });
      expect(ended?.stderr).toContain("Final process status is success");
      expect([ended?.code, ended?.stdout.trim()]).toEqual([0, "{}"]);
    },
    60_000,
  );
});
