// Staging and uploading as a whole: a plan's inputs and outputs between a work volume and real storage.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { TaskPlan } from "../../sidecar/contract/plan.ts";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { stageInputs, uploadOutputs } from "../../sidecar/filer/filer.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { executor, layOutPod, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { useServers } from "./servers.ts";

const servers = useServers();

const mounts: WrittenPlan["mounts"] = [
  { path: "/data", folder: "m0", file: false },
  { path: "/etc/tool.conf", folder: "m1", file: true },
  { path: "/tmp", folder: "m2", file: false },
];

interface Laid {
  plan: TaskPlan;
  /** The file of a container path. */
  at(path: string): string;
  stage(signal?: AbortSignal): ReturnType<typeof stageInputs>;
  upload(): Promise<ReportEvent[]>;
}

function lay(pod: ScratchPod, more: Partial<WrittenPlan>): Laid {
  const plan = makePlan([executor(["true"])], { mounts, workFolder: "task-1", ...more });
  layOutPod(plan, pod.roots);
  const storage = { s3: servers.minio.settings };
  const signal = new AbortController().signal;
  const context = { plan, roots: pod.roots, storage, signal, report: () => undefined };
  const folders: Record<string, string> = { "/data": "m0", "/etc/tool.conf": "m1", "/tmp": "m2" };
  return {
    plan,
    at: (path) => {
      const mount = Object.keys(folders).find((each) => path.startsWith(each)) ?? "";
      return join(pod.roots.work, "task-1", folders[mount] ?? "", path.slice(mount.length));
    },
    stage: async (signal = context.signal) => {
      const before = process.umask(0);
      return await stageInputs({ ...context, signal }).finally(() => process.umask(before));
    },
    upload: async () => {
      const events: ReportEvent[] = [];
      await uploadOutputs({ ...context, report: (event) => events.push(event) }).catch((error: unknown) => {
        throw Object.assign(new Error(reasonOf(error)), { events });
      });
      return events;
    },
  };
}

const file = (path: string, url: string): WrittenPlan["inputs"][number] => ({ path, url, type: "FILE" });
const folder = (path: string, url: string): WrittenPlan["inputs"][number] => ({
  path,
  url,
  type: "DIRECTORY",
});
const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

async function bucketWith(objects: Record<string, string>): Promise<string> {
  const bucket = await servers.minio.makeBucket();
  for (const [key, text] of Object.entries(objects)) await servers.minio.client.putObject(bucket, key, text);
  return bucket;
}

async function objectsOf(bucket: string): Promise<Record<string, string>> {
  const objects: Record<string, string> = {};
  for await (const { name } of servers.minio.client.listObjectsV2(bucket, "", true)) {
    const chunks = await Array.fromAsync(await servers.minio.client.getObject(bucket, name));
    objects[name] = Buffer.concat(chunks as Buffer[]).toString();
  }
  return objects;
}

