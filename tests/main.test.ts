// The service's program: when it does not start, and which reports it takes where once it is told of two ports.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { reportPath } from "../sidecar/contract/paths.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { newRecord, noAdditions } from "../src/tes/record.ts";
import { startService } from "./runtimes/service.ts";
import { makeTask } from "./support/make.ts";
import { createTesClient } from "./support/tes-client.ts";
import { kubeconfigText } from "./with-cluster/kubernetes/support.ts";

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

test("tasks that the database has at the first start with two ports may report to the API's, later ones never", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tespod-main-"));
  try {
    const settings = {
      KUBECONFIG: join(folder, "kubeconfig"),
      TESPOD_SIDECAR_IMAGE: "sidecar",
      TESPOD_DATABASE: join(folder, "tes.db"),
    };
    writeFileSync(settings.KUBECONFIG, kubeconfigText({ server: "https://127.0.0.1:9" }, {}));
    const store = openSqliteStore(settings.TESPOD_DATABASE);
    await store.create(newRecord(makeTask(), "before", new Date()), noAdditions);
    await store.close();
    /** Without a cluster there is no key, so the answer to a report that belongs here is 503. */
    const answers = async (url: string, ids: readonly string[]) =>
      Promise.all(
        ids.map(async (id) => (await fetch(`${url}${reportPath(id, 1)}`, { method: "POST" })).status),
      );
    let later: string;
    {
      await using service = await startService([], settings);
      later = await createTesClient(service.url).create({ executors: [{ image: "i", command: ["true"] }] });
      expect(await answers(service.url, ["before", later, "unknown"])).toEqual([503, 404, 404]);
    }
    await using service = await startService([], settings);
    expect(await answers(service.url, ["before", later])).toEqual([503, 404]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
