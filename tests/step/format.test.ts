// Programs that the kernel cannot start for their format: refused in words, unless they are texts for the image's shell.
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stepFolderIn } from "../../sidecar/step/folder.ts";
import { readOutput } from "../../sidecar/supervisor/output.ts";
import { openStep } from "../../sidecar/supervisor/step.ts";
import { executor, layOutPod, makePlan, makeScratchPod, shell, startGate } from "./scratch-pod.ts";

/** A program of this machine that says it is for another one. */
function elf(machine: number, littleEndian = true): Buffer {
  const bytes = readFileSync(shell).subarray(0, 4096);
  if (!littleEndian) bytes[5] = 2;
  if (littleEndian) bytes.writeUInt16LE(machine, 18);
  else bytes.writeUInt16BE(machine, 18);
  return bytes;
}

const here = process.arch === "arm64" ? 183 : 62;
const [name, other, otherName] = here === 62 ? ["amd64", 183, "arm64"] : ["arm64", 62, "amd64"];
const foreign = elf(other);
const interpreter = "the interpreter that its first line names is no program of this architecture";

interface Row {
  title: string;
  content: string | Uint8Array;
  mode?: number;
  code: number;
  stdout?: string;
  stderr?: string;
}

const rows: Row[] = [
  {
    title: "a program of another architecture",
    content: foreign,
    code: 126,
    stderr: `it is a program for another architecture (${otherName}; this is ${name})`,
  },
  {
    title: "one of a machine with the other byte order",
    content: elf(22, false),
    code: 126,
    stderr: "(s390x;",
  },
  { title: "one of a machine without a name", content: elf(9999), code: 126, stderr: "(number 9999;" },
  {
    title: "a damaged one of this architecture",
    content: Buffer.concat([elf(here).subarray(0, 60), Buffer.alloc(10)]),
    code: 126,
    stderr: `of its own architecture (${name})`,
  },
  {
    title: "a program of another system",
    content: Buffer.from("MZ\x90\0\x03\0\0\0\n", "latin1"),
    code: 126,
    stderr: "it is neither a program of this architecture nor a text",
  },
  {
    title: "a text for an interpreter of another architecture",
    content: "#!./foreign\n",
    code: 126,
    stderr: interpreter,
  },
  {
    title: "a text without an interpreter",
    content: 'echo "$0" "$#" "$1" "$2" "$A"\nexit 3\n',
    code: 3,
    stdout: "./tool 2 a b  c value\n",
  },
  { title: "a text that holds NUL later on", content: "echo ok\nexit 4\n\0\0", code: 4, stdout: "ok\n" },
  { title: "a text of one short word", content: "id", code: 0, stdout: "uid=0" },
  { title: "an empty file", content: "", code: 0, stdout: "" },
];

const inWorkdir = (root: string) => join(root, "tools");

async function runTool({ content, mode = 0o755 }: Row, env: Record<string, string>) {
  using pod = makeScratchPod();
  const workdir = inWorkdir(pod.root);
  mkdirSync(workdir);
  writeFileSync(join(workdir, "tool"), content, { mode });
  writeFileSync(join(workdir, "foreign"), foreign, { mode: 0o755 });
  const step = executor(["./tool", "a", "b  c"], { workdir, env });
  const plan = makePlan([step]);
  layOutPod(plan, pod.roots);
  const supervisor = openStep(stepFolderIn(pod.roots, 0));
  using gate = startGate(pod.roots, 0);
  expect(await supervisor.greeted).toBe(true);
  const places = { step: stepFolderIn(pod.roots, 0), plan, folder: pod.roots.work };
  const output = await readOutput(step, 0, places);
  supervisor.tell("run");
  const code = await supervisor.ended;
  await output.drained;
  for (const word of ["done", "leave"] as const) supervisor.tell(word);
  await gate.exitCode;
  return { code, ...output.excerpts() };
}

test.each(rows)("$title: $code", async (row) => {
  const { code, stdout, stderr } = await runTool(row, { A: "value" });
  expect({ code, stderr }).toEqual({ code: row.code, stderr: expect.stringContaining(row.stderr ?? "") });
  expect(stdout).toStartWith(row.stdout ?? "");
  if (row.code === 126) expect(stderr).toStartWith("./tool: cannot be executed on this machine: ");
  else expect(stderr).toBe("");
});

/** What can be told without trying: env gives the rest to the image's shell. */
const toldBefore = rows.filter(({ stderr }) => /another|s390x|9999|neither/.test(stderr ?? ""));

test.each(toldBefore)("$title: $code, also with a variable whose name no shell can hold", async (row) => {
  const { code, stderr } = await runTool(row, { "odd.name": "1" });
  expect({ code, stderr }).toEqual({ code: row.code, stderr: expect.stringContaining(row.stderr ?? "") });
});

test("a variable whose name no shell can hold changes nothing for a program of this machine, nor for a text", async () => {
  const text = { title: "", content: 'echo "$A"\n', code: 0 };
  expect(await runTool(text, { A: "1", "odd.name": "1" })).toEqual({ code: 0, stdout: "1\n", stderr: "" });
  const program = { title: "", content: readFileSync("/bin/true"), code: 0 };
  expect(await runTool(program, { "odd.name": "1" })).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("EXECSHELL is no variable of the command's, unless the task says so", async () => {
  const text = { title: "", content: 'echo "[$EXECSHELL]"\n', code: 0 };
  expect(await runTool(text, {})).toMatchObject({ stdout: "[]\n" });
  expect(await runTool(text, { EXECSHELL: "/mine" })).toMatchObject({ stdout: "[/mine]\n" });
});

test("the script is one that the shell can parse", () => {
  const script = join(import.meta.dirname, "../../sidecar/step/no-format.sh");
  const { status, stderr } = spawnSync(shell, ["-n", script], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
