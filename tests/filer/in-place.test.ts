// In place: what stage-in checks, makes and says of inputs that executors see in the shared claim itself, and what the filer
// reads through such mounts. No kubelet here: what mounts do is for the tests on the cluster.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import type { PlanInPlace, TaskPlan } from "../../sidecar/contract/plan.ts";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { type Staged, stageInputs, uploadOutputs } from "../../sidecar/filer/filer.ts";
import { openInside } from "../../sidecar/filer/inside.ts";
import { mustBeNoneMade } from "../../sidecar/filer/seen-in-place.ts";
import { reasonOf } from "../../sidecar/reason.ts";
import {
  executor,
  layOutPod,
  makePlan,
  makeScratchPod,
  type ScratchPod,
  withParts,
} from "../step/scratch-pod.ts";
import { runPod, startContainers, startSidecar } from "../supervisor/pod.ts";
import type { WrittenPlan } from "../support/written-plan.ts";
import { noS3 } from "./no-s3.ts";

// Some start the sidecar program itself, which takes its time on a busy machine.
setDefaultTimeout(60_000);

const root = normalizePath("/mnt/share");
const shared = { root, bases: [root] };

let pod: ScratchPod;
/** A file of the claim, and one of the work volume's only folder, which executors see as /w. */
const at = (path: string) => join(pod.roots.files, path);
const work = (path: string) => join(pod.roots.work, "dir-0", path);

beforeEach(() => {
  pod = makeScratchPod();
  for (const folder of ["data/sub", "data/empty", "out"]) mkdirSync(at(folder), { recursive: true });
  writeFileSync(at("data/one"), "one");
  writeFileSync(at("data/sub/two"), "two!");
});
afterEach(() => pod[Symbol.dispose]());

const input = (
  path: string,
  url: string,
  type: WrittenPlan["inputs"][number]["type"] = "FILE",
): WrittenPlan["inputs"][number] => ({
  path,
  url,
  type,
});

/** A plan with all its inputs in place, where their URLs say. */
const planOf = (
  inputs: readonly WrittenPlan["inputs"][number][],
  more: Partial<WrittenPlan> = {},
): TaskPlan =>
  makePlan([executor(["true"])], {
    inputs: [...inputs],
    inPlace: inputs.map(({ path, url = "" }, index) => {
      return { input: index, path, subPath: url.slice("/mnt/share/".length) };
    }),
    mounts: [{ path: "/w", folder: "dir-0", file: false }],
    files: shared,
    ...more,
  });

function contextOf(plan: TaskPlan) {
  const events: ReportEvent[] = [];
  const storage = { s3: noS3, files: { ...shared, local: pod.roots.files }, retry: { attempts: 1 } };
  const signal = AbortSignal.timeout(60_000);
  const report = (event: ReportEvent): void => void events.push(event);
  return { plan, roots: pod.roots, storage, signal, report, events };
}

async function stage(plan: TaskPlan): Promise<Staged & { events: ReportEvent[] }> {
  // Its FIFOs are made once for each pod.
  rmSync(pod.roots.steps, { recursive: true, force: true });
  layOutPod(plan, pod.roots);
  const context = contextOf(plan);
  const before = process.umask(0);
  try {
    return { ...(await stageInputs(context)), events: context.events };
  } catch (error) {
    throw Object.assign(new Error(reasonOf(error)), { events: context.events });
  } finally {
    process.umask(before);
  }
}

const failureOf = (plan: TaskPlan): Promise<{ message: string; events: ReportEvent[] }> =>
  stage(plan).then(
    () => Promise.reject(new Error("It was staged")),
    (error: Error & { events: ReportEvent[] }) => error,
  );

/** Every name of the claim: nothing may ever be made there. */
const claimNames = (): string => execFileSync("find", [pod.roots.files], { encoding: "utf8" });

