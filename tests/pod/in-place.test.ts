// planInPlace: which inputs executors see in the shared claim itself, and what is mounted where then.

import { describe, expect, test } from "bun:test";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { buildPod } from "../../src/pod/build.ts";
import { planInPlace } from "../../src/pod/in-place.ts";
import { planLayout } from "../../src/pod/mounts.ts";
import { buildPlan } from "../../src/pod/plan.ts";
import type { PodSettings } from "../../src/pod/settings.ts";
import type { Redirected } from "../../src/tes/record.ts";
import type { Input, Task } from "../../src/tes/task.ts";
import { makeRecord, makeSettings, makeTask } from "../support/make.ts";
import type { WrittenPlan } from "../support/written-plan.ts";

const root = normalizePath("/mnt/share");
const files = { claim: "share", root, bases: [root], inPlace: true };
const input = (path: string, more: Partial<Input> = {}): Input => ({
  path,
  type: "FILE",
  url: "/mnt/share/data/a",
  ...more,
});
const folder = (path: string, more: Partial<Input> = {}) => input(path, { type: "DIRECTORY", ...more });
const output = (path: string, type: "FILE" | "DIRECTORY" = "FILE") => ({ path, type, url: "s3://b/k" });
const executor = (more: object) => ({ executors: [{ image: "i", command: ["c"], ...more }] });

const planOf = (
  task: Partial<Task>,
  redirected?: Redirected,
  shared: PodSettings["files"] = files,
): NonNullable<WrittenPlan["inPlace"]> =>
  planInPlace(makeTask(task), shared === undefined ? {} : { files: shared }, redirected);
const pathsOf = (task: Partial<Task>): string[] => planOf(task).map(({ path }) => path);

describe("where the URL lies in the claim", () => {
  test.each([
    { url: "file:///mnt/share/data/a%20b", subPath: "data/a b" },
    { url: "file:/mnt/share/a", subPath: "a" },
    { url: "file://localhost/mnt/share/100%", subPath: "100%" },
    { url: "/mnt/share//data/./a%20b/", subPath: "data/a%20b" },
    { url: "/mnt/shared/a", subPath: undefined },
    { url: "/mnt/share/../a", subPath: undefined },
    { url: "/mnt/share", subPath: undefined },
    { url: "file://elsewhere/mnt/share/a", subPath: undefined },
    { url: `/mnt/share/${"a".repeat(4000)}`, subPath: undefined },
    { url: "/mnt/share/\ud800", subPath: undefined },
    { url: "s3://mnt/share/a", subPath: undefined },
  ])("$url", ({ url, subPath }) => {
    expect(planOf({ inputs: [input("/in/x", { url })] }).map((planned) => planned.subPath)).toEqual(
      subPath === undefined ? [] : [subPath],
    );
  });

  test("a claim that is seen at /", () => {
    const shared = { ...files, root: normalizePath("/"), bases: [normalizePath("/")] };
    expect(planOf({ inputs: [input("/in/x")] }, {}, shared)).toEqual([
      { input: 0, path: "/in/x", subPath: "mnt/share/data/a" },
    ]);
  });

  test("without the setting, or a claim, nothing is", () => {
    const { inPlace: _, ...copying } = files;
    expect(planOf({ inputs: [input("/in/x")] }, {}, copying)).toEqual([]);
    expect(planInPlace(makeTask({ inputs: [input("/in/x")] }), {})).toEqual([]);
  });
});

