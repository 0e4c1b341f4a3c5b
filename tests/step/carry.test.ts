// Files of system directories, brought into an executor's root and back: by the real gate, in a root of its own.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { stepFolderIn } from "../../sidecar/step/folder.ts";
import { readOutput } from "../../sidecar/supervisor/output.ts";
import { openStep } from "../../sidecar/supervisor/step.ts";
import {
  busybox,
  executor,
  layOutPod,
  makePlan,
  makeScratchPod,
  type ScratchPod,
  shell,
  startGate,
} from "./scratch-pod.ts";

let pod: ScratchPod;
beforeEach(() => {
  pod = makeScratchPod();
  chmodSync(pod.root, 0o755);
});
afterEach(() => pod[Symbol.dispose]());

const applets = "cat chmod head ln mkdir mkfifo mv rm sed sh touch usleep".split(" ");

const carriedFile = (index = 0) => join(pod.roots.work, "carried", String(index));
const inImage = (path: string) => join(pod.root, "rootfs", path);

interface Settings {
  readonly carried?: string[];
  readonly user?: number;
  readonly readOnly?: boolean;
  readonly stdin?: string;
  readonly stdout?: string;
}

/** An image with busybox alone; what is written there stays, as nothing else is like a container's own root. */
function makeImage(): void {
  if (existsSync(inImage("bin"))) return;
  for (const folder of [".tes/bin", ".tes/step", ".tes/carried", "dev", "bin", "opt/app", "root"])
    mkdirSync(inImage(folder), { recursive: true });
  for (const file of ["bin/busybox", "dev/null"]) writeFileSync(inImage(file), "");
  for (const applet of applets) symlinkSync("busybox", inImage(`bin/${applet}`));
}

/** Runs one executor to its end. */
async function run(
  script: string,
  { carried = ["/opt/x"], user = 0, readOnly = false, ...paths }: Settings = {},
) {
  const plan = makePlan(
    [executor(["/bin/sh", "-c", script], { env: { PATH: "/bin" }, workdir: "/", ...paths })],
    { carried },
  );
  makeImage();
  layOutPod(plan, pod.roots);
  const bind = (from: string, to: string, option = "rw") =>
    `mount --bind '${from}' '${inImage(to)}' && mount -o remount,bind,${option} '${inImage(to)}'`;
  const root = inImage("");
  const enter = [
    `mount --bind '${root}' '${root}'`,
    bind(pod.roots.bin, ".tes/bin", "ro"),
    bind(stepFolderIn(pod.roots, 0), ".tes/step", "ro"),
    bind(join(pod.roots.work, "carried"), ".tes/carried"),
    bind("/dev/null", "dev/null"),
    bind(busybox, "bin/busybox", "ro"),
    ...(readOnly ? [`mount -o remount,bind,ro '${root}'`] : []),
    `exec chroot --userspec=${user}:${user} '${root}' /.tes/bin/sh /.tes/bin/gate /.tes/step`,
  ].join(" && ");
  const step = openStep(stepFolderIn(pod.roots, 0));
  using gate = startGate(pod.roots, 0, ["unshare", "--mount", "sh", "-c", enter]);
  expect(await step.greeted).toBe(true);
  const places = { step: stepFolderIn(pod.roots, 0), plan, folder: pod.roots.work };
  const [planned] = plan.executors;
  if (!planned) throw new Error("no executor");
  const output = await readOutput(planned, 0, places);
  step.tell("run");
  const code = await step.ended;
  await output.drained;
  step.tell("done");
  await step.over;
  await output.end();
  const unplaced = step.unplaced();
  step.tell("leave");
  await gate.exitCode;
  return { code, unplaced, ...step.carried(), ...output.excerpts() };
}

const kept = { code: 0, unplaced: [], state: "over", lost: [], stderr: "" } as const;
const stage = (text: string, index = 0) => {
  mkdirSync(join(pod.roots.work, "carried"), { recursive: true });
  writeFileSync(carriedFile(index), text, { mode: 0o755 });
};

test("what the command makes there is brought out, with its mode; what it does not make is missing", async () => {
  expect(await run("echo 1 >/opt/x; chmod 640 /opt/x", { carried: ["/opt/x", "/y"] })).toMatchObject(kept);
  expect(readFileSync(carriedFile(), "utf8")).toBe("1\n");
  expect(statSync(carriedFile()).mode & 0o7777).toBe(0o640);
  expect(existsSync(carriedFile(1))).toBe(false);
});

test("what is there is brought in, in place of what the image has, and what stays as it was is not copied again", async () => {
  stage("staged");
  makeImage();
  writeFileSync(inImage("opt/x"), "of the image");
  writeFileSync(inImage("opt/other"), "beside");
  const { ino } = statSync(carriedFile());
  expect(await run("cat /opt/x /opt/other")).toMatchObject({ ...kept, stdout: "stagedbeside" });
  expect(statSync(carriedFile()).ino).toBe(ino);
});

