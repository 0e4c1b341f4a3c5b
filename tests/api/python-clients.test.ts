// Python clients against a service process: create, wait, every view, list, cancel. What runs the tasks is a stand-in (walk.ts);
// the same on a cluster is in tests/with-cluster/e2e.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expectedRoundTrip, findPyTes } from "../support/py-tes.ts";
import { expectedPydanticRoundTrip, findCwlTes, findPydanticTes } from "../support/python-clients.ts";

const [{ clients }, pydanticTes, cwlTes] = await Promise.all([findPyTes(), findPydanticTes(), findCwlTes()]);
// 1.1 finds the path by itself; 0.4 adds /v1 to what it is given.
const rows = clients.flatMap(({ version, roundTrip }) =>
  ["", version.startsWith("0.") ? "/ga4gh/tes" : "/"].map((path) => ({ version, roundTrip, path })),
);

/** A service of its own in the folder, and where it is. */
async function start(folder: string, env: Record<string, string> = {}) {
  const program = fileURLToPath(new URL("./walk.ts", import.meta.url));
  const service = Bun.spawn([process.execPath, program, join(folder, `${Object.keys(env).join()}.db`)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, ...env },
  });
  const { value } = await service.stdout.getReader().read();
  return { service, url: new TextDecoder().decode(value).trim() };
}

describe("Python clients", () => {
  let folder: string;
  let service: Awaited<ReturnType<typeof start>>["service"];
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tespod-py-tes-"));
    ({ service, url } = await start(folder));
  });

  afterAll(async () => {
    service.kill();
    await service.exited;
    await rm(folder, { recursive: true });
  });

  test.skipIf(clients.length === 0)(
    "py-tes does a round trip with a token and with a password, and none without",
    async () => {
      const file = join(folder, "users.json");
      const users = [
        { user: "alice", password: "pass word" },
        { user: "ci", token: "token-of-ci" },
      ];
      await writeFile(file, JSON.stringify(users));
      const guarded = await start(folder, { TESPOD_AUTH_FILE: file });
      try {
        for (const { version, roundTrip } of clients) {
          const url = `${guarded.url}/ga4gh/tes`;
          const login = version.startsWith("0.")
            ? { user: "alice", password: "pass word" }
            : { token: "token-of-ci" };
          expect(await roundTrip(url, "busybox", login)).toEqual(expectedRoundTrip(version, "Walk"));
          await expect(roundTrip(url, "busybox")).rejects.toThrow("401");
        }
      } finally {
        guarded.service.kill();
        await guarded.service.exited;
      }
    },
    120_000,
  );

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
