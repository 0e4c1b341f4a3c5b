// What lies at a path once it was followed: another may put a link into its place at any time.
import { expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { followInside, listInside, openInside } from "../../sidecar/filer/inside.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { atEnd } from "../support/cleanups.ts";
import { startExchange } from "../support/exchange.ts";

const mounts = [{ path: normalizePath("/out"), folder: "dir-0", file: false }];

/** A claim with the folders of two tasks: /out of ours has d/file, and another has secrets by the same names. */
function makeClaim() {
  const work = realpathSync(mkdtempSync(join(tmpdir(), "tespod-inside-")));
  atEnd(async () => rmSync(work, { recursive: true, force: true }));
  for (const [task, text] of [
    ["ours", "ours"],
    ["other", "secret"],
  ] as const) {
    mkdirSync(join(work, task, "dir-0/d/sub"), { recursive: true });
    writeFileSync(join(work, task, "dir-0/d/file"), text);
    writeFileSync(join(work, task, `dir-0/d/sub/${text}`), "");
  }
  return { folder: join(work, "ours"), out: join(work, "ours/dir-0"), other: join(work, "other/dir-0") };
}

const follow = (path: string, folder: string) => followInside(normalizePath(path), mounts, folder);

async function textOf(path: string, folder: string): Promise<string> {
  await using file = await openInside(await follow(path, folder));
  return await file.readFile("utf8");
}

test("no file and no name of another task is read by a link that comes after the look", async () => {
  const { folder, out, other } = makeClaim();
  const [file, directory] = [await follow("/out/d/file", folder), await follow("/out/d/sub", folder)];
  expect(await textOf("/out/d/file", folder)).toBe("ours");
  expect((await listInside(directory)).map(({ name }) => name)).toEqual(["ours"]);
  renameSync(join(out, "d"), join(out, "e"));
  symlinkSync(join(other, "d"), join(out, "d"));
  const moved = (path: string) => `Cannot read "${path}": it was moved while it was opened`;
  await expect(openInside(file)).rejects.toThrow(moved("/out/d/file"));
  await expect(listInside(directory)).rejects.toThrow(moved("/out/d/sub"));
});

test("what an executor exchanges for a link a thousand times a second gives its own file, or words", async () => {
  const { folder, out, other } = makeClaim();
  symlinkSync(join(other, "d"), join(out, "l"));
  using _ = await startExchange(join(out, "d"), join(out, "l"));
  const seen = new Map<string, number>();
  for (let count = 0; count < 1000; count++) {
    const text = await textOf("/out/d/file", folder).catch(reasonOf);
    seen.set(text, (seen.get(text) ?? 0) + 1);
    const names = await follow("/out/d/sub", folder)
      .then(listInside)
      .then((entries) => entries.map(({ name }) => name).join(), reasonOf);
    seen.set(`in it: ${names}`, 1);
  }
  expect([...seen.keys()].filter((text) => /secret/.test(text))).toEqual([]);
  expect(seen.get("ours")).toBeGreaterThan(0);
  expect([...seen.keys()].join()).toMatch(/moved while it was opened|outside the task's files/);
}, 60_000);