describe("mounted in place", () => {
  test.each<{ title: string; task: Partial<Task>; paths: string[] }>([
    { title: "a file", task: { inputs: [input("/in//x")] }, paths: ["/in/x"] },
    { title: "a folder", task: { inputs: [folder("/in/d/")] }, paths: ["/in/d"] },
    { title: "not content", task: { inputs: [input("/in/x", { content: "c" })] }, paths: [] },
    { title: "empty content is none", task: { inputs: [input("/in/x", { content: "" })] }, paths: ["/in/x"] },
    {
      title: "two files of one folder, beside what another store has",
      task: { inputs: [input("/w/a"), input("/w/b"), input("/w/c", { url: "s3://b/k" })] },
      paths: ["/w/a", "/w/b"],
    },
    { title: "a file in a system folder", task: { inputs: [input("/etc/x")] }, paths: ["/etc/x"] },
    { title: "none of two at one path", task: { inputs: [input("/in/x"), input("/in/./x")] }, paths: [] },
    {
      title: "neither a folder nor the input within it, whatever they are declared as",
      task: { inputs: [folder("/in"), input("/in/x"), input("/f"), input("/f/g", { content: "c" })] },
      paths: [],
    },
    {
      title: "a name that only begins alike is another",
      task: { inputs: [folder("/in/x"), input("/in/xy")], outputs: [output("/in/x.out")] },
      paths: ["/in/x", "/in/xy"],
    },
    {
      title: "a file beside which outputs are written (Nextflow, cwl-tes)",
      task: {
        inputs: [input("/work/in.txt")],
        outputs: [output("/work/out.txt"), output("/work/*.bam")],
        volumes: ["/work"],
        ...executor({ workdir: "/work", stdin: "/work/in.txt", stdout: "/work/log" }),
      },
      paths: ["/work/in.txt"],
    },
    {
      title: "a folder from which stdin comes",
      task: { inputs: [folder("/d")], ...executor({ stdin: "/d/x" }) },
      paths: ["/d"],
    },
    {
      title: "not what is an output too",
      task: { inputs: [input("/w/a")], outputs: [output("/w/a")] },
      paths: [],
    },
    {
      title: "not what holds an output",
      task: { inputs: [folder("/d")], outputs: [output("/d/sub/out")] },
      paths: [],
    },
    {
      title: "not what an output holds",
      task: { inputs: [input("/w/sub/a")], outputs: [output("/w", "DIRECTORY")] },
      paths: [],
    },
    {
      title: "not what a wildcard takes, holds or is held by",
      task: {
        inputs: [input("/w/a.txt"), folder("/x/d"), input("/y/d1/a"), folder("/z/d")],
        outputs: ["/w/*.txt", "/x/*/out", "/y/d?", "/z/d/sub/*"].map((path) => output(path)),
      },
      paths: [],
    },
    {
      title: "what an escaped wildcard names is a name",
      task: { inputs: [input("/w/a*"), input("/w/ab")], outputs: [output("/w/a\\*")] },
      paths: ["/w/ab"],
    },
    {
      title: "not a folder in a volume, which is there to be written to; a file is",
      task: { inputs: [folder("/v/d"), input("/v/a")], volumes: ["/v"] },
      paths: ["/v/a"],
    },
    { title: "not a folder with a volume", task: { inputs: [folder("/d")], volumes: ["/d/v"] }, paths: [] },
    ...(["stdout", "stderr", "workdir"] as const).map((key) => ({
      title: `not a folder with ${key}`,
      task: { inputs: [folder("/d")], ...executor({ [key]: "/d/x" }) },
      paths: [],
    })),
    {
      title: "not what is run itself: copies are executable",
      task: {
        inputs: [input("/w/run.sh"), input("/w/data")],
        ...executor({ command: ["/w/run.sh", "/w/data"] }),
      },
      paths: ["/w/data"],
    },
  ])("$title", ({ task, paths }) => {
    expect(pathsOf(task)).toEqual(paths);
  });

  test("only so many as a pod can hold, over all its containers", () => {
    const inputs = Array.from({ length: 200 }, (_, index) => input(`/in/${index}`));
    expect(pathsOf({ inputs })).toHaveLength(32);
    const executors = Array.from({ length: 40 }, () => ({ image: "i", command: ["c"] }));
    expect(pathsOf({ inputs, executors })).toEqual(["/in/0", "/in/1", "/in/2"]);
    const long = inputs.map((each) => ({ ...each, url: `/mnt/share/${"a".repeat(3000)}` }));
    expect(pathsOf({ inputs: long })).toHaveLength(21);
  });
});

test("what stage-in found of an input goes before what its URL says", () => {
  const inputs = [input("/in/a"), input("/in/b"), input("/in/c")];
  expect(planOf({ inputs }, { 0: "/mnt/share/real/a", 2: "" })).toEqual([
    { input: 0, path: "/in/a", subPath: "real/a", settled: true },
    { input: 1, path: "/in/b", subPath: "data/a" },
  ]);
});

describe("mounts of the work volume", () => {
  test.each<{ title: string; task: Partial<Task>; mounts: string[] }>([
    {
      title: "a file's folder, for what is written beside it",
      task: { inputs: [input("/w/a")] },
      mounts: ["/w"],
    },
    { title: "none for a file in a system folder", task: { inputs: [input("/etc/x")] }, mounts: [] },
    { title: "none for a folder", task: { inputs: [folder("/w/d")] }, mounts: [] },
    {
      title: "none in a folder for stdin",
      task: { inputs: [folder("/w/d")], ...executor({ stdin: "/w/d/sub/x" }) },
      mounts: [],
    },
  ])("$title", ({ task, mounts }) => {
    expect(
      planLayout(makeTask(task), planInPlace(makeTask(task), { files })).mounts.map(
        ({ path }): string => path,
      ),
    ).toEqual(mounts);
  });
});

describe("the pod", () => {
  const task = { inputs: [input("/w/a"), folder("/d"), input("/w/b", { url: "s3://b/k" })] };
  const podOf = (settings: Partial<PodSettings>) =>
    buildPod(makeRecord({ task }), makeSettings({ files, ...settings })).pod.spec;

  test.each(["init", "supervisor"] as const)(
    "stages by an init container, where the setting is %s",
    (staging) => {
      expect(buildPlan(makeRecord({ task }), makeSettings({ files, staging })).staging).toBe("init");
      expect(podOf({ staging })?.initContainers?.map(({ name }) => name)).toEqual(["stage-in"]);
    },
  );

  test("has them read-only in its executors, inside of the mounts that hold them", () => {
    expect(podOf({})?.containers[1]?.volumeMounts?.slice(4)).toEqual([
      { name: "work", mountPath: "/w", subPath: "dir-0" },
      { name: "files", mountPath: "/w/a", subPath: "data/a", readOnly: true },
      { name: "files", mountPath: "/d", subPath: "data/a", readOnly: true },
    ]);
  });

  test("names a claim once that is the work volume too", () => {
    const spec = podOf({ work: { kind: "claim", claim: "share" } });
    const claims = spec?.volumes?.filter(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined);
    expect(claims).toEqual([{ name: "work", persistentVolumeClaim: { claimName: "share" } }]);
    for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers.slice(0, 1) ?? [])])
      expect(container.volumeMounts).toContainEqual({ name: "work", mountPath: "/.tes/files" });
    expect(spec?.containers[1]?.volumeMounts?.slice(4)).toEqual([
      { name: "work", mountPath: "/w", subPath: "tes-abc-1/dir-0" },
      { name: "work", mountPath: "/w/a", subPath: "data/a", readOnly: true },
      { name: "work", mountPath: "/d", subPath: "data/a", readOnly: true },
    ]);
  });
});
