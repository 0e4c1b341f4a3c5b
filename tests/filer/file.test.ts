// File storage keeps the promises of Storage on a folder, and lets nothing out of the folders that are shared.

import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { openDrivers, type StorageOf } from "../../sidecar/filer/drivers.ts";
import { filePaths, openFolder, openFound } from "../../sidecar/filer/file-path.ts";
import type { FilesSettings } from "../../sidecar/filer/storage.ts";
import { joinUrl } from "../../sidecar/filer/url.ts";
import { atEnd } from "../support/cleanups.ts";
import { memoryFolder } from "../support/test-run.ts";
import { noS3 } from "./no-s3.ts";
import { download, makeFile, makeReceiver, testStorage } from "./storage-suite.ts";

const MIB = 1024 * 1024;

/** Another file system than that of the local files, so that no copy is done before it can be cut. */
const memory = memoryFolder();

/** A claim that clients see at /mnt/share, of which they may use two folders. */
function makeClaim(): FilesSettings & { at(path: string): string; open(signal?: AbortSignal): StorageOf } {
  const local = mkdtempSync(join(memory, "tespod-files-"));
  atEnd(() => rm(local, { recursive: true }));
  for (const folder of ["data", "results", "private"]) mkdirSync(join(local, folder));
  const root = normalizePath("/mnt/share");
  const files = { root, bases: ["data", "results/"].map((base) => normalizePath(`${root}/${base}`)), local };
  return {
    ...files,
    at: (path) => join(local, path),
    open: (signal = new AbortController().signal) => openDrivers({ s3: noS3, files }, signal),
  };
}

const claim = makeClaim();

/** The files of a folder, and those that are not whole. */
async function look(path: string): Promise<string[]> {
  const folder = claim.at(decodeURIComponent(path.replace(/^(file:\/\/)?\/mnt\/share/, "")));
  const folders = [folder, claim.at(".tespod")].filter((each) => existsSync(each));
  const found = folders.map(async (each) => {
    const entries = await readdir(each, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(each.length + 1));
  });
  return (await Promise.all(found)).flat().sort();
}

for (const scheme of ["file://", ""]) {
  testStorage(scheme === "" ? "bare paths" : "file URLs", {
    makeBase: () => Promise.resolve(`${scheme}/mnt/share/data/${randomBytes(4).toString("hex")}`),
    open: claim.open,
    look,
    makeFolder: (base, name) => {
      mkdirSync(claim.at(join(base.replace(/^(file:\/\/)?\/mnt\/share/, ""), name)), { recursive: true });
      return Promise.resolve();
    },
    lists: true,
  });
}