describe("inputs", () => {
  test("content, files and folders arrive, readable and executable for every uid, in folders they can write to", async () => {
    using pod = makeScratchPod();
    const bucket = await bucketWith({
      one: "1",
      "dir/a": "a",
      "dir/sub/b": "bb",
      "dirx/no": "no",
      "dir/empty/": "",
    });
    const laid = lay(pod, {
      inputs: [
        { path: "/data/deep/er/script.sh", type: "FILE", content: "echo ü" },
        { path: "/data/nothing", type: "FILE" },
        { path: "/data/both", type: "FILE", content: "content wins", url: "s3://no-such-bucket/key" },
        { path: "/data/empty-content", type: "FILE", content: "", url: `s3://${bucket}/one` },
        file("/data/in/one", `s3://${bucket}/one`),
        folder("/data/all", `s3://${bucket}/dir`),
        folder("/tmp/slash/", `s3://${bucket}/dir/`),
        file("/etc/tool.conf", `s3://${bucket}/one`),
      ],
    });
    const { files, bytes } = await laid.stage();
    expect({ files, bytes }).toEqual({ files: 10, bytes: 7 + 0 + 12 + 1 + 1 + 3 + 3 + 1 });
    const text = (path: string) => readFileSync(laid.at(path), "utf8");
    expect(text("/data/deep/er/script.sh")).toBe("echo ü");
    expect(text("/data/nothing")).toBe("");
    expect(text("/data/both")).toBe("content wins");
    expect(text("/data/empty-content")).toBe("1");
    expect(text("/data/in/one")).toBe("1");
    expect(text("/etc/tool.conf")).toBe("1");
    expect(readdirSync(laid.at("/data/all"), { recursive: true }).sort()).toEqual([
      "a",
      "empty",
      "sub",
      "sub/b",
    ]);
    expect(text("/tmp/slash/sub/b")).toBe("bb");
    for (const path of ["/data", "/data/deep", "/data/deep/er", "/data/all/sub", "/data/all/empty"]) {
      expect(modeOf(laid.at(path))).toBe("777");
    }
    for (const path of ["/data/deep/er/script.sh", "/data/in/one", "/etc/tool.conf"]) {
      expect(modeOf(laid.at(path))).toBe("755");
    }
    expect(modeOf(laid.at("/tmp"))).toBe("1777");
  });

  test("the file of a single-file mount stays the file that was mounted", async () => {
    using pod = makeScratchPod();
    const laid = lay(pod, { inputs: [file("/etc/tool.conf", `s3://${await bucketWith({ one: "1" })}/one`)] });
    const inode = statSync(laid.at("/etc/tool.conf")).ino;
    await laid.stage();
    expect(statSync(laid.at("/etc/tool.conf")).ino).toBe(inode);
  });

  test("a folder that was declared as a file arrives as a folder", async () => {
    using pod = makeScratchPod();
    const laid = lay(pod, {
      inputs: [file("/data/dir", `s3://${await bucketWith({ "dir/a": "a", "dir/b/c": "c" })}/dir`)],
    });
    expect(await laid.stage()).toMatchObject({ files: 2, folders: ["/data/dir"] });
    expect(readdirSync(laid.at("/data/dir"), { recursive: true }).sort()).toEqual(["a", "b", "b/c"]);
  });

  test("hundreds of files arrive whole", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const names = Array.from({ length: 300 }, (_, index) => `dir/${index}`);
    await Promise.all(names.map((name) => servers.minio.client.putObject(bucket, name, name)));
    const laid = lay(pod, { inputs: [folder("/data/dir", `s3://${bucket}/dir/`)] });
    expect(await laid.stage()).toMatchObject({ files: 300 });
    expect(names.every((name) => readFileSync(laid.at(`/data/${name}`), "utf8") === name)).toBe(true);
  }, 30_000);

  test.each([
    [
      "a file that is not there",
      "FILE",
      "s3://BUCKET/none",
      'Cannot stage "s3://BUCKET/none" as "/data/in": ',
    ],
    ["a folder that is not there", "DIRECTORY", "s3://BUCKET/none", "there is nothing below it"],
    ["a folder over HTTP", "DIRECTORY", "WEB/folder/", "HTTP has no listing of folders"],
    ["a page that is an error", "FILE", "WEB/status/404", "the server answered 404"],
    [
      "another scheme",
      "FILE",
      "gs://bucket/key",
      "the scheme gs is not supported (s3, http, https, ftp, ftps, drs are)",
    ],
    ["a bare path", "FILE", "/local/file", "a URL without a scheme is not supported"],
  ] as const)("%s ends the staging with the reason", async (_, type, url, words) => {
    using pod = makeScratchPod();
    const bucket = await bucketWith({ other: "x" });
    const fill = (text: string) => text.replace("BUCKET", bucket).replace("WEB", servers.http.url);
    const laid = lay(pod, { inputs: [{ path: "/data/in", type, url: fill(url) }] });
    const reason = reasonOf(await laid.stage().catch((error: unknown) => error));
    expect(reason).toContain(fill(words));
    expect(existsSync(laid.at("/data/in")) && statSync(laid.at("/data/in")).isFile()).toBe(false);
    expect(readdirSync(laid.at("/data")).filter((name) => name.includes("part"))).toEqual([]);
  });

  test("no secret of a URL is in the reason", async () => {
    using pod = makeScratchPod();
    const url = `${servers.http.url.replace("//", "//me:secret@")}/status/403?secret`;
    const reason = reasonOf(
      await lay(pod, { inputs: [file("/data/in", url)] })
        .stage()
        .catch((error: unknown) => error),
    );
    expect(reason).toBe(
      `Cannot stage "${servers.http.url}/status/403" as "/data/in": the server answered 403`,
    );
  });

  test("a path outside all mounts is refused", async () => {
    using pod = makeScratchPod();
    const laid = lay(pod, { inputs: [{ path: "/elsewhere/file", type: "FILE", content: "x" }] });
    await expect(laid.stage()).rejects.toThrow('Cannot use "/elsewhere/file": no mount of the plan holds it');
  });

  test("an abort ends the staging", async () => {
    using pod = makeScratchPod();
    const laid = lay(pod, { inputs: [file("/data/in", `s3://${await bucketWith({ one: "1" })}/one`)] });
    await expect(laid.stage(AbortSignal.abort(new Error("told to stop")))).rejects.toThrow("told to stop");
  });
});

