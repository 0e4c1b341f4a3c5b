// What stands for a folder in S3, where keys only look like paths, and what of a folder no file system can hold.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stageInputs, uploadOutputs } from "../../sidecar/filer/filer.ts";
import type { StorageSettings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { withParts } from "../step/scratch-pod.ts";
import { startFileServer } from "./file-server.ts";
import { type KeyServer, startKeyServer } from "./key-server.ts";
import { noS3 } from "./no-s3.ts";
import { makeTaskFolder } from "./task-folder.ts";

let server: KeyServer;
let scratch: string;
beforeAll(() => {
  server = startKeyServer();
  scratch = mkdtempSync(join(tmpdir(), "tespod-markers-"));
});
afterAll(() => {
  server[Symbol.dispose]();
  rmSync(scratch, { recursive: true });
});

let count = 0;

interface Outcome {
  reason: string;
  notes: string[];
  /** Paths with what the files hold; folders end in a slash. */
  files: Record<string, string>;
  folders: readonly string[] | undefined;
}

/** Stages one input from a bucket of its own with these objects; "s3://B" in the URL stands for it. */
async function stage(
  objects: Record<string, string>,
  url: string,
  type: "FILE" | "DIRECTORY" = "FILE",
  storage: StorageSettings = { s3: server.settings },
): Promise<Outcome> {
  count += 1;
  const bucket = `bucket-${count}`;
  for (const [key, text] of Object.entries(objects))
    server.objects.set(`${bucket}/${key}`, Buffer.from(text));
  const { folder, context } = makeTaskFolder(scratch, `task-${count}`, {
    ...storage,
    retry: { attempts: 1 },
  });
  const notes: string[] = [];
  const inputs = [{ path: "/data/in", type, url: url.replace("//B", `//${bucket}`) }];
  const plan = withParts(context.plan, { inputs });
  const report: typeof context.report = (event) => void (event.type === "note" && notes.push(event.message));
  let folders: readonly string[] | undefined;
  const reason = await stageInputs({ ...context, plan, report }).then((staged) => {
    folders = staged.folders;
    return "done";
  }, reasonOf);
  const plain = (text: string) => text.replaceAll(bucket, "B");
  return { reason: plain(reason), notes: notes.map(plain), files: filesIn(folder), folders };
}

function filesIn(folder: string): Record<string, string> {
  const names = (readdirSync(folder, { recursive: true }) as string[]).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? [`${name}/`, ""] : [name, readFileSync(path, "utf8")];
    }),
  );
}

const folder = { reason: "done", notes: [], files: { "in/": "", "in/a": "1" }, folders: ["/data/in"] };

describe("an input without a type", () => {
  test.each([
    ["a folder", { "m/a": "1" }, "s3://B/m"],
    ["a folder, by a slash", { "m/a": "1" }, "s3://B/m/"],
    ["a folder with a marker", { "m/": "", "m/a": "1" }, "s3://B/m"],
    ["a folder with a marker, by a slash", { "m/": "", "m/a": "1" }, "s3://B/m/"],
    ["a folder whose name ends in a slash", { "m//a": "1", "m/b": "2" }, "s3://B/m//"],
    ["a bucket", { a: "1" }, "s3://B/"],
  ])("%s is a folder", async (_, objects, url) => {
    expect(await stage(objects, url)).toEqual(folder);
  });

  test("an empty object of the folder's own name is a marker, and that is told", async () => {
    expect(await stage({ m: "", "m/a": "1", m_: "x" }, "s3://B/m")).toEqual({
      ...folder,
      notes: ['"s3://B/m" is empty, and "s3://B/m/a" lies below it, so it is taken for a folder'],
    });
  });

  test("an object that holds something is a file, whatever lies below its name", async () => {
    const files = { in: "4444" };
    expect(await stage({ m: "4444", "m/a": "1" }, "s3://B/m")).toMatchObject({ reason: "done", files });
    expect(await stage({ "m/": "4444" }, "s3://B/m/")).toMatchObject({
      reason: "done",
      files,
      folders: undefined,
    });
  });

  test.each([
    ["an empty object is an empty file", { m: "", "m/": "" }, "s3://B/m", { in: "" }],
    ["a marker alone is an empty folder", { "m/": "" }, "s3://B/m/", { "in/": "" }],
    ["a marker alone is an empty folder without its slash", { "m/": "" }, "s3://B/m", { "in/": "" }],
  ])("%s", async (_, objects, url, files) => {
    expect(await stage(objects, url)).toMatchObject({ reason: "done", notes: [], files });
  });

  test.each(["s3://B/m", "s3://B/m/", "s3://B/m//"])("%s that is not there is an error", async (url) => {
    const { reason, files } = await stage({ mm: "1", "mm/a": "1" }, url);
    expect(reason).toStartWith(`Cannot stage "${url}" as "/data/in": `);
    expect(files).toEqual({});
  });

  test("a web address that ends in a slash is a file", async () => {
    const web = startFileServer();
    await fetch(`${web.url}/page/`, { method: "PUT", body: "page" });
    const { reason, files } = await stage({}, `${web.url}/page/`, "FILE", { s3: noS3 });
    expect({ reason, files }).toEqual({ reason: "done", files: { in: "page" } });
    web.stop();
  });
});

