// Inputs that meet: the later one replaces the earlier one, whatever arrives first.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { type Staged, stageInputs } from "../../sidecar/filer/filer.ts";
import { wavesOf } from "../../sidecar/filer/meeting.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { executor, layOutPod, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { useServers } from "./servers.ts";

const servers = useServers();

const file = (path: string, url: string): WrittenPlan["inputs"][number] => ({ path, url, type: "FILE" });
const folder = (path: string, url: string): WrittenPlan["inputs"][number] => ({
  path,
  url,
  type: "DIRECTORY",
});
const text = (path: string, content: string): WrittenPlan["inputs"][number] => ({
  path,
  content,
  type: "FILE",
});

const workFolder = "task-1";
const taskFolderOf = (pod: ScratchPod): string => join(pod.roots.work, workFolder);

async function stage(pod: ScratchPod, inputs: readonly WrittenPlan["inputs"][number][]): Promise<Staged> {
  const mounts = [{ path: "/data", folder: "m0", file: false }];
  const plan = makePlan([executor(["true"])], { mounts, workFolder, inputs: [...inputs] });
  layOutPod(plan, pod.roots);
  const { signal } = new AbortController();
  const retry = { attempts: 2, firstPauseMilliseconds: 1 };
  const storage = { s3: servers.minio.settings, retry };
  return await stageInputs({ plan, roots: pod.roots, storage, signal, report: () => undefined });
}

const reasonOfStaging = async (
  pod: ScratchPod,
  inputs: readonly WrittenPlan["inputs"][number][],
): Promise<string> =>
  reasonOf(
    await stage(pod, inputs).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );

