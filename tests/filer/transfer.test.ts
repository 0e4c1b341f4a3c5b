// Which file goes where, as tables.

import { expect, test } from "bun:test";
import { outputPath, plannedPrefix } from "../../sidecar/contract/output-path.ts";
import { normalizePath } from "../../sidecar/contract/path.ts";
import type { PlanOutput } from "../../sidecar/contract/plan.ts";
import { publicUrl } from "../../sidecar/contract/scheme.ts";
import { mustPlace, placeOf } from "../../sidecar/filer/mounts.ts";
import { contentOf, downloadOf, uploadUrl } from "../../sidecar/filer/transfer.ts";
import { joinUrl } from "../../sidecar/filer/url.ts";

const mounts = [
  { path: normalizePath("/data"), folder: "m0", file: false },
  { path: normalizePath("/data/inner"), folder: "m1", file: false },
  { path: normalizePath("/etc/conf"), folder: "m2", file: true },
];

test.each([
  ["/data", "/work/m0"],
  ["/data/", "/work/m0"],
  ["/data/a/b", "/work/m0/a/b"],
  ["//data/./a//b/", "/work/m0/a/b"],
  ["/data/inner", "/work/m1"],
  ["/data/inner/a", "/work/m1/a"],
  ["/data/innermost", "/work/m0/innermost"],
  ["/etc/conf", "/work/m2"],
  ["/database", undefined],
  ["/", undefined],
  ["/etc/conf/below", undefined],
  ["/etc/other", undefined],
])("%p lies at %p", (path, local) => {
  expect(placeOf(normalizePath(path), mounts, "/work")?.local).toBe(local as string);
});

test.each(["/data/..", "/data/../etc/passwd", "/data/a/../../x"])("%p is refused", (path) => {
  expect(() => placeOf(normalizePath(path), mounts, "/work")).toThrow('it holds ".."');
});

test("a path outside all mounts is an error", () => {
  expect(() => mustPlace(normalizePath("/elsewhere"), mounts, "/work")).toThrow(
    "no mount of the plan holds it",
  );
});

const input = (more: object) => ({ path: normalizePath("/data/in"), type: "FILE" as const, ...more });

test.each([
  ["content alone", { content: "x" }, "x"],
  ["content and a URL", { content: "x", url: "s3://b/k" }, "x"],
  ["no content and a URL", { url: "s3://b/k" }, undefined],
  ["empty content and a URL", { content: "", url: "s3://b/k" }, undefined],
  ["empty content", { content: "" }, ""],
  ["neither", {}, ""],
])("the text of an input with %s", (_, more, text) => {
  expect(contentOf(input(more))).toBe(text as string);
});

test.each([
  ["a", "/data/in/a", "s3://b/dir/a"],
  ["sub/b c#?", "/data/in/sub/b c#?", "s3://b/dir/sub/b c#?"],
  ["empty/", "/data/in/empty", undefined],
])("the listed %p goes to %p from %p", (listed, path, url) => {
  const to = { path: normalizePath("/data/in/"), url: "s3://b/dir/" };
  expect<{ path: string; url: string | undefined }>(downloadOf(to, { path: listed, sizeBytes: 1 })).toEqual({
    path,
    url,
  });
});

test.each(["../x", "a/../../x", "/x", "a//b", ".", "a/./b", "a\0b", ""])(
  "the listed %p is refused",
  (path) => {
    expect(() =>
      downloadOf({ path: normalizePath("/data/in"), url: "s3://b/dir" }, { path, sizeBytes: 1 }),
    ).toThrow("no name");
  },
);

const output = (written: string, url: string, pathPrefix?: string): PlanOutput => {
  const path = outputPath(written);
  const prefix = pathPrefix === undefined ? {} : { pathPrefix: plannedPrefix(path, pathPrefix) };
  return { path, url, type: "FILE", ...prefix };
};

