// What is removed from a shared work volume, and what never is.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFolders } from "../../sidecar/stage-in/clean-up.ts";
import { startExchange } from "../support/exchange.ts";

let root: string;
const path = (...names: string[]): string => join(root, ...names);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tespod-clean-up-"));
  mkdirSync(path("work", "tes-a-1", "m0"), { recursive: true });
  writeFileSync(path("work", "tes-a-1", "m0", "file"), "x");
});
afterEach(() => rmSync(root, { recursive: true }));

test("folders go with all that is in them; those of others stay; one that is not there is as good as removed", async () => {
  mkdirSync(path("work", "tes-b-1"));
  await removeFolders(path("work"), ["tes-a-1", "tes-a-2"]);
  expect(existsSync(path("work", "tes-a-1"))).toBe(false);
  expect(existsSync(path("work", "tes-b-1"))).toBe(true);
});

test("a link in place of a folder is removed, not what it points to", async () => {
  mkdirSync(path("elsewhere"));
  writeFileSync(path("elsewhere", "file"), "x");
  symlinkSync(path("elsewhere"), path("work", "tes-a-2"));
  await removeFolders(path("work"), ["tes-a-2"]);
  expect(existsSync(path("work", "tes-a-2"))).toBe(false);
  expect(existsSync(path("elsewhere", "file"))).toBe(true);
});

test.each(["", ".", "..", "tes-a-1/m0", "../elsewhere", "other"])("%p is never removed", async (name) => {
  mkdirSync(path("elsewhere"));
  mkdirSync(path("work", "other"));
  await expect(removeFolders(path("work"), [name])).rejects.toThrow(`Cannot remove "${name}"`);
  for (const kept of [path("elsewhere"), path("work", "other"), path("work", "tes-a-1", "m0", "file")]) {
    expect(existsSync(kept)).toBe(true);
  }
});

test("what cannot be removed is named", async () => {
  writeFileSync(path("file"), "");
  await expect(removeFolders(path("file"), ["tes-a-1"])).rejects.toThrow('Cannot remove folder "tes-a-1"');
});

test("what an executor exchanges for a link meanwhile is removed, not what that leads to", async () => {
  const others = path("work", "tes-b-1", "m0");
  const fill = (folder: string) => {
    mkdirSync(folder, { recursive: true });
    for (let index = 0; index < 100; index++) writeFileSync(join(folder, `${index}`), "x");
  };
  fill(others);
  const [folder, link] = [path("work", "tes-a-1", "m0", "d"), path("work", "tes-a-1", "m0", "l")];
  using _ = await startExchange(folder, link);
  for (let count = 0; count < 20; count++) {
    fill(folder);
    symlinkSync(others, link);
    // What changes its kind between look and removal fails one try, and in the end it is all gone.
    while (existsSync(path("work", "tes-a-1")))
      await removeFolders(path("work"), ["tes-a-1"]).catch(() => undefined);
    expect(readdirSync(others)).toHaveLength(100);
  }
}, 60_000);
