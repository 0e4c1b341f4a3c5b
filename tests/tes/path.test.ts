// The rules for paths in the containers.

import { describe, expect, test } from "bun:test";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { filePathFault, folderPathFault, isSystemFolder, pathFault } from "../../src/tes/path.ts";

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
    expect(isSystemFolder(normalizePath(path))).toBe(system);
  });
});

describe("faults", () => {
  const noFile = "Must be the path of a file, not of a system folder";
  const noFolder =
    "Needs a mount of a system directory, which would hide the image's files; use a directory such as /data";
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
