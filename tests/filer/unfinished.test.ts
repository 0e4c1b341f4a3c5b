// Unfinished inputs lie where no name leads, and nothing of them stays, however the staging ends.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ENV_PLAN } from "../../sidecar/contract/paths.ts";
import { encodePlan, type TaskPlan } from "../../sidecar/contract/plan.ts";
import { stageInputs } from "../../sidecar/filer/filer.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { removeFolders } from "../../sidecar/stage-in/clean-up.ts";
import { executor, layOutPod, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { useServers } from "./servers.ts";

const servers = useServers();

const workFolder = "tes-task-1";
const topOf = (pod: ScratchPod): string => join(pod.roots.work, workFolder);
const namesIn = (pod: ScratchPod): string[] =>
  (readdirSync(topOf(pod), { recursive: true }) as string[]).sort();

const planOf = (inputs: readonly WrittenPlan["inputs"][number][]): TaskPlan =>
  makePlan([executor(["true"])], {
    mounts: [{ path: "/data", folder: "m0", file: false }],
    workFolder,
    inputs: [...inputs],
  });

const stage = async (
  pod: ScratchPod,
  inputs: readonly WrittenPlan["inputs"][number][],
  signal = new AbortController().signal,
) => {
  const storage = { s3: servers.minio.settings, retry: { attempts: 1 } };
  const plan = planOf(inputs);
  // The folders of the steps are there only once.
  rmSync(pod.roots.steps, { recursive: true, force: true });
  layOutPod(plan, pod.roots);
  return await stageInputs({ plan, roots: pod.roots, storage, signal, report: () => undefined });
};

/** Waits until half of a file has come to disk. */
async function half(pod: ScratchPod, web: { isAsked(): boolean }): Promise<void> {
  while (!web.isAsked() || namesIn(pod).length < 3) await Bun.sleep(10);
}

const file = (path: string, url: string): WrittenPlan["inputs"][number] => ({ path, url, type: "FILE" });

/** Sends half of /half and waits, sends nothing but an error of /none, and all of the rest. */
function startStaller(): Disposable & { readonly url: string; isAsked(): boolean } {
  let isAsked = false;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (request.method !== "GET") return new Response(null, { status: 404 });
      if (pathname === "/none") return new Response(null, { status: 404 });
      if (pathname !== "/half") return new Response(pathname);
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue("half of it");
          isAsked = true;
        },
      });
      return new Response(body, { headers: { "repr-digest": "md5=:AAAAAAAAAAAAAAAAAAAAAA==:" } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    isAsked: () => isAsked,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

test("any name that a file can have is an input's, the longest too, and those that the filer had for itself", async () => {
  using pod = makeScratchPod();
  const bucket = await servers.minio.makeBucket();
  const long = `${"ü".repeat(127)}x`;
  const names = ["a", "a.tespod-part", ".unfinished", "b/.unfinished/c", long, `d/${"n".repeat(255)}`];
  for (const name of names) await servers.minio.client.putObject(bucket, `dir/${name}`, `of ${name}`);
  const inputs = names.map((name) => file(`/data/one/${name}`, `s3://${bucket}/dir/${name}`));
  await stage(pod, [...inputs, { path: "/data/all", type: "DIRECTORY", url: `s3://${bucket}/dir` }]);
  for (const name of names) {
    for (const folder of ["one", "all"])
      expect(readFileSync(join(topOf(pod), "m0", folder, name), "utf8")).toBe(`of ${name}`);
  }
  expect(readdirSync(topOf(pod))).toEqual(["m0"]);
});

test("a name that is too long for a file is told in words", async () => {
  using pod = makeScratchPod();
  using web = startStaller();
  const path = `/data/${"n".repeat(256)}`;
  const words = `Cannot stage "${web.url}/x" as "${path}": a name in it has more than 255 bytes: "${"n".repeat(40)}…"`;
  expect(await stage(pod, [file(path, `${web.url}/x`)]).then(() => "", reasonOf)).toBe(words);
});

test("what is not whole is in no mount, and gone once the staging is cancelled", async () => {
  using pod = makeScratchPod();
  using web = startStaller();
  const stop = new AbortController();
  const staging = stage(pod, [file("/data/f", `${web.url}/half`)], stop.signal).then(() => "", reasonOf);
  await half(pod, web);
  expect(readdirSync(join(topOf(pod), "m0"))).toEqual([]);
  stop.abort(new Error("told to stop"));
  expect(await staging).toBe("told to stop");
  expect(namesIn(pod)).toEqual(["m0"]);
});

test("what is not whole is gone once another input has failed", async () => {
  using pod = makeScratchPod();
  using web = startStaller();
  const inputs = [file("/data/f", `${web.url}/half`), file("/data/g", `${web.url}/none`)];
  expect(await stage(pod, inputs).then(() => "", reasonOf)).toContain("the server answered 404");
  expect(namesIn(pod)).toEqual(["m0"]);
});

test("what a killed staging left is removed by the next one, and goes with the task's folder", async () => {
  using pod = makeScratchPod();
  using web = startStaller();
  const plan = planOf([file("/data/f", `${web.url}/half`)]);
  const command = [process.execPath, join(import.meta.dirname, "../../sidecar/main.ts"), "stage-in"];
  const child = Bun.spawn([...command, `--root=${pod.root}`, `--image-bin=${pod.roots.imageBin}`], {
    env: { ...process.env, [ENV_PLAN]: encodePlan(plan) },
    stdout: "ignore",
    stderr: "ignore",
  });
  await half(pod, web);
  child.kill("SIGKILL");
  await child.exited;
  expect(namesIn(pod)).toHaveLength(3);
  await stage(pod, [file("/data/f", `${web.url}/whole`)]);
  expect(namesIn(pod)).toEqual(["m0", "m0/f"]);
  await removeFolders(pod.roots.work, [workFolder]);
  expect(existsSync(topOf(pod))).toBe(false);
});
