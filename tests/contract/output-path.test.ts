// Paths of outputs: where their files are looked for, and what path_prefix cuts off.
import { describe, expect, test } from "bun:test";
import { cutPrefix, outputPath, pathPrefixOf, searchOf } from "../../sidecar/contract/output-path.ts";
import { normalizePath } from "../../sidecar/contract/path.ts";

test.each([
  ["/a/b", "/a/b", []],
  ["//a/./b/", "/a/b", []],
  ["/d/back\\slash", "/d/back\\slash", []],
  ["/d/\\*", "/d/*", []],
  ["/d\\*/e\\f", "/d*/ef", []],
  ["/a/*.txt", "/a", ["*.txt"]],
  ["//a//*/", "/a", ["*"]],
  ["/a/./*/./c/?", "/a", ["*", "c", "?"]],
  ["/*", "/", ["*"]],
  ["/a\\*/b/*", "/a*/b", ["*"]],
  ["/a/\\\\*b", "/a", ["\\\\*b"]],
  ["/a/{b,c}", "/a/{b,c}", []],
  ["/a/[bc]/d*", "/a", ["[bc]", "d*"]],
  ["/a/[bc", "/a/[bc", []],
] as const)("%p is searched at %p for %p", (path, folder, patterns) => {
  expect<object>(searchOf(outputPath(path))).toEqual({ folder, patterns: [...patterns] });
});

describe("a prefix", () => {
  test.each([
    { path: "/d/*", prefix: "/d", file: "/d/f", left: "f" },
    { path: "/d/*", prefix: "/d/", file: "/d/f", left: "f" },
    { path: "/d//*", prefix: "//d///", file: "/d/f", left: "f" },
    { path: "/d/*", prefix: "/", file: "/d/f", left: "d/f" },
    { path: "/d/*", prefix: "/./d/.", file: "/d/f", left: "f" },
    { path: "/d/.h*", prefix: "/d/.", file: "/d/.hid", left: "hid" },
    { path: "/data/out/sam*", prefix: "/data/out/sam", file: "/data/out/sample.bam", left: "ple.bam" },
    { path: "/data/out/sam*", prefix: "/data//out/sam", file: "/data/out/sam", left: "" },
    { path: "/d/a\\*b*", prefix: "/d/a\\*", file: "/d/a*bc", left: "bc" },
    { path: "/d/a\\*b*", prefix: "/d/a*", file: "/d/a*bc", left: "bc" },
    { path: "/d\\*/x*", prefix: "/d\\*/", file: "/d*/xy", left: "xy" },
    { path: "/d/*/x", prefix: "/d", file: "/d/e/x", left: "e/x" },
    { path: "/d/x*", prefix: "/d/e", file: "/d/xy", left: undefined },
    { path: "/d/*/x", prefix: "/d/*", file: "/d/e/x", left: undefined },
    { path: "/d/sam*", prefix: "/d/sam/", file: "/d/sample", left: undefined },
    { path: "/d/[ab]*", prefix: "/d/[", file: "/d/ax", left: undefined },
  ])("$prefix of $path leaves $left of $file", ({ path, prefix, file, left }) => {
    const start = pathPrefixOf(outputPath(path), prefix);
    expect(start && cutPrefix(normalizePath(file), start)).toBe(left as string);
    // Read once more, as a pod reads its plan, it is the same.
    if (start !== undefined) expect(pathPrefixOf(outputPath(path), start)).toBe(start);
  });
});