test.each([
  ["a file", output("/d/f", "s3://b/k"), "/d/f", "/d/f", "s3://b/k"],
  ["a file to a folder's URL", output("/d/f", "s3://b/k/"), "/d/f", "/d/f", "s3://b/k/f"],
  ["a folder's file", output("/d/dir", "s3://b/k"), "/d/dir", "/d/dir/x/y", "s3://b/k/x/y"],
  ["slashes at both ends", output("/d/dir/", "s3://b/k/"), "/d/dir/", "/d/dir/x", "s3://b/k/x"],
  ["a match", output("/d/*", "s3://b/k", "/d"), "/d/f", "/d/f", "s3://b/k/f"],
  ["a match with slashes", output("/d/*", "s3://b/k/", "/d/"), "/d/f", "/d/f", "s3://b/k/f"],
  ["a deep match", output("/d/*/x", "s3://b/k", "/d"), "/d/e/x", "/d/e/x", "s3://b/k/e/x"],
  ["a prefix within a name", output("/d/pre*", "s3://b/k", "/d/pre"), "/d/pre1", "/d/pre1", "s3://b/k/1"],
  ["a folder that matches", output("/d/*", "s3://b/k", "/d"), "/d/e", "/d/e/x", "s3://b/k/e/x"],
  ["a match without a prefix", output("/d/*", "s3://b/k"), "/d/f", "/d/f", "s3://b/k/f"],
  [
    "odd names over HTTP",
    output("/d/*", "http://h/k", "/d"),
    "/d/a b#?",
    "/d/a b#?",
    "http://h/k/a%20b%23%3F",
  ],
] as const)("the URL of %s", (...row) => {
  const [, of, found, file, url] = row;
  expect(uploadUrl(of, normalizePath(found), normalizePath(file))).toBe(url);
});

test("a match that does not begin with the prefix is an error", () => {
  const file = normalizePath("/d/f");
  expect(() => uploadUrl(output("/d/*", "s3://b/k", "/e"), file, file)).toThrow('path prefix "/e"');
});

test.each([
  ["/d/..*", "/d/.", "/d/...", ".."],
  ["/d/a.*/x", "/d/a", "/d/a./x", "./x"],
])("what is left of a match of %p without %p is no way up", (path, prefix, file, left) => {
  const match = normalizePath(file);
  expect(() => uploadUrl(output(path, "file:///o", prefix), match, match)).toThrow(
    `is "${left}", which names no file`,
  );
});

test.each([
  ["s3://b/k?x#y@z", "s3://b/k?x#y@z"],
  ["http://user:secret@host/p?signature=x#f", "http://host/p"],
  ["https://host/p@q", "https://host/p@q"],
  ["ftp://user@host/p", "ftp://host/p"],
  ["/a/path", "/a/path"],
])("%p is shown as %p", (url, shown) => {
  expect(publicUrl(url)).toBe(shown);
});

test.each([
  ["s3://b", "a", "s3://b/a"],
  ["s3://b/", "a", "s3://b/a"],
  ["s3://b/k//", "a b", "s3://b/k//a b"],
  ["s3://b//k/%41", "a%41?#", "s3://b//k/%41/a%41?#"],
  ["s3://b/k", "", "s3://b/k"],
  ["s3://b/k/", "", "s3://b/k"],
  ["http://h/d", "a/b c", "http://h/d/a/b%20c"],
  ["http://h/d//", "a", "http://h/d//a"],
  ["https://h/d?sig=x%2F/y", "a?", "https://h/d/a%3F?sig=x%2F/y"],
  ["https://h/d/?sig=x", "a", "https://h/d/a?sig=x"],
  ["ftp://h//abs", "a", "ftp://h//abs/a"],
  ["ftp://h//", "a", "ftp://h//a"],
  ["ftp://h/d;type=i", "a;type=i", "ftp://h/d/a%3Btype%3Di;type=i"],
  ["file:///a%20b", "c d", "file:///a%20b/c%20d"],
  ["file:///100%", "c d", "file:///100%25/c%20d"],
  ["/100%", "c d%41", "/100%/c d%41"],
])("%p and %p are joined", (folder, relative, url) => {
  expect(joinUrl(folder, relative)).toBe(url);
});
