// The type of inputs and outputs: FILE from create on (TES 1.1, tesFileType), corrected once a path proves to be a folder.
import { expect, test } from "bun:test";
import { withFoundTypes } from "../../src/tes/file-types.ts";
import type { Run } from "../../src/tes/record.ts";
import type { Task } from "../../src/tes/task.ts";
import { makeTask } from "../support/make.ts";

type Found = Pick<Run, "folders" | "outputs">;
const output = (path: string, type: "FILE" | "DIRECTORY" = "FILE") => ({ path, type, url: "s3://b/k" });
const uploaded = (...paths: string[]): Found => ({
  outputs: paths.map((path) => ({ path, url: `s3://b${path}`, sizeBytes: 1 })),
});
const inputs = [
  { path: "/in/dir", type: "FILE" as const, url: "s3://b/dir" },
  { path: "/in/file", type: "FILE" as const, url: "s3://b/file" },
];

const rows: readonly { title: string; task: Partial<Task>; found: Found; types: string[] }[] = [
  { title: "nothing is known yet", task: { outputs: [output("/a")] }, found: uploaded(), types: ["FILE"] },
  {
    title: "a file is a file",
    task: { outputs: [output("/o/a")] },
    found: uploaded("/o/a"),
    types: ["FILE"],
  },
  {
    title: "a folder declared FILE is a folder (Nextflow's path 'dir')",
    task: { outputs: [output("/work/dir"), output("/work/dir2/")] },
    found: uploaded("/work/dir/a", "/work/dir2/deep/b"),
    types: ["DIRECTORY", "DIRECTORY"],
  },
  {
    title: "a name that only begins alike is none",
    task: { outputs: [output("/o/dir")] },
    found: uploaded("/o/dirx/a"),
    types: ["FILE"],
  },
  {
    title: "outputs that overlap (cwl-tes): each is what it is",
    task: { outputs: [output("/X/md5.txt"), output("/X", "DIRECTORY")] },
    found: uploaded("/X/md5.txt", "/X/md5.txt", "/X/other"),
    types: ["FILE", "DIRECTORY"],
  },
  {
    title: "a folder that was declared and proved a file stays as declared",
    task: { outputs: [output("/o/z", "DIRECTORY")] },
    found: uploaded("/o/z"),
    types: ["DIRECTORY"],
  },
  {
    title: "a wildcard stays as declared: its matches may be both",
    task: { outputs: [{ ...output("/o/*"), path_prefix: "/o" }] },
    found: uploaded("/o/a", "/o/b/c"),
    types: ["FILE"],
  },
  {
    title: "an input that storage holds as a folder",
    task: { inputs },
    found: { outputs: [], folders: ["/in/dir"] },
    types: ["DIRECTORY", "FILE"],
  },
];

test.each([...rows])("$title", ({ task, found, types }) => {
  const made = makeTask(task);
  const { inputs = [], outputs = [] } = withFoundTypes(made, found);
  expect([...inputs, ...outputs].map(({ type }) => type)).toEqual(types as ("FILE" | "DIRECTORY")[]);
  // Nothing but the types changed.
  const { inputs: _, outputs: __, ...rest } = withFoundTypes(made, found);
  const { inputs: ___, outputs: ____, ...before } = made;
  expect(rest).toEqual(before);
});
