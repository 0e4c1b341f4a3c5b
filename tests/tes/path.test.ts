// The rules for paths in the containers.
import { describe, expect, test } from "bun:test";
import {
  filePathFault,
  fixedPrefix,
  folderPathFault,
  isSystemFolder,
  isWithin,
  normalizePath,
  parentPath,
  pathFault,
} from "../../src/tes/path.ts";

describe("normalizePath and parentPath", () => {
  test.each([
    { path: "/", normal: "/", parent: "/" },
    { path: "/a", normal: "/a", parent: "/" },
    { path: "/a/", normal: "/a", parent: "/" },
    { path: "//a//./b/", normal: "/a/b", parent: "/a" },
    { path: "/a/b c/ü", normal: "/a/b c/ü", parent: "/a/b c" },
    { path: "/a/...", normal: "/a/...", parent: "/a" },
  ])("$path", ({ path, normal, parent }) => {
    expect(normalizePath(path)).toBe(normal);
    expect(parentPath(path)).toBe(parent);
  });
});

describe("fixed prefixes", () => {
  test.each([
    { path: "/a/b", prefix: "/a/b" },
    { path: "/a/*.txt", prefix: "/a" },
    { path: "/a/b?/c", prefix: "/a" },
    { path: "/a/[bc]/d*", prefix: "/a" },
    { path: "/*", prefix: "/" },
    { path: "/a/\\*b", prefix: "/a/*b" },
    { path: "/a/\\\\*b", prefix: "/a" },
    { path: "/a/x\\?y/b*", prefix: "/a/x?y" },
    { path: "/a/{b,c}", prefix: "/a/{b,c}" },
  ])("$path", ({ path, prefix }) => {
    expect(fixedPrefix(path)).toBe(prefix);
  });
});

describe("isWithin", () => {
  test.each([
    { path: "/a", folder: "/a", within: true },
    { path: "/a/b", folder: "/a", within: true },
    { path: "/ab", folder: "/a", within: false },
    { path: "/a", folder: "/a/b", within: false },
    { path: "/a", folder: "/", within: true },
  ])("$path in $folder: $within", ({ path, folder, within }) => {
    expect(isWithin(path, folder)).toBe(within);
  });
});

describe("system folders", () => {
  test.each([
    { path: "/", system: true },
    { path: "/etc", system: true },
    { path: "/etc/a/b", system: true },
    { path: "/usr/local/share", system: true },
    { path: "/lib64", system: true },
    { path: "/lib64x", system: false },
    { path: "/opt", system: true },
    { path: "/opt/tool", system: false },
    { path: "/root", system: true },
    { path: "/root/x", system: false },
    { path: "/home", system: true },
    { path: "/home/user", system: false },
    { path: "/var", system: true },
    { path: "/var/lib", system: true },
    { path: "/var/lib/cwl", system: false },
    { path: "/tmp", system: false },
    { path: "/work", system: false },
    { path: "/data", system: false },
  ])("$path: $system", ({ path, system }) => {
    expect(isSystemFolder(path)).toBe(system);
  });
});

describe("faults", () => {
  const noFile = "Must be the path of a file, not of a system folder";
  const noFolder = "Must not be a system folder: mounting it would hide the image's files";
  const own = "Must not lie in /.tes";
  test.each([
    { path: "/data/a", file: undefined, folder: undefined },
    { path: "", file: "Must be an absolute path", folder: "Must be an absolute path" },
    { path: "a/b", file: "Must be an absolute path", folder: "Must be an absolute path" },
    { path: "/a/../b", file: 'Must not contain ".."', folder: 'Must not contain ".."' },
    { path: "/a/..b", file: undefined, folder: undefined },
    { path: "/proc", file: "Must not lie in /proc", folder: "Must not lie in /proc" },
    { path: "/./proc//self", file: "Must not lie in /proc", folder: "Must not lie in /proc" },
    { path: "/process", file: undefined, folder: undefined },
    { path: "/.tes/bin/sh", file: own, folder: own },
    { path: "/.tesla", file: undefined, folder: undefined },
    { path: "/", file: noFile, folder: noFolder },
    { path: "/usr/", file: noFile, folder: noFolder },
    { path: "/usr/x", file: undefined, folder: noFolder },
  ])("$path as file: $file, as folder: $folder", ({ path, file, folder }) => {
    expect(filePathFault(path)).toBe(file as string);
    expect(folderPathFault(path)).toBe(folder as string);
  });

  test("a workdir may be a system folder", () => {
    expect([pathFault("/"), pathFault("/usr/src")]).toEqual([undefined, undefined]);
  });
});
