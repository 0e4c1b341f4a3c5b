// Outputs of which nothing can be uploaded: each reason is a line of system_logs, and a failure where outputs are strict.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { uploadOutputs } from "../../sidecar/filer/filer.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import { withParts } from "../step/scratch-pod.ts";
import { type FileServer, startFileServer } from "./file-server.ts";
import { noS3 } from "./no-s3.ts";
import { makeTaskFolder } from "./task-folder.ts";

let web: FileServer;
let scratch: string;
beforeAll(() => {
  web = startFileServer();
  scratch = mkdtempSync(join(tmpdir(), "tespod-absent-"));
});
afterAll(() => {
  web.stop();
  rmSync(scratch, { recursive: true });
});

let count = 0;

/** What is said of one output of a task that left this in /data, beside a good one. */
async function upload(
  path: string,
  make: (folder: string) => void,
  strictOutputs: boolean,
): Promise<{ reason: string; notes: string[]; good: string }> {
  count += 1;
  const { folder, context } = makeTaskFolder(scratch, `task-${count}`, { s3: noS3 });
  make(folder);
  writeFileSync(join(folder, "good"), "good");
  const url = `${web.url}/${count}`;
  const outputs = [
    { path, type: "FILE" as const, url: `${url}/odd`, pathPrefix: "/data" },
    { path: "/data/good", type: "FILE" as const, url: `${url}/good` },
  ];
  const notes: string[] = [];
  const uploading = uploadOutputs({
    ...context,
    plan: withParts(context.plan, { outputs, ...(strictOutputs ? { strictOutputs } : {}) }),
    report: (event) => void (event.type === "note" && notes.push(event.message)),
  });
  const reason = await uploading.then(() => "done", reasonOf);
  return { reason, notes, good: await (await fetch(`${url}/good`)).text() };
}

const link = (target: string) => (folder: string) => symlinkSync(target, join(folder, "odd"));
const fifo = (folder: string) => void spawnSync("mkfifo", [join(folder, "odd")]);
const outside = "it leads outside the task's files";

describe.each([
  { title: "nothing at all", make: () => undefined, note: 'Output "/data/odd" does not exist' },
  {
    title: "a link to nothing",
    make: link("none"),
    note: '"/data/odd" is not uploaded: it is a link to nothing',
  },
  {
    title: "a link out of the mounts",
    make: link("/etc/passwd"),
    note: `"/data/odd" is not uploaded: ${outside}`,
  },
  { title: "a loop of links", make: link("odd"), note: '"/data/odd" is not uploaded: it is a loop of links' },
  {
    title: "a fifo",
    make: fifo,
    note: '"/data/odd" is not uploaded: it is neither a file nor a folder',
  },
  {
    title: "a link to a fifo",
    make: (folder: string) => {
      fifo(folder);
      symlinkSync("odd", join(folder, "link"));
    },
    path: "/data/link",
    note: '"/data/link" is not uploaded: it is neither a file nor a folder',
  },
  {
    title: "a wildcard that matches nothing",
    make: () => undefined,
    path: "/data/x*/?",
    note: 'Output "/data/x*/?" matches no file',
  },
  {
    title: "a wildcard that matches a fifo only",
    make: fifo,
    path: "/data/o*",
    note: '"/data/odd" is not uploaded: it is neither a file nor a folder',
  },
  {
    title: "a wildcard that matches a link to nothing only",
    make: link("none"),
    path: "/data/o*",
    note: '"/data/odd" is not uploaded: it is a link to nothing',
  },
  {
    title: "a wildcard below a link out of the mounts",
    make: link("/etc"),
    path: "/data/odd/p*",
    note: `"/data/odd" is not uploaded: ${outside}`,
  },
  {
    title: "a folder that holds nothing else than a link out of the mounts",
    make: (folder: string) => {
      mkdirSync(join(folder, "d"));
      symlinkSync("/etc/passwd", join(folder, "d/odd"));
    },
    path: "/data/d",
    note: `"/data/d/odd" is not uploaded: ${outside}`,
  },
])("$title", ({ make, path = "/data/odd", note }) => {
  test("is a line of system_logs", async () => {
    expect(await upload(path, make, false)).toEqual({ reason: "done", notes: [note], good: "good" });
  });

  test("fails the task where outputs are strict, in the same words, after all else is uploaded", async () => {
    const words = note.startsWith("Output") ? note : `Output ${note}`;
    expect(await upload(path, make, true)).toEqual({ reason: words, notes: [note], good: "good" });
  });
});

test("what is left out of an output that is there is a line of system_logs, also where outputs are strict", async () => {
  const make = (folder: string) => {
    mkdirSync(join(folder, "d"));
    writeFileSync(join(folder, "d/file"), "x");
    symlinkSync("/etc/passwd", join(folder, "d/odd"));
  };
  const notes = [`"/data/d/odd" is not uploaded: ${outside}`];
  expect(await upload("/data/d", make, true)).toEqual({ reason: "done", notes, good: "good" });
  expect(await upload("/data/d/*", make, true)).toEqual({ reason: "done", notes, good: "good" });
});