describe("outputs", () => {
  /** Lays out a pod in which a task has left these files. */
  function left(
    pod: ScratchPod,
    files: Record<string, string>,
    outputs: WrittenPlan["outputs"][number][],
  ): Laid {
    const laid = lay(pod, { outputs });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(laid.at(path)), { recursive: true });
      writeFileSync(laid.at(path), text);
    }
    return laid;
  }
  const uploads = (events: ReportEvent[]) =>
    events.flatMap((event) => (event.type === "uploaded" ? event.outputs : []));
  const notes = (events: ReportEvent[]) =>
    events.flatMap((event) => (event.type === "note" ? [event.message] : []));

  test("files, folders and matches go where they belong", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const base = `s3://${bucket}`;
    const files = {
      "/data/out": "out",
      "/data/empty": "",
      "/data/dir/a": "a",
      "/data/dir/.hidden": "h",
      "/data/dir/sub/b #1.txt": "bb",
      "/data/w/x.txt": "x",
      "/data/w/.no.txt": "no",
      "/data/w/deep.txt/y": "y",
      "/tmp/z": "z",
    };
    const laid = left(pod, files, [
      { path: "/data/out", type: "FILE", url: `${base}/out.txt` },
      { path: "/data/empty", type: "FILE", url: `${base}/empty` },
      { path: "/data/dir", type: "DIRECTORY", url: `${base}/folder` },
      { path: "/data/dir/", type: "FILE", url: `${base}/again/` },
      { path: "/data/w/*.txt", type: "FILE", url: `${base}/matches/`, pathPrefix: "/data/w" },
      { path: "/tmp/z", type: "DIRECTORY", url: `${base}/into/` },
    ]);
    const events = await laid.upload();
    expect(await objectsOf(bucket)).toEqual({
      "out.txt": "out",
      empty: "",
      "folder/a": "a",
      "folder/.hidden": "h",
      "folder/sub/b #1.txt": "bb",
      "again/a": "a",
      "again/.hidden": "h",
      "again/sub/b #1.txt": "bb",
      "matches/x.txt": "x",
      "matches/deep.txt/y": "y",
      "into/z": "z",
    });
    expect(uploads(events)).toHaveLength(11);
    expect(uploads(events)).toContainEqual({
      path: "/data/dir/sub/b #1.txt",
      url: `${base}/folder/sub/b #1.txt`,
      sizeBytes: 2,
    });
    expect(notes(events)).toEqual([]);
  });

  test("what is missing is noted, and so is a wildcard that matches nothing", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const laid = left(pod, {}, [
      { path: "/data/none", type: "FILE", url: `s3://${bucket}/none` },
      { path: "/data/*.txt", type: "FILE", url: `s3://${bucket}/`, pathPrefix: "/data" },
    ]);
    expect(notes(await laid.upload())).toEqual([
      'Output "/data/none" does not exist',
      'Output "/data/*.txt" matches no file',
    ]);
    expect(await objectsOf(bucket)).toEqual({});
  });

  test("with strict outputs what is missing is an error, after all else is uploaded", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const laid = left(pod, { "/data/there": "there" }, [
      { path: "/data/none", type: "FILE", url: `s3://${bucket}/none` },
      { path: "/data/*.txt", type: "FILE", url: `s3://${bucket}/`, pathPrefix: "/data" },
      { path: "/data/there", type: "FILE", url: `s3://${bucket}/there` },
    ]);
    laid.plan.strictOutputs = true;
    await expect(laid.upload()).rejects.toThrow(
      'Output "/data/none" does not exist; Output "/data/*.txt" matches no file',
    );
    expect(await objectsOf(bucket)).toEqual({ there: "there" });
  });

  test("links are followed within the task's own files, and no further", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const laid = left(pod, { "/data/real": "real", "/data/sub/file": "file", "/tmp/t": "t" }, [
      { path: "/data", type: "DIRECTORY", url: `s3://${bucket}/all` },
      { path: "/data/environ", type: "FILE", url: `s3://${bucket}/environ` },
    ]);
    const link = (name: string, target: string) => symlinkSync(target, laid.at(`/data/${name}`));
    link("relative", "real");
    link("absolute", "/data/sub/file");
    link("other-mount", "/tmp/t");
    link("folder", "sub");
    link("up", "sub/../real");
    link("twice", "relative");
    link("environ", "/proc/self/environ");
    link("passwd", "/etc/passwd");
    link("climb", "../../../../../../../../etc/passwd");
    link("nothing", "none");
    link("round", "round");
    link("sub/loop", "/data");
    link("tool.conf", "/etc/tool.conf");
    const events = await laid.upload();
    expect(await objectsOf(bucket)).toEqual({
      "all/real": "real",
      "all/relative": "real",
      "all/absolute": "file",
      "all/other-mount": "t",
      "all/folder/file": "file",
      "all/up": "real",
      "all/twice": "real",
      "all/sub/file": "file",
      "all/tool.conf": "",
    });
    const outside = "it leads outside the task's files";
    expect(notes(events).sort()).toEqual(
      [
        `"/data/climb" is not uploaded: ${outside}`,
        `"/data/environ" is not uploaded: ${outside}`,
        `"/data/passwd" is not uploaded: ${outside}`,
        `"/data/nothing" is not uploaded: it is a link to nothing`,
        `"/data/round" is not uploaded: it is a loop of links`,
        `"/data/sub/loop" is not uploaded: it is a link to a folder that holds it`,
        `"/data/folder/loop" is not uploaded: it is a link to a folder that holds it`,
        `"/data/environ" is not uploaded: ${outside}`,
      ].sort(),
    );
  });

  test("what is no file is left out with a note", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const laid = left(pod, { "/data/dir/a": "a" }, [
      { path: "/data/dir", type: "DIRECTORY", url: `s3://${bucket}/d` },
    ]);
    Bun.spawnSync(["mkfifo", laid.at("/data/dir/fifo")]);
    expect(notes(await laid.upload())).toEqual([
      `"/data/dir/fifo" is not uploaded: it is neither a file nor a folder`,
    ]);
    expect(await objectsOf(bucket)).toEqual({ "d/a": "a" });
  });

  test("a failure does not keep the others back, and is told", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const laid = left(pod, { "/data/a": "a", "/data/b": "b" }, [
      { path: "/data/a", type: "FILE", url: "s3://no-such-bucket/a" },
      { path: "/data/b", type: "FILE", url: `s3://${bucket}/b` },
    ]);
    const error = await laid.upload().catch((caught: unknown) => caught);
    expect((error as Error).message).toStartWith('Cannot upload "/data/a" to "s3://no-such-bucket/a": ');
    expect((error as Error).message).toContain("bucket does not exist");
    expect(await objectsOf(bucket)).toEqual({ b: "b" });
    expect(uploads((error as { events: ReportEvent[] }).events)).toHaveLength(1);
  });

  test("outputs go to HTTP, and no secret of the URL is reported", async () => {
    using pod = makeScratchPod();
    const url = `${servers.http.url}/put%20here?signature=secret`;
    const laid = left(pod, { "/data/a": "text" }, [{ path: "/data/a", type: "FILE", url }]);
    expect(uploads(await laid.upload())).toEqual([
      { path: "/data/a", url: `${servers.http.url}/put%20here`, sizeBytes: 4 },
    ]);
    expect(await (await fetch(url)).text()).toBe("text");
  });

  test("a long list comes as several reports", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const files = Object.fromEntries(Array.from({ length: 450 }, (_, index) => [`/data/many/${index}`, "x"]));
    const laid = left(pod, files, [{ path: "/data/many", type: "DIRECTORY", url: `s3://${bucket}/many` }]);
    const events = await laid.upload();
    const lengths = events.flatMap((event) => (event.type === "uploaded" ? [event.outputs.length] : []));
    expect(lengths).toEqual([200, 200, 50]);
    expect(new Set(uploads(events).map(({ path }) => path)).size).toBe(450);
  }, 30_000);

  test("files that only their owner may read are uploaded", async () => {
    using pod = makeScratchPod();
    const bucket = await servers.minio.makeBucket();
    const laid = left(pod, { "/data/a": "a" }, [{ path: "/data/a", type: "FILE", url: `s3://${bucket}/a` }]);
    chmodSync(laid.at("/data/a"), 0o600);
    await laid.upload();
    expect(await objectsOf(bucket)).toEqual({ a: "a" });
  });
});