describe("stage-in", () => {
  test("counts what is mounted and copies none of it, but makes what it is mounted on", async () => {
    const before = claimNames();
    const staged = await stage(
      planOf([
        input("/w/deep/er/x", "/mnt/share/data/one"),
        input("/w/d", "/mnt/share/data", "DIRECTORY"),
        input("/elsewhere", "/mnt/share/data/empty", "DIRECTORY"),
        input("/w/named-as-file", "/mnt/share/data/sub"),
      ]),
    );
    expect(staged).toMatchObject({
      files: 0,
      bytes: 0,
      inPlace: { files: 4, bytes: 14 },
      folders: ["/w/named-as-file"],
    });
    expect(readdirSync(pod.roots.work)).toEqual(["dir-0"]);
    expect(readdirSync(work(""), { recursive: true }).sort()).toEqual([
      "d",
      "deep",
      "deep/er",
      "deep/er/x",
      "named-as-file",
    ]);
    expect(statSync(work("deep/er/x")).size).toBe(0);
    expect(statSync(work("deep/er")).mode & 0o777).toBe(0o777);
    expect(claimNames()).toEqual(before);
  });

  test("copies the others beside them", async () => {
    const inputs = [input("/w/x", "/mnt/share/data/one"), input("/w/y", "/mnt/share/data/sub/two")];
    const plan = planOf(inputs);
    const staged = await stage({ ...plan, inPlace: plan.inPlace?.slice(0, 1) });
    expect(staged).toMatchObject({ files: 1, bytes: 4, inPlace: { files: 1, bytes: 3 } });
    expect(readFileSync(work("y"), "utf8")).toBe("two!");
  });

  test("does not count them as what has to fit", async () => {
    const staged = await stage(planOf([input("/w/x", "/mnt/share/data/one")], { workBytesMax: 1 }));
    expect(staged.inPlace).toEqual({ files: 1, bytes: 3 });
  });

  test.each([
    { title: "a file that is missing", url: "data/none", words: 'there is no "/mnt/share/data/none"' },
    { title: "a file in a file", url: "data/one/x", words: 'there is no "/mnt/share/data/one/x"' },
    {
      title: "a folder that is missing",
      url: "none",
      type: "DIRECTORY",
      words: 'there is no "/mnt/share/none"',
    },
    { title: "a file as a folder", url: "data/one", type: "DIRECTORY", words: "there is nothing below it" },
    { title: "a FIFO", url: "data/fifo", words: "is neither a file nor a folder" },
    { title: "a link out of the claim", url: "data/away", words: "it leads out of the folders" },
    { title: "a file below a link out of the claim", url: "data/up/x", words: "it leads out of the folders" },
  ] as const)("fails in words of $title, and makes nothing in the claim", async ({ url, words, ...row }) => {
    execFileSync("mkfifo", [at("data/fifo")]);
    symlinkSync("/proc/self/environ", at("data/away"));
    symlinkSync("../..", at("data/up"));
    const before = claimNames();
    const type = "type" in row ? row.type : "FILE";
    const { message, events } = await failureOf(planOf([input("/w/x", `/mnt/share/${url}`, type)]));
    expect(message).toStartWith(`Cannot stage "/mnt/share/${url}" as "/w/x": `);
    expect(message).toContain(words);
    expect(events).toEqual([]);
    expect(claimNames()).toEqual(before);
  });
});

