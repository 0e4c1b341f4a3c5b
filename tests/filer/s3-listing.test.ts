// Listings of S3: names of every kind from a real server, and what only a hostile one would say from a stand-in.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDrivers } from "../../sidecar/filer/drivers.ts";
import { stageInputs, uploadOutputs } from "../../sidecar/filer/filer.ts";
import type { Listed, StorageSettings } from "../../sidecar/filer/storage.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { withParts } from "../step/scratch-pod.ts";
import { type Minio, startMinio } from "./minio.ts";
import { makeTaskFolder, type TaskFolder } from "./task-folder.ts";

let scratch: string;
let minio: Minio;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "tespod-listing-"));
  minio = await startMinio();
}, 900_000);
afterAll(async () => {
  await minio[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

let folders = 0;

function lay(storage: StorageSettings): TaskFolder {
  folders += 1;
  return makeTaskFolder(scratch, `task-${folders}`, storage);
}

const stageFolder = async (
  url: string,
  storage: StorageSettings,
): Promise<{ folder: string; reason: string }> => {
  const { folder, context } = lay(storage);
  const inputs = [{ path: "/data/in", type: "DIRECTORY" as const, url }];
  const staging = stageInputs({ ...context, plan: withParts(context.plan, { inputs }) });
  return { folder, reason: await staging.then(() => "no failure", reasonOf) };
};

test("names of every kind go into a folder of S3 and come out again", async () => {
  const names = [
    "space and + plus",
    "#?%20%",
    "[x]{y}*",
    "ünï/日本",
    "new\nline",
    "tab\tand \u0007 bell",
    "<xml>&amp;'\"",
    "\u{1f9ec}",
    "...",
    "-",
    "~",
  ];
  const bucket = await minio.makeBucket();
  const storage = { s3: minio.settings };
  const { folder, context } = lay(storage);
  for (const name of names) {
    const file = join(folder, "out", name);
    mkdirSync(join(file, ".."), { recursive: true });
    await Bun.write(file, `of ${name}`);
  }
  const outputs = [{ path: "/data/out", type: "DIRECTORY" as const, url: `s3://${bucket}/a dir#` }];
  await uploadOutputs({ ...context, plan: withParts(context.plan, { outputs }), report: () => undefined });
  const { folder: staged, reason } = await stageFolder(`s3://${bucket}/a dir#`, storage);
  expect(reason).toBe("no failure");
  for (const name of names) expect(readFileSync(join(staged, "in", name), "utf8")).toBe(`of ${name}`);
  expect(readdirSync(join(staged, "in")).length).toBe(names.length);
});

interface Page {
  keys: string[];
  next?: string;
  isTruncated?: boolean;
  encoded?: boolean;
}

/** A stand-in for a server that lists what no MinIO would: it answers each listing with what `page` gives for its token. */
function startLister(
  page: (token: string | null) => Page,
): Disposable & { settings: StorageSettings; asked(): number } {
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { searchParams } = new URL(request.url);
      if (!searchParams.has("list-type")) {
        return new Response("file", { headers: { etag: '"8c7dd922ad47494fc02c388e12c00eac"' } });
      }
      asked += 1;
      const {
        keys,
        next,
        isTruncated = next !== undefined,
        encoded = true,
      } = page(searchParams.get("continuation-token"));
      const entries = keys.map((key) => {
        const text = encoded ? encodeURIComponent(key) : key.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
        return `<Contents><Key>${text}</Key><Size>4</Size></Contents>`;
      });
      return new Response(
        `<?xml version="1.0"?><ListBucketResult>${encoded ? "<EncodingType>url</EncodingType>" : ""}` +
          `<IsTruncated>${isTruncated}</IsTruncated>${next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`}` +
          `${entries.join("")}</ListBucketResult>`,
      );
    },
  });
  const s3 = { ...minio.settings, endpoint: `http://127.0.0.1:${server.port}` };
  return { settings: { s3 }, asked: () => asked, [Symbol.dispose]: () => void server.stop(true) };
}

describe("a server that lists", () => {
  test.each([
    ["a way up", ["dir/../../escaped"], '"../../escaped" is no name that a file can have'],
    ["a way up in the middle", ["dir/a/../../../escaped"], "is no name that a file can have"],
    ["an absolute name", ["dir//etc/passwd"], '"/etc/passwd" is no name that a file can have'],
    ["a dot", ["dir/./a"], "is no name that a file can have"],
    ["an empty name", ["dir/a//b"], "is no name that a file can have"],
    ["a zero byte", ["dir/a\0b"], "is no name that a file can have"],
    [
      "what is not below the folder",
      ["elsewhere/a"],
      'the server lists "elsewhere/a", which is not below "dir/"',
    ],
    ["a file below a file", ["dir/a", "dir/a/b"], "Cannot stage"],
  ])("%s, is refused, and nothing is written outside", async (_, keys, words) => {
    using lister = startLister(() => ({ keys }));
    const { folder, reason } = await stageFolder("s3://bucket/dir/", lister.settings);
    expect(reason).toContain(words);
    expect(readdirSync(folder)).toEqual(["in"]);
    expect(existsSync(join(folder, "../escaped"))).toBe(false);
  });

  test("in plain XML, is read as such", async () => {
    using lister = startLister(() => ({ keys: ["dir/a%20b+c&<d"], encoded: false }));
    const storage = await openDrivers(lister.settings, new AbortController().signal)("s3://");
    expect(await Array.fromAsync(storage.list("s3://bucket/dir"))).toEqual([
      { path: "a%20b+c&<d", sizeBytes: 4 },
    ]);
  });

  test.each([
    ["the same page for ever", { keys: ["dir/a"], next: "again" }, "the same page again and again"],
    [
      "a part, and not where the rest is",
      { keys: ["dir/a"], isTruncated: true },
      "does not say how to go on",
    ],
  ])("%s, is refused", async (_, page, words) => {
    using lister = startLister(() => page);
    expect((await stageFolder("s3://bucket/dir/", lister.settings)).reason).toContain(words);
  });

  test("something else than a listing, is refused", async () => {
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html></html>") });
    const s3 = { ...minio.settings, endpoint: `http://127.0.0.1:${server.port}` };
    expect((await stageFolder("s3://bucket/dir/", { s3 })).reason).toContain("is no listing");
  });

  /** A hundred pages of a thousand names each, all of them longer than a name has any need to be. */
  const bomb = (token: string | null): Page => {
    const page = Number(token ?? 0);
    const keys = Array.from({ length: 1000 }, (_, index) => `dir/${page * 1000 + index}-${"x".repeat(500)}`);
    return page === 99 ? { keys } : { keys, next: `${page + 1}` };
  };

  test("100,000 entries, is read page by page, as fast as it is listened to", async () => {
    using lister = startLister(bomb);
    const storage = await openDrivers(lister.settings, new AbortController().signal)("s3://");
    let last: Listed | undefined;
    let files = 0;
    for await (const listed of storage.list("s3://bucket/dir")) {
      files += 1;
      last = listed;
      // Nothing is read ahead: what a listing costs in memory is one page.
      if (lister.asked() !== Math.ceil(files / 1000))
        throw new Error(`${lister.asked()} pages for ${files} files`);
    }
    expect({ files, last }).toEqual({
      files: 100_000,
      last: { path: `99999-${"x".repeat(500)}`, sizeBytes: 4 },
    });
  }, 60_000);

  test("more than it may, is given up with a word", async () => {
    using lister = startLister(bomb);
    const settings = { ...lister.settings, listedFilesMax: 2500 };
    const storage = await openDrivers(settings, new AbortController().signal)("s3://");
    const listing = Array.fromAsync(storage.list("s3://bucket/dir"));
    await expect(listing).rejects.toMatchObject({
      kind: "permanent",
      message: "there are more than 2500 files",
    });
    expect(lister.asked()).toBe(3);
  });
});

test("a key that is a file and a folder, which S3 can have, is told in words", async () => {
  for (const keys of [
    ["in/k", "in/k/below"],
    ["in/k/below", "in/k"],
    ["in/k/", "in/k"],
  ]) {
    using lister = startLister(() => ({ keys }));
    const { reason } = await stageFolder("s3://bucket/in", lister.settings);
    expect(reason).toStartWith('Cannot stage "s3://bucket/in');
    expect(reason).toEndWith(': it has both a file and a folder at "/data/in/k"');
  }
});
