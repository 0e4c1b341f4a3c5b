// mergeDirectories: which directories are mounted in the place of too many.
import { describe, expect, test } from "bun:test";
import { isWithin, normalizePath, type TaskPath } from "../../sidecar/contract/path.ts";
import { outermostKeys, pathOfKey } from "../../src/pod/directory-set.ts";
import { mergeDirectories } from "../../src/pod/merge.ts";
import { rollDice } from "../support/random-tasks.ts";

const many = (count: number, path: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => path(index));

const merge = (
  paths: readonly string[],
  most: number,
  mayCover: (path: TaskPath) => boolean = (path) => path !== "/",
): TaskPath[] => mergeDirectories(outermostKeys(paths.map(normalizePath)), most, mayCover).map(pathOfKey);

const small = ["/a/b/c/d", "/a/b/c/e", "/a/b/f", "/a/g", "/h/i/j", "/h/i/k"];

describe("merged", () => {
  test.each<{ title: string; paths: readonly string[]; most: number; merged: readonly string[] }>([
    { title: "nothing that is few enough", paths: small, most: 6, merged: small },
    {
      title: "the deepest directory first",
      paths: small,
      most: 5,
      merged: ["/a/b/c", "/a/b/f", "/a/g", "/h/i/j", "/h/i/k"],
    },
    {
      title: "the next one of that depth, or above it",
      paths: small,
      most: 4,
      merged: ["/a/b", "/a/g", "/h/i/j", "/h/i/k"],
    },
    { title: "no farther up than is needed", paths: small, most: 3, merged: ["/a/b", "/a/g", "/h/i"] },
    { title: "all of a top directory", paths: small, most: 2, merged: ["/a", "/h/i"] },
    {
      title: "nothing to the root: more than asked for are left",
      paths: small,
      most: 1,
      merged: ["/a", "/h/i"],
    },
    {
      title: "a thousand directories of one directory",
      paths: [...many(1000, (index) => `/data/${index}`), "/out"],
      most: 48,
      merged: ["/data", "/out"],
    },
    {
      title: "of one depth the directory that holds most",
      paths: [...many(40, (index) => `/in/x/${index}`), ...many(40, (index) => `/in/y/${index}`), "/in/y/z"],
      most: 48,
      merged: [...many(40, (index) => `/in/x/${index}`).sort(), "/in/y"],
    },
    {
      title: "not what proves needless once a directory higher up is merged",
      paths: [
        ...many(1000, (index) => `/data/s${index}/r1`),
        ...many(1000, (index) => `/data/s${index}/r2`),
        "/ref/x/a",
        "/ref/x/b",
      ],
      most: 48,
      merged: ["/data", "/ref/x/a", "/ref/x/b"],
    },
  ])("$title", ({ paths, most, merged }) => {
    expect<string[]>(merge(paths, most)).toEqual([...merged]);
  });

  test("no directory that may not be covered, nor what holds one", () => {
    const paths = [...many(50, (index) => `/app/${index}`), ...many(50, (index) => `/app/in/${index}`)];
    const mayCover = (path: string) => path !== "/" && path !== "/app";
    expect(merge(paths, 51, mayCover)).toHaveLength(51);
    expect<string[]>(merge(paths, 51, mayCover)).toContain("/app/in");
    expect(merge(paths, 10, mayCover)).toHaveLength(51);
  });
});

test("whatever the directories: each in one mount, few enough where that can be, in any order the same, none merged needlessly", () => {
  for (let seed = 0; seed < 3000; seed += 1) {
    const dice = rollDice(seed);
    const names = ["a", "b", "a-", "c"];
    const path = () => Array.from({ length: 1 + dice.integer(5) }, () => `/${dice.pick(names)}`).join("");
    const paths = Array.from({ length: 2 + dice.integer(30) }, path);
    const most = 1 + dice.integer(8);
    const forbidden = ["/", "/a", dice.pick(["/b", "/c/a", "/a"])].map(normalizePath);
    const mayCover = (directory: TaskPath) => !forbidden.some((other) => isWithin(other, directory));
    const own = outermostKeys(paths.map(normalizePath)).map(pathOfKey);
    const merged = merge(paths, most, mayCover);

    expect(merge(paths.toReversed(), most, mayCover)).toEqual(merged);
    for (const directory of own) {
      expect(merged.filter((mount) => isWithin(directory, mount))).toHaveLength(1);
    }
    const added = merged.filter((mount) => !own.includes(mount));
    expect(added.filter((mount) => !mayCover(mount))).toEqual([]);
    // All that can be merged: of the directories that may be mounted only the highest.
    const highest = merge(paths, 0, mayCover);
    expect(merged.length <= most || merged.length === highest.length).toBe(true);
    for (const mount of added) {
      const held = own.filter((directory) => isWithin(directory, mount)).length;
      expect(held).toBeGreaterThan(1);
      expect(merged.length - 1 + held).toBeGreaterThan(most);
    }
  }
});