describe("another pod is asked for", () => {
  const redirected = ({ events }: { events: ReportEvent[] }) =>
    events.flatMap((event) => (event.type === "redirected" ? event.inputs : []));

  test("with the place that a link leads to, as the kubelet would follow it elsewhere or nowhere", async () => {
    symlinkSync("/mnt/share/data/sub", at("data/absolute"));
    symlinkSync("sub/two", at("data/relative"));
    const plan = planOf([
      input("/w/x", "/mnt/share/data/absolute", "DIRECTORY"),
      input("/w/y", "/mnt/share/data/one"),
      input("/w/z", "/mnt/share/data/relative"),
    ]);
    const failure = await failureOf(plan);
    expect(redirected(failure)).toEqual([
      { input: 0, path: "/mnt/share/data/sub" },
      { input: 2, path: "/mnt/share/data/sub/two" },
    ]);
    expect(failure.message).toContain(
      '"/mnt/share/data/relative": a link leads to it, so "/mnt/share/data/sub/two" is mounted',
    );
    const again = plan.inPlace?.map((planned): PlanInPlace => {
      const found = redirected(failure).find(({ input }) => input === planned.input)?.path;
      return found === undefined
        ? planned
        : { ...planned, subPath: found.slice("/mnt/share/".length), settled: true };
    });
    expect(await stage({ ...plan, inPlace: again })).toMatchObject({ inPlace: { files: 3, bytes: 11 } });
  });

  test("with a copy, if the link leads elsewhere by then", async () => {
    symlinkSync("sub/two", at("data/moves"));
    const plan = planOf([input("/w/x", "/mnt/share/data/moves")]);
    const inPlace = [{ input: 0, path: "/w/x", subPath: "data/one", settled: true as const }];
    expect(redirected(await failureOf(withParts(plan, { inPlace })))).toEqual([{ input: 0 }]);
  });

  test.each<{ title: string; make: () => void; url?: string; words: string }>([
    {
      title: "what not everybody may read",
      make: () => chmodSync(at("data/one"), 0o640),
      url: "data/one",
      words: "not everybody may read it",
    },
    {
      title: "a folder with such a file",
      make: () => chmodSync(at("data/sub/two"), 0o600),
      words: 'not everybody may read "sub/two" in it',
    },
    {
      title: "a folder with a folder that not everybody may enter",
      make: () => chmodSync(at("data/empty"), 0o754),
      words: 'not everybody may read "empty" in it',
    },
    {
      title: "a folder with a link that leads out of it",
      make: () => symlinkSync("../out", at("data/link")),
      words: '"link" in it is a link that leads out of it, or to nothing',
    },
    {
      title: "a folder with a link as users of the claim see it, and executors do not",
      make: () => symlinkSync("/mnt/share/data/one", at("data/link")),
      words: '"link" in it is a link that leads out of it, or to nothing',
    },
    {
      title: "a folder with a FIFO",
      make: () => void execFileSync("mkfifo", [at("data/sub/fifo")]),
      words: '"sub/fifo" in it is neither a file nor a folder',
    },
    {
      title: "what a link leads to, if that cannot be mounted either",
      make: () => {
        symlinkSync("one", at("data/link"));
        chmodSync(at("data/one"), 0o600);
      },
      url: "data/link",
      words: "not everybody may read it",
    },
  ])("with a copy of $title", async ({ make, url = "data", words }) => {
    make();
    const type = url === "data" ? "DIRECTORY" : "FILE";
    const failure = await failureOf(planOf([input("/w/x", `/mnt/share/${url}`, type)]));
    expect(redirected(failure)).toEqual([{ input: 0 }]);
    expect(failure.message).toContain(`${words}, so it is copied`);
  });

  test("not for links that stay in the folder", async () => {
    symlinkSync("sub/two", at("data/link"));
    symlinkSync("../one", at("data/sub/up"));
    const staged = await stage(planOf([input("/w/x", "/mnt/share/data", "DIRECTORY")]));
    expect(staged.inPlace).toEqual({ files: 2, bytes: 7 });
  });

  test("not if another input fails: that is what the task fails of", async () => {
    symlinkSync("sub", at("data/link"));
    const inputs = [input("/w/x", "/mnt/share/data/link"), input("/w/y", "/mnt/share/none")];
    const { message, events } = await failureOf(planOf(inputs));
    expect(message).toStartWith('Cannot stage "/mnt/share/none" as "/w/y"');
    expect(events).toEqual([]);
  });

  test("by the program's last word", async () => {
    symlinkSync("sub/two", at("data/link"));
    const end = await runPod(pod, { plan: planOf([input("/w/x", "/mnt/share/data/link")]) });
    expect(end.stageIn).toMatchObject({
      exitCode: 1,
      events: [{ type: "redirected" }, { type: "finished", outcome: "replan" }],
    });
    expect(end.termination).toEqual({ outcome: "replan", lastSequence: 2, released: 0 });
  });
});