describe("a folder", () => {
  const stageAll = (objects: Record<string, string>) => stage(objects, "s3://B/d", "DIRECTORY");

  test("holds markers with bytes: they are told", async () => {
    const all = await stageAll({
      "d/": "4444",
      "d/sub/": "55555",
      "d/sub/a": "1",
      "d/none/": "",
      "d/x/": "1",
    });
    expect(all).toEqual({
      reason: "done",
      notes: [
        '"s3://B/d/" stands for a folder, so its 4 bytes are not staged',
        '"s3://B/d/sub/" stands for a folder, so its 5 bytes are not staged',
        '"s3://B/d/x/" stands for a folder, so its 1 bytes are not staged',
      ],
      files: { "in/": "", "in/none/": "", "in/sub/": "", "in/sub/a": "1", "in/x/": "" },
      folders: undefined,
    });
  });

  test.each([
    ["a file and a folder of one name", { "d/a": "1", "d/a/b": "2" }, '"/data/in/a"'],
    ["an empty name", { "d/s//x": "1" }, '"s//x" is no name that a file can have'],
    ["an empty name at its beginning", { "d//x": "1" }, '"/x" is no name that a file can have'],
    ["a dot", { "d/./x": "1" }, '"./x" is no name that a file can have'],
    ["two dots", { "d/a/../x": "1" }, '"a/../x" is no name that a file can have'],
    ["a zero byte", { "d/a\0": "1" }, "is no name that a file can have"],
    ["a name of 256 bytes", { [`d/${"n".repeat(256)}`]: "1" }, "has more than 255 bytes"],
    ["a folder's name of 256 bytes", { [`d/${"ü".repeat(128)}/x`]: "1" }, "has more than 255 bytes"],
  ])("with %s fails in words that name the key", async (_, objects, words) => {
    const { reason } = await stageAll({ ...objects, "d/good": "1" });
    expect(reason).toStartWith('Cannot stage "s3://B/d');
    expect(reason).toContain(words);
  });

  test("names the object that cannot be had", async () => {
    const objects = { "d/a": "1", "d/gone": "2" };
    const listed = stage(objects, "s3://B/d", "DIRECTORY", {
      s3: { ...server.settings, endpoint: withoutGone(server.settings.endpoint ?? "") },
    });
    expect((await listed).reason).toStartWith('Cannot stage "s3://B/d/gone" as "/data/in/gone": ');
  });

  test("that is a file in storage is an error that says so", async () => {
    for (const url of ["s3://B/f", "s3://B/f/"])
      expect((await stage({ f: "1" }, url, "DIRECTORY")).reason).toBe(
        `Cannot stage "${url}" as "/data/in": it is a file, and the input has the type DIRECTORY`,
      );
  });

  test("keeps names that only look alike apart", async () => {
    const names = [
      "é",
      "e\u0301",
      "a ",
      " a",
      "a",
      "A",
      "%61",
      "a%2Fb",
      "a+b",
      "a b",
      "...",
      "-",
      "a\\b",
      "a\nb",
      "ü?#&",
    ];
    const objects = Object.fromEntries(names.map((name) => [`d/${name}`, `of ${name}`]));
    const { reason, files } = await stageAll({ ...objects, "d-": "x", D: "x", "D/a": "x" });
    expect(reason).toBe("done");
    expect(files).toEqual(
      Object.fromEntries([["in/", ""], ...names.map((name) => [`in/${name}`, `of ${name}`])]),
    );
  });
});

/** The address of a proxy that answers 403 for the one object. */
function withoutGone(endpoint: string): string {
  const proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const url = new URL(request.url);
      if (url.pathname.endsWith("/gone")) return new Response(null, { status: 403 });
      return fetch(`${endpoint}${url.pathname}${url.search}`, { headers: request.headers });
    },
  });
  afterAll(() => void proxy.stop(true));
  return `http://127.0.0.1:${proxy.port}`;
}

test("an empty output folder has its marker at the very key that the URL says", async () => {
  for (const [url, key] of [
    ["s3://B/o", "o/"],
    ["s3://B/o/", "o/"],
    ["s3://B/o//", "o//"],
  ] as const) {
    count += 1;
    const bucket = `bucket-${count}`;
    const { context } = makeTaskFolder(scratch, `task-${count}`, { s3: server.settings });
    const outputs = [{ path: "/data//", type: "DIRECTORY" as const, url: url.replace("//B", `//${bucket}`) }];
    await uploadOutputs({ ...context, plan: withParts(context.plan, { outputs }) });
    expect([...server.objects.keys()].filter((name) => name.startsWith(`${bucket}/`))).toEqual([
      `${bucket}/${key}`,
    ]);
  }
  expect(existsSync(join(scratch, "in"))).toBe(false);
});