/** Each test has a claim of its own, so that none sees another's files. */
describe("what lies outside the shared folders", () => {
  const secret = "of no task's business";

  function makeHostile() {
    const hostile = makeClaim();
    const { at } = hostile;
    writeFileSync(at("private/secret"), secret);
    mkdirSync(at("private/folder"));
    writeFileSync(at("private/folder/secret"), secret);
    writeFileSync(join(dirname(hostile.local), "tespod-outside"), secret);
    atEnd(() => rm(join(dirname(hostile.local), "tespod-outside"), { force: true }));
    mkdirSync(at("data/sub"));
    writeFileSync(at("data/sub/file"), "fine");
    const links: Record<string, string> = {
      "data/absolute": "/mnt/share/private/secret",
      "data/relative": "../private/secret",
      "data/of-the-sidecar": "/proc/self/environ",
      "data/above": "../../tespod-outside",
      "data/folder": "/mnt/share/private/folder",
      "data/chain": "folder/secret",
      "data/round": "round",
      "data/inside": "sub/file",
      "data/across": "/mnt/share/results",
    };
    for (const [name, to] of Object.entries(links)) symlinkSync(to, at(name));
    // On this side of the mount it leads to the secret, which is not what it says to those who made it.
    symlinkSync(at("private/secret"), at("data/as-mounted"));
    return hostile;
  }

  const refused = [
    "/mnt/share/private/secret",
    "/mnt/share/data/../private/secret",
    "/mnt/share/database",
    "/mnt/share",
    "/etc/passwd",
    "/",
    "/mnt/share/data/absolute",
    "/mnt/share/data/relative",
    "/mnt/share/data/of-the-sidecar",
    "/mnt/share/data/above",
    "/mnt/share/data/folder/secret",
    "/mnt/share/data/chain",
    "/mnt/share/data/round",
    "/mnt/share/data/as-mounted",
    "file:///mnt/share/data/%2e%2e/private/secret",
    "file:///mnt/share/data/..%2Fprivate/secret",
    "file:/mnt/share/private/secret",
    "FILE:///mnt/share/private/secret",
    "file://localhost/mnt/share/private/secret",
    "file://elsewhere/mnt/share/data/sub/file",
  ];

  test.each(refused)("%s is not read, listed or written", async (url) => {
    const { open, at } = makeHostile();
    const storage = await open()(url);
    const fails = { name: "StorageError", kind: expect.stringMatching(/^(denied|permanent|not-found)$/) };
    const receiver = makeReceiver();
    await expect(storage.download(url, receiver)).rejects.toMatchObject(fails);
    expect(readFileSync(receiver.file, "utf8")).toBe("");
    await expect(Array.fromAsync(storage.list(url))).rejects.toMatchObject(fails);
    const before = execFileSync("find", [at("private")]).toString();
    // A link at the very name is replaced, as any file would be; what it leads to stays as it is.
    await storage.upload(makeFile(5), 5, url).catch((error: unknown) => expect(error).toMatchObject(fails));
    await expect(storage.upload(makeFile(5), 5, `${url}/new/file`)).rejects.toMatchObject(fails);
    await expect(storage.makeFolder?.(`${url}/new`)).rejects.toMatchObject(fails);
    expect(execFileSync("find", [at("private")]).toString()).toBe(before);
    expect(readFileSync(at("private/secret"), "utf8")).toBe(secret);
  });

  test("links within and across the shared folders are followed", async () => {
    const { open, at } = makeHostile();
    const storage = await open()("/");
    expect((await download(storage, "/mnt/share/data/inside")).toString()).toBe("fine");
    await storage.upload(makeFile(5), 5, "/mnt/share/data/across/new/file");
    expect(statSync(at("results/new/file")).size).toBe(5);
  });

  test("a folder with a link out of them is refused as a whole, by the link's name", async () => {
    const { open } = makeHostile();
    const storage = await open()("/");
    await expect(Array.fromAsync(storage.list("/mnt/share/data"))).rejects.toThrow(/shared|may use/);
  });

  test("a base that is a link is the folder that it leads to", async () => {
    const { local, at } = makeClaim();
    symlinkSync("/mnt/share/private", at("linked"));
    writeFileSync(at("private/file"), "hello");
    const files = { root: normalizePath("/mnt/share"), bases: [normalizePath("/mnt/share/linked")], local };
    const storage = await openDrivers({ s3: noS3, files }, new AbortController().signal)("/");
    expect((await download(storage, "/mnt/share/linked/file")).toString()).toBe("hello");
    await expect(download(storage, "/mnt/share/private/file")).rejects.toMatchObject({ kind: "denied" });
  });

  test("a folder that becomes a link after it was looked at is neither read nor written through", async () => {
    const { at, ...files } = makeHostile();
    const paths = filePaths(files);
    writeFileSync(at("private/file"), secret);
    const [file, folder] = [
      await paths.follow(normalizePath("/mnt/share/data/sub/file")),
      await paths.reach(normalizePath("/mnt/share/data/sub/new")),
    ];
    // Whoever has the claim may do this at any time.
    renameSync(at("data/sub"), at("data/was"));
    symlinkSync("../private", at("data/sub"));
    const moved = { kind: "transient", message: "it was moved while it was opened" };
    await expect(openFound(file.local, constants.O_RDONLY)).rejects.toMatchObject(moved);
    const make = (): Promise<void> => Promise.reject(new Error("it was made all the same"));
    await expect(openFolder(folder, make)).rejects.toMatchObject({ code: "ENOTDIR" });
    mkdirSync(at("private/sub"));
    rmSync(at("data/sub"));
    mkdirSync(at("data/sub/sub"), { recursive: true });
    const deeper = await paths.reach(normalizePath("/mnt/share/data/sub/sub/new"));
    rmSync(at("data/sub"), { recursive: true });
    symlinkSync("../private", at("data/sub"));
    await expect(openFolder(deeper, make)).rejects.toMatchObject(moved);
  });
});

