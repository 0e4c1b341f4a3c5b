// Every argument, variable and name reaches the command byte for byte.
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { PlanExecutor } from "../../sidecar/contract/plan.ts";
import { stepFolderIn } from "../../sidecar/step/folder.ts";
import { readOutput } from "../../sidecar/supervisor/output.ts";
import { openStep } from "../../sidecar/supervisor/step.ts";
import { executor, layOutPod, makePlan, makeScratchPod, startGate } from "./scratch-pod.ts";

const everyAscii = Array.from({ length: 127 }, (_, index) => String.fromCharCode(index + 1)).join("");

const values: [title: string, value: string][] = [
  ["nothing", ""],
  ["a blank", " "],
  ["blanks around", "  a  b  "],
  ["a newline", "a\nb"],
  ["a newline at the end", "a\n"],
  ["only newlines", "\n\n"],
  ["a carriage return", "a\r\nb"],
  ["a tab", "a\tb"],
  ["single quotes", "it's ''quoted''"],
  ["one single quote", "'"],
  ["double quotes", 'say "no"'],
  ["backquotes", "`id`"],
  ["a command substitution", "$(id)"],
  ["a Kubernetes variable", "$(HOME)"],
  ["an escaped Kubernetes variable", "$$(HOME)"],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell that must not expand it
  ["a shell variable", "$HOME ${HOME}"],
  ["dollars", "$$ $"],
  ["a backslash", "\\"],
  ["backslashes", "a\\\\b\\n\\0"],
  ["a backslash before a quote", "\\'"],
  ["a backslash before a newline", "\\\n"],
  ["globs", "* ? [a-z] **"],
  ["braces", "{a,b} {1..3}"],
  ["a tilde", "~ ~root"],
  ["an exclamation mark", "!! !1"],
  ["a hash", "# no comment"],
  ["operators", "; & && | || > < >> << ( )"],
  ["a here document", "<<EOF\na\nEOF\n"],
  ["an option", "-x"],
  ["two dashes", "--"],
  ["an assignment", "A=1"],
  ["unicode", "äöü ß 日本語 🧬"],
  ["combining characters", "e\u0301"],
  ["a byte order mark", "\uFEFFa"],
  ["line separators", "a\u2028b\u0085c"],
  ["every ASCII character", everyAscii],
  ["the same twice over", everyAscii.repeat(2)],
  ["100,000 characters", "x'".repeat(50_000)],
];

const cat = "/bin/cat";
const printf = "/usr/bin/printf";

async function output(
  roots: ReturnType<typeof makeScratchPod>["roots"],
  step: PlanExecutor,
): Promise<string> {
  const plan = makePlan([step], { mounts: [{ path: "/data", folder: "dir-0", file: false }] });
  layOutPod(plan, roots);
  const supervisor = openStep(stepFolderIn(roots, 0));
  using gate = startGate(roots, 0);
  expect(await supervisor.greeted).toBe(true);
  const streams = await readOutput(step, 0, { step: stepFolderIn(roots, 0), plan, folder: roots.work });
  supervisor.tell("run");
  const code = await supervisor.ended;
  await streams.drained;
  for (const word of ["done", "leave"] as const) supervisor.tell(word);
  expect({ code, ...gate.log }).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await gate.exitCode).toBe(0);
  return readFileSync(join(roots.work, "dir-0/out"), "utf8");
}

const files = { stdout: "/data/out", stderr: "/data/err" };

test.each(values)("an argument holds %s", async (_, value) => {
  using pod = makeScratchPod();
  const step = executor([printf, "%s\\0", "first", value, "last"], files);
  expect(await output(pod.roots, step)).toBe(["first", value, "last", ""].join("\0"));
});

test.each(values)("a variable holds %s", async (_, value) => {
  using pod = makeScratchPod();
  const step = executor([cat, "/proc/self/environ"], { env: { TESPOD_VALUE: value }, ...files });
  expect((await output(pod.roots, step)).split("\0")).toContain(`TESPOD_VALUE=${value}`);
});

test.each([
  "PATH HOME TMPDIR IFS ENV PS1 PS4 CDPATH LANG LC_ALL TZ USER SHELL HOSTNAME EDITOR MAIL",
  "PWD OLDPWD _ RANDOM SECONDS TMOUT COLUMNS LINES HISTSIZE OPTIND OPTARG REPLY PIPESTATUS BASHPID PPID PGRP",
  "KSH_VERSION LINENO USER_ID KSHUID KSHGID KSHEGID EPOCHREALTIME EXECSHELL PATHSEP HISTFILE",
  "a.b a-b 1a ä spring.config:x",
  "my.var my-var -x -- -u % 😀 a\tb a/b $(x) 'quoted' BASH_FUNC_x%%",
  "step bin turn code child name signal interrupted status again",
])("variables are named %s", async (names) => {
  using pod = makeScratchPod();
  const env = Object.fromEntries(names.split(" ").map((name) => [name, `a value/ of '${name}':*`]));
  const step = executor([cat, "/proc/self/environ"], { env, ...files });
  const got = (await output(pod.roots, step)).split("\0");
  expect(got.filter((line) => line.includes("a value/ of")).sort()).toEqual(
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
  );
});

test("the environment of the image is kept", async () => {
  using pod = makeScratchPod();
  const step = executor([cat, "/proc/self/environ"], { env: { A: "1" }, ...files });
  process.env["TESPOD_OF_THE_IMAGE"] = "kept";
  expect((await output(pod.roots, step)).split("\0")).toContain("TESPOD_OF_THE_IMAGE=kept");
  delete process.env["TESPOD_OF_THE_IMAGE"];
});

test.each([
  ["blanks and quotes", "my 'tool' $(x) \\"],
  ["a dash", "-tool"],
  ["a newline", "a\ntool"],
])("the command's own name holds %s", async (_, name) => {
  using pod = makeScratchPod();
  const folder = join(pod.root, "a folder");
  mkdirSync(folder);
  symlinkSync(cat, join(folder, name));
  const env = { PATH: folder };
  const step = executor([name, "/proc/self/cmdline"], { env, ...files });
  expect(await output(pod.roots, step)).toBe(`${name}\0/proc/self/cmdline\0`);
});

test("a command by its path is told its path as it was given", async () => {
  using pod = makeScratchPod();
  const step = executor(["bin/../bin/cat", "/proc/self/cmdline"], { workdir: "/", ...files });
  expect(await output(pod.roots, step)).toBe("bin/../bin/cat\0/proc/self/cmdline\0");
});
