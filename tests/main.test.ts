// The service's program: when it does not start.
import { expect, test } from "bun:test";
import { join } from "node:path";
import process from "node:process";

const program = join(import.meta.dirname, "../src/main.ts");
const bothWays =
  'set TESPOD_AUTH_FILE to a file that names its users, or TESPOD_AUTH="none" to let everybody who reaches it use it';

test.each([
  {
    title: "that is told nothing of its users",
    settings: {},
    message: `Cannot start: it is not said who may use the API: ${bothWays}\n`,
  },
  {
    title: "whose file of users is missing",
    settings: { TESPOD_AUTH_FILE: "/no/users.json" },
    message:
      'tespod failed: Cannot read users of TESPOD_AUTH_FILE="/no/users.json": ' +
      `ENOENT: no such file or directory, stat '/no/users.json'; ${bothWays}\n`,
  },
])("a service $title ends with 1 and names both ways out", ({ settings, message }) => {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, program], {
    env: { TESPOD_SIDECAR_IMAGE: "x", TESPOD_DATABASE: ":memory:", ...settings },
    stderr: "pipe",
  });
  expect([exitCode, stderr.toString()]).toEqual([1, message]);
});