describe("files that are no files", () => {
  test.each(["fifo", "socket", "dangling"])("%s: neither staged nor waited for", async (kind) => {
    const { open, at } = makeClaim();
    const name = at(`data/${kind}`);
    if (kind === "fifo") execFileSync("mkfifo", [name]);
    if (kind === "dangling") symlinkSync("nothing", name);
    if (kind === "socket") {
      const server = createServer().listen(name);
      await once(server, "listening");
      atEnd(async () => void server.close());
    }
    const storage = await open()("/");
    const fails = { name: "StorageError", kind: kind === "dangling" ? "not-found" : "permanent" };
    await expect(storage.download(`/mnt/share/data/${kind}`, makeReceiver())).rejects.toMatchObject(fails);
    await expect(Array.fromAsync(storage.list("/mnt/share/data"))).rejects.toThrow(`"${kind}" in it`);
  });

  test("names with line ends, of 255 bytes, and one too many", async () => {
    const { open } = makeClaim();
    const storage = await open()("/");
    for (const name of ["two\nlines\r", "ü".repeat(127), "\u001b[31m"]) {
      const url = joinUrl("file:///mnt/share/data/names", name);
      await storage.upload(makeFile(5), 5, url);
      expect(await download(storage, url)).toHaveLength(5);
    }
    expect(await Array.fromAsync(storage.list("/mnt/share/data/names"))).toHaveLength(3);
    const long = `/mnt/share/data/${"x".repeat(256)}`;
    await expect(storage.upload(makeFile(5), 5, long)).rejects.toMatchObject({
      kind: "permanent",
      message: expect.not.stringContaining(tmpdir()),
    });
  });

  test("links that lead round, and folders that hold themselves, are refused by name", async () => {
    const { open, at } = makeClaim();
    mkdirSync(at("data/a/b"), { recursive: true });
    symlinkSync("/mnt/share/data/a", at("data/a/b/up"));
    const storage = await open()("/");
    await expect(Array.fromAsync(storage.list("/mnt/share/data/a"))).rejects.toThrow('"b/up" in it');
  });
});

describe("a copy", () => {
  test("is another file than the original, also where a hard link could be made", async () => {
    const { open, at } = makeClaim();
    writeFileSync(at("data/original"), "original");
    const receiver = makeReceiver();
    await (await open()("/")).download("/mnt/share/data/original", receiver);
    writeFileSync(receiver.file, "changed by a tool");
    expect(readFileSync(at("data/original"), "utf8")).toBe("original");
  });

  test("of a file that is written to meanwhile is not taken for the file", async () => {
    const { open, at } = makeClaim();
    writeFileSync(at("data/growing"), randomBytes(64 * MIB));
    let done = false;
    const growing = (async () => {
      while (!done) {
        appendFileSync(at("data/growing"), "more");
        await Bun.sleep(1);
      }
    })();
    const storage = await open()("/");
    const url = "/mnt/share/data/growing";
    await expect(storage.download(url, makeReceiver())).rejects.toMatchObject({ kind: "transient" });
    done = true;
    await growing;
    expect(await storage.download(url, makeReceiver())).toBe(statSync(at("data/growing")).size);
  });

  test("of an output that grows is what was there when its size was taken; of one that shrinks, none", async () => {
    const { open, at } = makeClaim();
    const storage = await open()("/");
    const file = makeFile(10_000);
    await storage.upload(file, 5000, "/mnt/share/data/grown");
    expect(readFileSync(at("data/grown")).equals(readFileSync(file).subarray(0, 5000))).toBe(true);
    truncateSync(file, 100);
    await expect(storage.upload(file, 5000, "/mnt/share/data/shrunk")).rejects.toThrow("shorter");
    expect(readdirSync(at("data"))).toEqual(["grown"]);
  });

  test("keeps holes", async () => {
    const { open, at } = makeClaim();
    const storage = await open()("/");
    const file = makeFile(1000);
    const bytes = 512 * MIB;
    truncateSync(file, bytes);
    await storage.upload(file, bytes, "/mnt/share/data/sparse");
    const { size, blocks } = statSync(at("data/sparse"));
    expect(size).toBe(bytes);
    expect(blocks * 512).toBeLessThan(10 * MIB);
  });

  test("belongs to the owner of the folder that it is put in, and so do the folders made for it", async () => {
    const { open, at } = makeClaim();
    if (process.getuid?.() !== 0) return console.log("Owners are not tested: this is not root");
    chownSync(at("data"), 1234, 4321);
    chmodSync(at("data"), 0o2770);
    await (await open()("/")).upload(makeFile(5), 5, "/mnt/share/data/new/sub/file");
    const seen = ["data/new", "data/new/sub", "data/new/sub/file"].map((path) => {
      const { uid, gid, mode } = statSync(at(path));
      return [uid, gid, (mode & 0o7777).toString(8)];
    });
    expect(seen).toEqual([
      [1234, 4321, "2770"],
      [1234, 4321, "2770"],
      [1234, 4321, "660"],
    ]);
  });

  test("replaces a link and another name of a file, and not what they stand for", async () => {
    const { open, at } = makeClaim();
    const storage = await open()("/");
    writeFileSync(at("data/file"), "before");
    symlinkSync("file", at("data/link"));
    linkSync(at("data/file"), at("data/name"));
    for (const name of ["link", "name"]) await storage.upload(makeFile(5), 5, `/mnt/share/data/${name}`);
    expect(readFileSync(at("data/file"), "utf8")).toBe("before");
    mkdirSync(at("data/folder"));
    await expect(storage.upload(makeFile(5), 5, "/mnt/share/data/folder")).rejects.toMatchObject({
      kind: "permanent",
    });
    expect(readdirSync(at("data")).sort()).toEqual(["file", "folder", "link", "name"]);
  });
});

