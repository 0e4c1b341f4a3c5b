// Normalized paths: two of them are the same place exactly if they are the same text.
import { describe, expect, test } from "bun:test";
import {
  isWithin,
  joinPath,
  nameOf,
  namesIn,
  normalizePath,
  parentPath,
  relativeTo,
  segments,
} from "../../sidecar/contract/path.ts";

const normal = (path: string): string => normalizePath(path);

describe("a path, its names, its parent", () => {
  test.each<{ path: string; expected: string; names: string[]; parent: string; name: string }>([
    { path: "/", expected: "/", names: [], parent: "/", name: "" },
    { path: "//", expected: "/", names: [], parent: "/", name: "" },
    { path: "/.", expected: "/", names: [], parent: "/", name: "" },
    { path: "/a", expected: "/a", names: ["a"], parent: "/", name: "a" },
    { path: "/a/", expected: "/a", names: ["a"], parent: "/", name: "a" },
    { path: "//a//./b/.", expected: "/a/b", names: ["a", "b"], parent: "/a", name: "b" },
    { path: "/a/b c /ü", expected: "/a/b c /ü", names: ["a", "b c ", "ü"], parent: "/a/b c ", name: "ü" },
    { path: "/a/...", expected: "/a/...", names: ["a", "..."], parent: "/a", name: "..." },
    { path: "/a/../b", expected: "/a/../b", names: ["a", "..", "b"], parent: "/a/..", name: "b" },
    { path: "/%2F/\n", expected: "/%2F/\n", names: ["%2F", "\n"], parent: "/%2F", name: "\n" },
  ])("$path", ({ path, expected, names, parent, name }) => {
    expect(normal(path)).toBe(expected);
    expect(normal(expected)).toBe(expected);
    expect(segments(normalizePath(path))).toEqual(names);
    expect(namesIn(path)).toEqual(names);
    expect<string>(parentPath(normalizePath(path))).toBe(parent);
    expect(nameOf(normalizePath(path))).toBe(name);
    expect<string>(joinPath(normalizePath("/"), ...names)).toBe(expected);
  });
});

describe("what lies in what", () => {
  test.each([
    { path: "/a", folder: "/a", below: "" },
    { path: "/a/b/c", folder: "/a", below: "b/c" },
    { path: "/a//b/", folder: "/a/.", below: "b" },
    { path: "/ab", folder: "/a", below: undefined },
    { path: "/a", folder: "/a/b", below: undefined },
    { path: "/a/b", folder: "/", below: "a/b" },
    { path: "/", folder: "/", below: "" },
  ])("$path in $folder: $below", ({ path, folder, below }) => {
    expect(relativeTo(normalizePath(path), normalizePath(folder))).toBe(below as string);
    expect(isWithin(normalizePath(path), normalizePath(folder))).toBe(below !== undefined);
  });
});
