// Storage suite: what every kind of storage promises, to be run against a real server of each.
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StorageOf } from "../../sidecar/filer/drivers.ts";
import type { Listed, Receiver, Storage } from "../../sidecar/filer/storage.ts";
import { joinUrl } from "../../sidecar/filer/url.ts";
import { atEnd } from "../support/cleanups.ts";

const MIB = 1024 * 1024;

/** One kind of storage, on a server that runs by the time the tests do. */
export interface StorageUnderTest {
  /** The URL of an empty folder that nobody else has. */
  makeBase(): Promise<string>;
  open(signal?: AbortSignal): StorageOf;
  /** Names, relative to the base, of all that is there, seen with other eyes than the storage's; unfinished uploads too. */
  look?(base: string): Promise<string[]>;
  /** Makes an empty folder below the base, where the storage knows such. */
  makeFolder?(base: string, name: string): Promise<void>;
  /** HTTP has no listing. */
  lists: boolean;
  /** Names that the server itself cannot keep: the reason for each. */
  refused?: Readonly<Record<string, string>>;
}

let scratch: string | undefined;

/** A new name in a folder that is removed after the tests. */
function scratchFile(): string {
  if (scratch === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "tespod-storage-"));
    atEnd(() => rm(folder, { recursive: true }));
    scratch = folder;
  }
  return join(scratch, randomBytes(8).toString("hex"));
}

/** A local file of that many random bytes. */
export function makeFile(bytes: number): string {
  const file = scratchFile();
  writeFileSync(file, randomBytes(bytes));
  return file;
}

/** An empty receiver. */
export function makeReceiver(): Receiver {
  const file = scratchFile();
  writeFileSync(file, "");
  return { file };
}

/** Downloads, checks the size that was told, and gives the bytes. */
export async function download(storage: Storage, url: string): Promise<Buffer> {
  const receiver = makeReceiver();
  const size = await storage.download(url, receiver);
  const bytes = readFileSync(receiver.file);
  expect(size).toBe(bytes.length);
  return bytes;
}

/** What is listed, in the order of the paths. */
async function listing(storage: Storage, url: string): Promise<Listed[]> {
  const listed = await Array.fromAsync(storage.list(url));
  return listed.sort((one, other) => (one.path < other.path ? -1 : 1));
}

const sizes: [title: string, bytes: number][] = [
  ["empty", 0],
  ["one byte", 1],
  ["1 KiB", 1024],
  ["16 MiB, the most that goes in one piece", 16 * MIB],
  ["16 MiB and a byte", 16 * MIB + 1],
  ["40 MiB", 40 * MIB],
];

const names = [
  "with space",
  "  spaces at both ends  ",
  "plus+",
  "hash#1",
  "question?a=b",
  "percent%20",
  "star*[x]{y}",
  "ünï/日本",
  "quote'\"",
  "semi;colon:comma,@=&$!~()",
  "back\\slash",
  "-dash",
  ".dot",
  "n".repeat(255),
];

/** The rows that every kind of storage must pass. */
export function testStorage(title: string, kind: StorageUnderTest): void {
  describe(title, () => {
    testFiles(kind);
    testNames(kind);
    if (kind.lists) testFolders(kind);
    testEnds(kind);
  });
}

function testFiles({ makeBase, open }: StorageUnderTest): void {
  test.each(sizes)("a file goes in and comes out unchanged: %s", async (_size, bytes) => {
    const url = `${await makeBase()}/folder/file.bin`;
    const storage = await open()(url);
    const file = makeFile(bytes);
    await storage.upload(file, bytes, url);
    expect((await download(storage, url)).equals(readFileSync(file))).toBe(true);
  });

  test("a later upload replaces the earlier", async () => {
    const url = `${await makeBase()}/file`;
    const storage = await open()(url);
    for (const bytes of [5000, 20]) await storage.upload(makeFile(bytes), bytes, url);
    expect(await download(storage, url)).toHaveLength(20);
  });

  test("a file that is not there is not-found, and no file is made of the answer", async () => {
    const base = await makeBase();
    const storage = await open()(base);
    for (const url of [`${base}/no-such-file`, `${base}/no/such/folder`]) {
      const receiver = makeReceiver();
      await expect(storage.download(url, receiver)).rejects.toMatchObject({
        name: "StorageError",
        kind: "not-found",
      });
      expect(readFileSync(receiver.file)).toHaveLength(0);
    }
  });

  test("a download goes on where it was cut, if the file is the same", async () => {
    const url = `${await makeBase()}/file`;
    const storage = await open()(url);
    const file = makeFile(100_000);
    await storage.upload(file, 100_000, url);
    const receiver = makeReceiver();
    await storage.download(url, receiver);
    expect(receiver.validator).toBeString();
    // Without a checksum what is on disk is trusted, so a mark shows which bytes were not sent again.
    receiver.checksum = undefined;
    writeFileSync(receiver.file, Buffer.alloc(40_000, "x"));
    expect(await storage.download(url, receiver)).toBe(100_000);
    const expected = Buffer.concat([Buffer.alloc(40_000, "x"), readFileSync(file).subarray(40_000)]);
    expect(readFileSync(receiver.file).equals(expected)).toBe(true);

    await storage.upload(makeFile(50_000), 50_000, url);
    truncateSync(receiver.file, 40_000);
    // Another version: begun anew, at once or with the next attempt.
    const again = storage.download(url, receiver).catch(() => storage.download(url, receiver));
    expect(await again).toBe(50_000);
    expect(readFileSync(receiver.file)).toHaveLength(50_000);
  });
}