describe("outputs that are not whole", () => {
  const wholeClaim = (more: { claim: ReturnType<typeof makeClaim>; signal?: AbortSignal }) => {
    const root = normalizePath("/mnt/share");
    const files = { root, bases: [root], local: more.claim.local };
    return openDrivers({ s3: noS3, files }, more.signal ?? new AbortController().signal)("/");
  };
  const all = (claim: ReturnType<typeof makeClaim>): string[] =>
    execFileSync("find", [claim.local, "-mindepth", "1", "-printf", "%P\n"])
      .toString()
      .split("\n")
      .filter(Boolean);

  test("lie in a folder that nobody can list or name, and that goes with the last of them", async () => {
    const claim = makeClaim();
    const storage = await wholeClaim({ claim });
    const seen = new Set<string>();
    const listed = new Set<string>();
    const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
    const uploads = names.map((name) =>
      storage.upload(makeFile(3_000_000), 3_000_000, `/mnt/share/data/${name}`),
    );
    const watching = Promise.all(uploads).then(() => undefined);
    let isOver = false;
    void watching.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const path of all(claim)) seen.add(path);
      for (const { path } of await Array.fromAsync(storage.list("/mnt/share"))) listed.add(path);
    }
    await watching;
    expect([...seen].filter((path) => path.startsWith(".tespod/")).length).toBeGreaterThan(0);
    expect([...seen].filter((path) => path.startsWith("data/") && !/^data\/f\d+$/.test(path))).toEqual([]);
    expect([...listed].filter((path) => path.includes(".tespod"))).toEqual([]);
    expect(all(claim).filter((path) => path.includes(".tespod"))).toEqual([]);
  });

  test("cannot be named, read or written by a task", async () => {
    const claim = makeClaim();
    mkdirSync(claim.at(".tespod"), { mode: 0o700 });
    writeFileSync(claim.at(".tespod/part"), "half");
    symlinkSync("../.tespod", claim.at("data/link"));
    const storage = await wholeClaim({ claim });
    for (const path of [
      "/mnt/share/.tespod/part",
      "/mnt/share/./.tespod//part",
      "/mnt/share/data/link/part",
    ]) {
      const denied = { kind: "denied", message: expect.stringContaining("unfinished files lie there") };
      await expect(download(storage, path)).rejects.toMatchObject(denied);
      await expect(storage.upload(makeFile(5), 5, path)).rejects.toMatchObject(denied);
    }
    expect(readFileSync(claim.at(".tespod/part"), "utf8")).toBe("half");
    await storage.upload(makeFile(5), 5, "/mnt/share/data/.tespod/part");
    expect(await download(storage, "/mnt/share/data/.tespod/part")).toHaveLength(5);
  });

  test("of a supervisor that was killed are removed after a day, and not before", async () => {
    const claim = makeClaim();
    mkdirSync(claim.at(".tespod"), { mode: 0o700 });
    for (const name of ["old", "young"]) writeFileSync(claim.at(`.tespod/${name}`), "half");
    const dayAgo = Date.now() / 1000 - 25 * 3600;
    utimesSync(claim.at(".tespod/old"), dayAgo, dayAgo);
    await (await claim.open()("/")).upload(makeFile(5), 5, "/mnt/share/data/file");
    expect(all(claim).filter((path) => path.startsWith(".tespod/"))).toEqual([".tespod/young"]);
  });

  test.each([
    ["a link", (at: string) => symlinkSync("private", at)],
    ["a file", (at: string) => writeFileSync(at, "")],
    ["open to others", (at: string) => void execFileSync("mkdir", ["-m", "777", at])],
  ])("lie beside their place where the folder for them is %s", async (_, make) => {
    const claim = makeClaim();
    make(claim.at(".tespod"));
    const before = all(claim);
    await (await claim.open()("/")).upload(makeFile(5), 5, `/mnt/share/data/${"n".repeat(255)}`);
    expect(all(claim).sort()).toEqual([...before, `data/${"n".repeat(255)}`].sort());
  });

  test("are gone after a cancel and after a failure", async () => {
    const claim = makeClaim();
    mkdirSync(claim.at("data/folder"));
    const stop = new AbortController();
    const storage = await wholeClaim({ claim, signal: stop.signal });
    await expect(storage.upload(makeFile(5), 5, "/mnt/share/data/folder")).rejects.toMatchObject({
      kind: "permanent",
    });
    const uploading = storage.upload(makeFile(50_000_000), 50_000_000, "/mnt/share/data/file");
    while (!all(claim).some((path) => path.startsWith(".tespod/"))) await Bun.sleep(1);
    stop.abort(new Error("told to stop"));
    await expect(uploading).rejects.toThrow("told to stop");
    expect(all(claim).sort()).toEqual(["data", "data/folder", "private", "results"]);
  });
});
