// planLayout of tasks with more directories than a container can have mounts: what holds them is mounted, or they are refused.

import { describe, expect, test } from "bun:test";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { buildPod } from "../../src/pod/build.ts";
import { planLayout } from "../../src/pod/mounts.ts";
import { buildPlan, checkPlan } from "../../src/pod/plan.ts";
import type { Task } from "../../src/tes/task.ts";
import { makeRecord, makeSettings, makeTask } from "../support/make.ts";

const file = (path: string, type: "FILE" | "DIRECTORY" = "FILE") => ({ path, type, url: "s3://b/k" });

describe("more directories than a container can have mounts", () => {
  const many = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => make(index));
  const inputs = (count: number, path: (index: number) => string) =>
    many(count, path).map((each) => file(each));
  const executors = (count: number) => many(count, () => ({ image: "i", command: ["c"] }));
  const pathsOf = (task: Partial<Task>): string[] =>
    planLayout(makeTask(task)).mounts.map(({ path }) => path);

  test.each<{ title: string; task: Partial<Task>; paths: string[] }>([
    {
      title: "inputs of one directory each",
      task: { inputs: inputs(1000, (index) => `/data/${index}/f`), outputs: [file("/out/f")] },
      paths: ["/data", "/out"],
    },
    {
      title: "so many executors that each can have few",
      task: { inputs: inputs(17, (index) => `/data/${index}/f`), executors: executors(64) },
      paths: ["/data"],
    },
    {
      title: "inputs of Cromwell",
      task: {
        inputs: inputs(1000, (index) => `/cromwell-executions/wf/1b2c/call-a/inputs/${index}/in.bam`),
        outputs: [file("/cromwell-executions/wf/1b2c/call-a/execution/rc")],
        executors: [{ image: "i", command: ["c"], workdir: "/cromwell-executions/wf/1b2c/call-a/execution" }],
      },
      paths: ["/cromwell-executions/wf/1b2c/call-a/execution", "/cromwell-executions/wf/1b2c/call-a/inputs"],
    },
    {
      title: "inputs of cwl-tes",
      task: { inputs: inputs(200, (index) => `/var/lib/cwl/stg${index}/in`) },
      paths: ["/var/lib/cwl"],
    },
    {
      title: "in a directory of a user, below which the task has one of its own",
      task: { inputs: inputs(100, (index) => `/home/jovyan/in/${index}/f`), volumes: ["/home/jovyan/out"] },
      paths: ["/home/jovyan/in", "/home/jovyan/out"],
    },
    { title: "in /tmp", task: { inputs: inputs(100, (index) => `/tmp/${index}/f`) }, paths: ["/tmp"] },
  ])("$title: what holds them is mounted", ({ task, paths }) => {
    expect(pathsOf(task)).toEqual(paths);
  });

  const systemDirectories = [
    "",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/var",
    "/var/lib",
  ];
  const imageDirectories = [
    "/app",
    "/home/jovyan",
    "/opt/conda",
    "/run/lock",
    "/srv/shiny-server",
    "/var/lib/dpkg",
    "/var/www",
    "/var/www/html",
    "/workspace",
  ];
  const rightIn = (folder: string): Task => ({
    inputs: inputs(1000, (index) => `${folder}/a${index}/f`),
    executors: executors(64),
  });

  test.each([...systemDirectories, ...imageDirectories])(
    "right in %p they are refused, with their number, the bound and the way out",
    (folder) => {
      const refusal =
        "lie in 1000 directories .* each of 64 executors can have 16 .* name a directory that holds them in volumes";
      expect(() => planLayout(rightIn(folder))).toThrow(new RegExp(refusal));
    },
  );

  test.each(imageDirectories)(
    "right in %p they are mounted by it where the task names it as a volume",
    (folder) => {
      expect(pathsOf({ ...rightIn(folder), volumes: [folder] })).toEqual([folder]);
    },
  );

  test("what holds a program that the image must have is not mounted, what holds one of the task's own is", () => {
    const task = (program: string) => ({
      inputs: inputs(100, (index) => `/tool/${index}/f`),
      executors: [{ image: "i", command: [program] }],
    });
    expect(() => pathsOf(task("/tool/bin/run"))).toThrow("lie in 100 directories");
    expect(pathsOf(task("/tool/7/f"))).toEqual(["/tool"]);
    expect(pathsOf(task("/tools/run"))).toEqual(["/tool"]);
    expect(pathsOf(task("run"))).toEqual(["/tool"]);
  });

  test("the directories of outputs, volumes, redirects and workdirs are there, those of inputs come with them", () => {
    const { folders } = planLayout(
      makeTask({
        inputs: inputs(100, (index) => `/d/in${index}/f`),
        outputs: [file("/d/file/a"), file("/d/folder", "DIRECTORY"), file("/d/wild/x*")],
        volumes: ["/d/volume"],
        executors: [
          {
            image: "i",
            command: ["c"],
            stdin: "/d/stdin/a",
            stdout: "/d/stdout/a",
            stderr: "/d/stderr/a",
            workdir: "/d/workdir",
          },
        ],
      }),
    );
    expect<string[]>(folders.sort()).toEqual(
      ["file", "folder", "stderr", "stdin", "stdout", "volume", "wild", "workdir"].map(
        (name) => `/d/${name}`,
      ),
    );
  });

  test("no container has more mounts than it may, whatever is ours and in place", () => {
    const share = normalizePath("/mnt/share");
    const settings = makeSettings({
      files: { claim: "share", root: share, bases: [share], inPlace: true },
      webIdentity: { audience: "a", expirationSeconds: 3600 },
    });
    const shared = many(200, (index) => ({ ...file(`/p/${index}`), url: `/mnt/share/${index}` }));
    // Directories right in the root cannot be merged.
    for (const [count, own, inPlace] of [
      [1, 1, 32],
      [1, 40, 15],
      [1, 47, 8],
      [10, 40, 12],
      [64, 15, 2],
    ] as const) {
      const task = makeTask({
        inputs: [...shared, ...inputs(1000, (index) => `/d${index % own}/${index}/f`)],
        executors: executors(count),
      });
      const plan = buildPlan(makeRecord({ task }), settings);
      expect({ count, inPlace: plan.inPlace?.length }).toEqual({ count, inPlace });
      const { spec } = buildPod(makeRecord({ task }), settings).pod;
      const mounts = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(
        ({ volumeMounts = [] }) => volumeMounts.length,
      );
      expect(Math.max(...mounts)).toBeLessThanOrEqual(64);
    }
  });

  test("what is in place leaves few enough of the others", () => {
    const root = normalizePath("/mnt/share");
    const files = { claim: "share", root, bases: [root], inPlace: true };
    const shared = many(32, (index) => ({
      ...file(`/data/d${index}`, "DIRECTORY"),
      url: `/mnt/share/${index}`,
    }));
    const task = makeTask({ inputs: [...shared, ...inputs(40, (index) => `/data/${index}/f`)] });
    const { mounts, inPlace } = buildPlan(makeRecord({ task }), makeSettings({ files }));
    expect(mounts.map(({ path }): string => path)).toEqual(["/data"]);
    expect(inPlace).toHaveLength(32);
  });

  test("its user is told which directories are mounted as a whole", async () => {
    const notes = (task: Partial<Task>) => checkPlan(makeRecord({ task: makeTask(task) }), makeSettings());
    expect(await notes({ inputs: inputs(48, (index) => `/data/${index}/f`) })).toEqual([]);
    const [note, ...more] = await notes({
      inputs: [...inputs(49, (index) => `/data/x/${index}/f`), file("/in/f")],
    });
    expect(note).toEndWith('hide what images have there: "/data/x"');
    expect(more).toEqual([]);
  });
});