function testNames({ makeBase, open, look, lists, refused = {} }: StorageUnderTest): void {
  test.each(names.filter((name) => !(name in refused)))("a name is literal: %s", async (name) => {
    const base = await makeBase();
    const url = joinUrl(base, name);
    const storage = await open()(url);
    await storage.upload(makeFile(10), 10, url);
    expect(await download(storage, url)).toHaveLength(10);
    if (lists) expect(await listing(storage, base)).toEqual([{ path: name, sizeBytes: 10 }]);
    if (look) expect(await look(base)).toEqual([name]);
  });
}

function testFolders({ makeBase, open, makeFolder }: StorageUnderTest): void {
  test("a listing holds what is below the folder, at any depth, and not its neighbours", async () => {
    const base = await makeBase();
    const storage = await open()(base);
    const paths = ["dir/a", "dir/sub/deep/b", "dir/sub/c d#e", "dir.txt", "dirx/no", "dir/[x]/*/y", "di"];
    for (const [index, path] of paths.entries())
      await storage.upload(makeFile(index), index, joinUrl(base, path));
    const expected = [
      { path: "[x]/*/y", sizeBytes: 5 },
      { path: "a", sizeBytes: 0 },
      { path: "sub/c d#e", sizeBytes: 2 },
      { path: "sub/deep/b", sizeBytes: 1 },
    ];
    for (const url of [`${base}/dir`, `${base}/dir/`]) expect(await listing(storage, url)).toEqual(expected);
    expect(await listing(storage, joinUrl(base, "dir/[x]"))).toEqual([{ path: "*/y", sizeBytes: 5 }]);
  });

  test("nothing is listed of what is not there", async () => {
    const base = await makeBase();
    const storage = await open()(base);
    for (const url of [`${base}/none/`, `${base}/none/deep`]) expect(await listing(storage, url)).toEqual([]);
  });

  test("an empty folder that goes in is listed, as itself and by the folder above, and may go in again", async () => {
    const base = await makeBase();
    const storage = await open()(base);
    for (const url of [`${base}/new/one`, `${base}/new/one/`, joinUrl(base, "new/a b#c")])
      await storage.makeFolder?.(url);
    for (const url of [`${base}/new/one`, joinUrl(base, "new/a b#c/")])
      expect(await listing(storage, url)).toEqual([{ path: "", sizeBytes: 0 }]);
    const both = [
      { path: "a b#c/", sizeBytes: 0 },
      { path: "one/", sizeBytes: 0 },
    ];
    expect(await listing(storage, `${base}/new`)).toEqual(both);
  });

  if (makeFolder) {
    test("an empty folder is listed with a final slash, one that holds something is not", async () => {
      const base = await makeBase();
      await makeFolder(base, "dir");
      await makeFolder(base, "dir/empty one");
      const storage = await open()(base);
      await storage.upload(makeFile(3), 3, joinUrl(base, "dir/full/file"));
      expect(await listing(storage, `${base}/dir`)).toEqual([
        { path: "empty one/", sizeBytes: 0 },
        { path: "full/file", sizeBytes: 3 },
      ]);
    });
  }
}

function testEnds({ makeBase, open, look }: StorageUnderTest): void {
  test("an abort ends an upload and a download", async () => {
    const url = `${await makeBase()}/file`;
    const file = makeFile(20 * MIB);
    await (await open()(url)).upload(file, 20 * MIB, url);
    const transfers = [
      (storage: Storage) => storage.upload(file, 20 * MIB, `${url}2`),
      (storage: Storage) => storage.download(url, makeReceiver()),
    ];
    for (const transfer of transfers) {
      const stop = new AbortController();
      const running = transfer(await open(stop.signal)(url));
      stop.abort(new Error("enough"));
      await expect(running).rejects.toThrow("enough");
    }
  });

  if (look) {
    test("an upload that is aborted while its bytes flow leaves nothing", async () => {
      const base = await makeBase();
      const stop = new AbortController();
      const storage = await open(stop.signal)(base);
      const bytes = 512 * MIB;
      const file = makeFile(1);
      truncateSync(file, bytes);
      const upload = storage.upload(file, bytes, `${base}/deep/file`);
      const ended = upload.then(
        () => "stored",
        (error: Error) => error.message,
      );
      // Something of it is seen to be there before it is stopped; in what never shows unfinished files, nothing will be.
      const seen = await Promise.race([ended, untilSomething(base, look)]);
      stop.abort(new Error("enough"));
      expect([seen, await ended]).toEqual(["something", "enough"]);
      expect(await look(base)).toEqual([]);
    }, 60_000);
  }
}

async function untilSomething(base: string, look: (base: string) => Promise<string[]>): Promise<string> {
  const deadline = Date.now() + 30_000;
  while ((await look(base)).length === 0 && Date.now() < deadline) await Bun.sleep(2);
  return "something";
}