describe("what the kubelet makes of an input that went away meanwhile", () => {
  const inputs = [
    input("/w/x", "/mnt/share/data/sub/two"),
    input("/w/y", "/mnt/share/data/empty", "DIRECTORY"),
  ];

  async function after(change: () => void): Promise<string | undefined> {
    const plan = planOf(inputs);
    await stage(plan);
    change();
    return await mustBeNoneMade(plan, pod.roots).then(() => undefined, reasonOf);
  }

  test("is removed, with the folders above it that it made, and the task fails in words", async () => {
    const words = await after(() => {
      rmSync(at("data/sub"), { recursive: true });
      mkdirSync(at("data/sub/two"), { recursive: true });
    });
    expect(words).toBe(
      'Cannot mount "/mnt/share/data/sub/two" as "/w/x": it went away before it was mounted',
    );
    expect(existsSync(at("data/sub"))).toBe(false);
    expect(existsSync(at("data/one"))).toBe(true);
  });

  test("fails the pod before its executor runs", async () => {
    const plan = planOf(inputs.slice(0, 1), {
      executors: [executor(["/bin/sh", "-c", `echo ran >${at("ran")}`])],
    });
    using stageIn = startSidecar("stage-in", pod, { plan });
    expect(await stageIn.exitCode).toBe(0);
    rmSync(at("data/sub/two"));
    mkdirSync(at("data/sub/two"));
    using containers = await startContainers(pod, { plan });
    await containers.supervisor.exitCode;
    const message = 'Cannot mount "/mnt/share/data/sub/two" as "/w/x": it went away before it was mounted';
    expect(containers.supervisor.events()).toMatchObject([
      { type: "finished", outcome: "system-error", message },
    ]);
    expect(existsSync(at("ran"))).toBe(false);
    expect(readdirSync(at("data/sub"))).toEqual([]);
  });

  test.each<{ title: string; change: () => void; left: string }>([
    { title: "nothing changed", change: () => undefined, left: "data/sub/two" },
    {
      title: "it is gone, as it may be once it is mounted",
      change: () => rmSync(at("data/empty"), { recursive: true }),
      left: "data/sub",
    },
    {
      title: "another file took its place",
      change: () => {
        writeFileSync(at("data/new"), "new");
        renameSync(at("data/new"), at("data/sub/two"));
      },
      left: "data/sub/two",
    },
    {
      title: "a folder that holds something took its place",
      change: () => {
        renameSync(at("data/empty"), at("data/old"));
        mkdirSync(at("data/empty"));
        writeFileSync(at("data/empty/x"), "x");
      },
      left: "data/empty/x",
    },
  ])("is not what it is if $title", async ({ change, left }) => {
    expect(await after(change)).toBeUndefined();
    expect(existsSync(at(left))).toBe(true);
  });
});

describe("uploads", () => {
  const output = (path: string, name: string): WrittenPlan["outputs"][number] => ({
    path,
    type: "FILE",
    url: `/mnt/share/out/${name}`,
  });

  async function upload(plan: TaskPlan): Promise<string[]> {
    const context = contextOf(plan);
    await uploadOutputs(context).catch((error: unknown) => {
      throw new Error(reasonOf(error));
    });
    return context.events.flatMap((event) => (event.type === "note" ? [event.message] : []));
  }

  test("take what a link of a tool leads to in such a mount, and not what lies under it", async () => {
    const inputs = [input("/w/x", "/mnt/share/data/one"), input("/w/d", "/mnt/share/data", "DIRECTORY")];
    const plan = planOf(inputs, {
      outputs: [output("/w/to-file", "file"), output("/w/to-folder", "folder"), output("/w/to-all", "all")],
    });
    await stage(plan);
    symlinkSync("x", work("to-file"));
    symlinkSync("/w/d/sub", work("to-folder"));
    mkdirSync(work("to-all"));
    symlinkSync("/w", work("to-all/w"));
    expect(await upload(plan)).toEqual([
      '"/w/to-all/w/to-all" is not uploaded: it is a link to a folder that holds it',
    ]);
    expect(readFileSync(at("out/file"), "utf8")).toBe("one");
    expect(readFileSync(at("out/folder/two"), "utf8")).toBe("two!");
    expect(readFileSync(at("out/all/w/x"), "utf8")).toBe("one");
    expect(readFileSync(at("out/all/w/d/one"), "utf8")).toBe("one");
  });

  test("follow no link out of the claim", async () => {
    const plan = planOf([input("/w/d", "/mnt/share/data", "DIRECTORY")], { outputs: [output("/w/o", "o")] });
    await stage(plan);
    symlinkSync("/proc/self/environ", at("data/away"));
    symlinkSync("/w/d", work("o"));
    expect(await upload(plan)).toEqual([`"/w/o/away" is not uploaded: it leads outside the task's files`]);
    expect(readdirSync(at("out/o")).sort()).toEqual(["empty", "one", "sub"]);
  });

  test("read no file that is reached by a link by the time it is opened", async () => {
    const mount = { path: normalizePath("/w/d"), folder: "data", file: false, volume: pod.roots.files };
    const found = { path: normalizePath("/w/d/sub/two"), local: at("data/sub/two"), mount };
    await using open = await openInside(found);
    expect((await open.stat()).size).toBe(4);
    renameSync(at("data/sub"), at("data/moved"));
    symlinkSync("moved", at("data/sub"));
    await expect(openInside(found)).rejects.toThrow("it was moved while it was opened");
  });
});