/** All files below the task's folder, with their text. */
function filesIn(pod: ScratchPod): Record<string, string> {
  const top = taskFolderOf(pod);
  const entries = readdirSync(top, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(files.map((path) => [path.slice(top.length + 4), readFileSync(path, "utf8")]));
}

async function bucketWith(objects: Readonly<Record<string, string>>): Promise<string> {
  const bucket = await servers.minio.makeBucket();
  for (const [key, body] of Object.entries(objects)) await servers.minio.client.putObject(bucket, key, body);
  return `s3://${bucket}`;
}

interface LatecomerServer extends Disposable {
  readonly url: string;
  asked(): string[];
}

/** Answers /late only a moment after any other path was answered, or a second after it was asked. */
function startLatecomer(): LatecomerServer {
  const asked: string[] = [];
  const other = Promise.withResolvers<void>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (request.method === "GET") asked.push(pathname);
      if (request.method === "GET" && pathname === "/late") {
        await Promise.race([other.promise, Bun.sleep(300)]);
        await Bun.sleep(100);
      } else if (request.method === "GET") other.resolve();
      return new Response(`this is ${pathname}`);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    asked: () => asked,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

test("the same input twice arrives once", async () => {
  using pod = makeScratchPod();
  const url = await bucketWith({ x: "text" });
  expect(await stage(pod, [file("/data/f", `${url}/x`), file("/data/f", `${url}/x`)])).toMatchObject({
    files: 1,
  });
  expect(filesIn(pod)).toEqual({ f: "text" });
});

test("of many inputs of one path the last one is there, however long the others take", async () => {
  using pod = makeScratchPod();
  using web = startLatecomer();
  const inputs = ["late", "b", "c", "d", "e"].map((name) => file("/data/f", `${web.url}/${name}`));
  await stage(pod, inputs);
  expect(filesIn(pod)).toEqual({ f: "this is /e" });
  expect(web.asked()).toEqual(["/late", "/b", "/c", "/d", "/e"]);
});

test.each([
  ["a file replaces content", ["content", "x"], "this is /x"],
  ["content replaces a file", ["x", "content"], "content"],
  ["content replaces content", ["x", "y", "other", "content"], "content"],
  ["a file replaces a file that comes later", ["late", "x"], "this is /x"],
])("%s", async (_, names, expected) => {
  using pod = makeScratchPod();
  using web = startLatecomer();
  const paths = ["/data/a/f", "/data//a/./f", "/data/a/f/", "/data/a/f"];
  const inputs = names.map((name, index) => {
    const path = paths[index] ?? "";
    return name.length > 4 ? text(path, name) : file(path, `${web.url}/${name}`);
  });
  await stage(pod, inputs);
  expect(filesIn(pod)).toEqual({ "a/f": expected });
});

test("folders merge, and the later one wins file by file", async () => {
  using pod = makeScratchPod();
  const url = await bucketWith({ "one/a": "1a", "one/s/b": "1b", "two/s/b": "2b", "two/c": "2c" });
  await stage(pod, [folder("/data/d", `${url}/one`), folder("/data/d", `${url}/two/`)]);
  expect(filesIn(pod)).toEqual({ "d/a": "1a", "d/s/b": "2b", "d/c": "2c" });
  using other = makeScratchPod();
  await stage(other, [
    folder("/data/d", `${url}/two`),
    folder("/data", `${url}/`),
    text("/data/one/a", "own"),
  ]);
  expect(filesIn(other)).toEqual({
    "d/s/b": "2b",
    "d/c": "2c",
    "one/a": "own",
    "one/s/b": "1b",
    "two/s/b": "2b",
    "two/c": "2c",
  });
});

test.each([
  ["before the folder that has it too", 0, "1b"],
  ["behind the folder that has it too", 1, "this is /late"],
])("a file %s", async (_, place, expected) => {
  using pod = makeScratchPod();
  using web = startLatecomer();
  const url = await bucketWith({ "one/a": "1a", "one/s/b": "1b" });
  const inputs = [folder("/data/d", `${url}/one`)];
  inputs.splice(place, 0, file("/data/d/s/b", `${web.url}/late`));
  await stage(pod, inputs);
  expect(filesIn(pod)).toEqual({ "d/a": "1a", "d/s/b": expected });
});

test("a folder that was declared as a file merges with what comes before and behind it", async () => {
  using pod = makeScratchPod();
  const url = await bucketWith({ "one/a": "1a", "one/b": "1b" });
  const inputs = [
    text("/data/d/a", "0a"),
    file("/data/d", `${url}/one`),
    text("/data/d/b", "2b"),
    text("/data/d/c", "2c"),
  ];
  expect(await stage(pod, inputs)).toMatchObject({ folders: ["/data/d"] });
  expect(filesIn(pod)).toEqual({ "d/a": "1a", "d/b": "2b", "d/c": "2c" });
});

test("an input that is replaced fails the task all the same if it cannot be had", async () => {
  using pod = makeScratchPod();
  const url = await bucketWith({ x: "text" });
  const reason = await reasonOfStaging(pod, [file("/data/f", `${url}/none`), file("/data/f", `${url}/x`)]);
  expect(reason).toStartWith(`Cannot stage "${url}/none" as "/data/f": `);
});

const contradictions: readonly [string, (url: string) => WrittenPlan["inputs"][number][], string][] = [
  [
    "a file where a folder is",
    (url) => [folder("/data/d", `${url}/one`), file("/data/d/s", `${url}/x`)],
    'Cannot stage "URL/x" as "/data/d/s": inputs[1] has a file at "/data/d/s", and inputs[0] has a folder there',
  ],
  [
    "content where a folder is",
    (url) => [folder("/data/d", `${url}/one`), text("/data/d/s", "x")],
    'Cannot write the content of "/data/d/s": inputs[1] has a file at "/data/d/s", and inputs[0] has a folder there',
  ],
  [
    "a folder where a file is",
    (url) => [file("/data/q", `${url}/x`), file("/data/d/s", `${url}/x`), folder("/data/d", `${url}/one`)],
    'Cannot stage "URL/one/s/b" as "/data/d/s/b": inputs[2] has a folder at "/data/d/s", and inputs[1] has a file there',
  ],
  [
    "a folder, declared as a file, where a file is",
    (url) => [text("/data/d", "x"), file("/data/d", `${url}/one`)],
    'Cannot stage "URL/one" as "/data/d": inputs[1] has a folder at "/data/d", and inputs[0] has a file there',
  ],
  [
    "a file below a file",
    (url) => [file("/data/d", `${url}/x`), text("/data/d/s/t", "x")],
    'Cannot write the content of "/data/d/s/t": inputs[1] has a folder at "/data/d", and inputs[0] has a file there',
  ],
];

test.each(contradictions)("%s is told with the fields of both", async (_, inputs, words) => {
  using pod = makeScratchPod();
  const url = await bucketWith({ "one/a": "1a", "one/s/b": "1b", x: "x" });
  expect(await reasonOfStaging(pod, inputs(url))).toBe(words.replace("URL", url));
});

test.each([
  ["nothing meets", ["/a", "/b", "/a-b", "/ab/c"], [["/a", "/b", "/a-b", "/ab/c"]]],
  ["one path, thrice", ["/a", "/b", "//a/", "/a/."], [["/a", "/b"], ["/a"], ["/a"]]],
  [
    "a folder and what is in it",
    ["/a/1", "/a/2", "/a", "/a/3", "/a/4/5"],
    [["/a/1", "/a/2"], ["/a"], ["/a/3", "/a/4/5"]],
  ],
  ["a chain", ["/a/b/c", "/a", "/a/b"], [["/a/b/c"], ["/a"], ["/a/b"]]],
  ["none", [], []],
])("%s", (_, paths, waves) => {
  const inputs = paths.map((path, index) => ({
    path: normalizePath(path),
    type: "FILE" as const,
    content: String(index),
  }));
  expect(wavesOf(inputs).map((wave) => wave.map(({ path }): string => path))).toEqual(waves);
});
