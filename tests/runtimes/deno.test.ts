// The same source on Deno: the service keeps its promises, and the sidecar runs a whole pod.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startFileServer } from "../filer/file-server.ts";
import { executor, makePlan, makeScratchPod } from "../step/scratch-pod.ts";
import { runPod } from "../supervisor/pod.ts";
import { createTesClient } from "../support/tes-client.ts";
import { kubeconfigText } from "../with-cluster/kubernetes/support.ts";
import { deno } from "./deno.ts";
import { startService } from "./service.ts";

function scratch(): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "tespod-deno-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** A cluster that nobody answers for: what needs none must work all the same. */
const nowhere = kubeconfigText({ server: "https://127.0.0.1:9" }, {});

test("the service takes tasks, keeps them over a kill -9, lists, cancels and refuses", async () => {
  using place = scratch();
  const kubeconfig = join(place.folder, "kubeconfig");
  writeFileSync(kubeconfig, nowhere);
  const settings = {
    KUBECONFIG: kubeconfig,
    TESPOD_SIDECAR_IMAGE: "sidecar",
    TESPOD_DATABASE: join(place.folder, "tes.db"),
  };
  const task = { name: "kept", executors: [{ image: "image", command: ["true"] }] };
  let id: string;
  {
    await using service = await startService(deno, settings);
    id = await createTesClient(service.url).create(task);
  }
  await using service = await startService(deno, settings);
  const tes = createTesClient(service.url);
  expect(await tes.get(id, "BASIC")).toMatchObject({ id, state: "QUEUED", ...task });
  const list = await tes.request("/tasks?name_prefix=ke");
  expect(await list.json()).toEqual({ tasks: [{ id, state: "QUEUED" }] });
  await tes.cancel(id);
  expect(["CANCELING", "CANCELED"]).toContain((await tes.get(id)).state);
  const refusals = [
    { body: "{", status: 400 },
    { body: "{}", status: 400 },
    { body: "x".repeat(20 * 1024 * 1024), status: 413 },
  ];
  for (const { body, status } of refusals) {
    const response = await tes.request("/tasks", { method: "POST", body });
    expect([response.status, await response.json()]).toEqual([status, expect.objectContaining({ status })]);
  }
  expect((await tes.request("/service-info")).status).toBe(200);
}, 60_000);

test.each(["init", "supervisor"] as const)(
  "the sidecar stages by the %s, runs and uploads",
  async (staging) => {
    using pod = makeScratchPod();
    const http = startFileServer();
    try {
      await fetch(`${http.url}/in`, { method: "PUT", body: "from afar" });
      const work = join(pod.root, "work/m0");
      const script = `cat ${work}/in; echo made >${work}/out; exit 3`;
      const plan = makePlan([executor(["/bin/sh", "-c", script])], {
        staging,
        mounts: [{ path: "/data", folder: "m0", file: false }],
        inputs: [{ path: "/data/in", type: "FILE", url: `${http.url}/in` }],
        outputs: [{ path: "/data/out", type: "FILE", url: `${http.url}/out` }],
      });
      const { supervisor } = await runPod(pod, { plan, runtime: deno });
      expect(supervisor?.events).toContainEqual(
        expect.objectContaining({ type: "executor-ended", executor: 0, exitCode: 3, stdout: "from afar" }),
      );
      expect(supervisor?.events.at(-1)).toMatchObject({ type: "finished", outcome: "executor-error" });
      expect(await (await fetch(`${http.url}/out`)).text()).toBe("made\n");
    } finally {
      http.stop();
    }
  },
  60_000,
);