test.each([
  ["mv", "mv /opt/x /opt/z && echo new >/opt/y && mv /opt/y /opt/x", "new\n"],
  ["sed -i", "sed -i s/staged/edited/ /opt/x", "edited"],
  [
    "an edit of the same length that takes its time back",
    "touch -r /opt/x /opt/t; printf STAGED >/opt/x; touch -r /opt/t /opt/x",
    "STAGED",
  ],
  ["an append", "echo more >>/opt/x", "stagedmore\n"],
  ["rm and again", "rm /opt/x && echo again >/opt/x", "again\n"],
])("%s works on it", async (_, script, text) => {
  stage("staged");
  expect(await run(script)).toMatchObject(kept);
  expect(readFileSync(carriedFile(), "utf8")).toBe(text);
});

test("what the command removes is gone, and what it makes a folder or a link is one", async () => {
  for (const index of [0, 1, 2, 3]) stage("staged", index);
  const carried = ["/opt/gone", "/opt/folder", "/opt/link", "/opt/fifo"];
  const script =
    "rm /opt/[fgl]*; mkdir -p /opt/folder/in && echo f >/opt/folder/in/f; ln -s /etc/passwd /opt/link; mkfifo /opt/fifo";
  expect(await run(script, { carried })).toMatchObject(kept);
  expect(existsSync(carriedFile(0))).toBe(false);
  expect(readFileSync(join(carriedFile(1), "in/f"), "utf8")).toBe("f\n");
  expect(readlinkSync(carriedFile(2))).toBe("/etc/passwd");
  expect(lstatSync(carriedFile(3)).isFIFO()).toBe(true);
});

test("a user who may not write there is told of before the command, which sees the image's own, and nothing is lost", async () => {
  stage("staged");
  makeImage();
  writeFileSync(inImage("opt/x"), "of the image");
  expect(await run("cat /opt/x", { user: 12345 })).toMatchObject({
    ...kept,
    unplaced: [0],
    stdout: "of the image",
  });
  expect(readFileSync(carriedFile(), "utf8")).toBe("staged");
});

test("a root that is read-only is told of in the same way; stdin is read all the same", async () => {
  stage("staged");
  const got = await run("cat", { readOnly: true, stdin: "/opt/x" });
  expect(got).toMatchObject({ ...kept, unplaced: [0], stdout: "staged" });
});

test("of a stdout there the command sees what is written so far, and the file is the stream's", async () => {
  const script =
    "echo 1; while [ ! -s /opt/x ]; do usleep 1000; done; cat /opt/x >&2; echo 2 >>/opt/x; echo 3";
  expect(await run(script, { stdout: "/opt/x" })).toMatchObject({ ...kept, stdout: "1\n3\n", stderr: "1\n" });
  expect(readFileSync(carriedFile(), "utf8")).toBe("1\n2\n3\n");
});

test("stdin from the image's own file where nothing is carried", async () => {
  makeImage();
  writeFileSync(inImage("opt/x"), "of the image");
  expect(await run("cat", { stdin: "/opt/x" })).toMatchObject({ ...kept, stdout: "of the image" });
});

test("a folder of the image where a file is to be brought in is 125 in words", async () => {
  stage("staged");
  makeImage();
  mkdirSync(inImage("opt/x"));
  const { code, stderr } = await run("echo ran");
  expect(code).toBe(125);
  expect(stderr).toContain('Cannot bring in "/opt/x": ');
});

test("a name with blanks, quotes and a line end is one file", async () => {
  const path = "/opt/it's $(x)\n*";
  expect(await run(`cd /opt && echo odd >"it's \\$(x)\n*"`, { carried: [path] })).toMatchObject(kept);
  expect(readFileSync(carriedFile(), "utf8")).toBe("odd\n");
});

test("a volume that is too full is told in words, and of the file there is nothing", async () => {
  makeImage();
  const carried = join(pod.roots.work, "carried");
  mkdirSync(carried, { recursive: true });
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=100k", "tmpfs", carried])).toMatchObject({
    status: 0,
  });
  try {
    const got = await run("head -c 300000 /bin/busybox >/opt/x");
    expect(got).toMatchObject({
      code: 0,
      state: "over",
      lost: [{ index: 0, reason: "No space left on device" }],
    });
    expect(existsSync(carriedFile())).toBe(false);
  } finally {
    spawnSync("umount", ["-l", carried]);
  }
});

test("the script is one that the shell can parse", () => {
  const script = join(import.meta.dirname, "../../sidecar/step/carry.sh");
  const { status, stderr } = spawnSync(shell, ["-n", script], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
