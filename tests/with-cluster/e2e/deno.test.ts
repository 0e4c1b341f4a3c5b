// The service on Deno, outside the cluster: it follows pods and reads journals as it does on Bun.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { images } from "../../cluster/images.ts";
import { deno } from "../../runtimes/deno.ts";
import { startService } from "../../runtimes/service.ts";
import { cluster, ensureImages } from "../../support/service.ts";
import { createTesClient } from "../../support/tes-client.ts";
import { runLabels } from "../../support/test-run.ts";
import { shell, untilNothingIsLeft } from "./tasks.ts";

const namespace = "tespod-deno";

describe.skipIf(cluster === undefined)("the service on Deno", () => {
  const folder = mkdtempSync(join(tmpdir(), "tespod-deno-"));

  beforeAll(async () => {
    await ensureImages();
    const metadata = { name: namespace, labels: runLabels() };
    const input = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata });
    await cluster?.kubectl(["create", "-f", "-"], { input });
  }, 180_000);

  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await cluster?.kubectl(["delete", "namespace", namespace, "--timeout=60s"]);
  }, 90_000);

  test("runs tasks in pods, takes them up again after a kill -9, and leaves nothing", async () => {
    const kubectl = (args: string[]) => cluster?.kubectl(["-n", namespace, ...args]) ?? Promise.resolve("");
    const settings = {
      KUBECONFIG: cluster?.kubeconfig ?? "",
      TESPOD_NAMESPACE: namespace,
      TESPOD_SIDECAR_IMAGE: images.sidecar,
      TESPOD_DATABASE: join(folder, "tes.db"),
    };
    const executors = [shell("cat /in/text; sleep 2"), shell("exit 3")];
    const inputs = [{ path: "/in/text", content: "hello" }];
    let id: string;
    {
      await using service = await startService(deno, settings);
      id = await createTesClient(service.url).create({ inputs, executors });
      await createTesClient(service.url).wait(id, { until: (state) => state !== "QUEUED" });
    }
    await using service = await startService(deno, settings);
    const task = await createTesClient(service.url).wait(id, { seconds: 120 });
    expect(task.state).toBe("EXECUTOR_ERROR");
    expect(task.logs?.[0]?.logs.map(({ exit_code, stdout }) => [exit_code, stdout])).toEqual([
      [0, "hello"],
      [3, ""],
    ]);
    await untilNothingIsLeft({ kubectl });
  }, 240_000);
});
