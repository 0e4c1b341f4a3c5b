// planLayout: which folders and files of a task are mounted.
import { describe, expect, test } from "bun:test";
import { planLayout } from "../../src/pod/mounts.ts";
import type { Task } from "../../src/tes/task.ts";
import { makeTask } from "../support/make.ts";

const input = (path: string, type: "FILE" | "DIRECTORY" = "FILE") => ({ path, type, url: "s3://b/k" });
const output = (path: string, type: "FILE" | "DIRECTORY" = "FILE") => ({ path, type, url: "s3://b/k" });
const executor = (redirects: object) => [{ image: "i", command: ["c"], ...redirects }];

interface Row {
  readonly title: string;
  readonly task: Partial<Task>;
  readonly folders?: readonly string[];
  /** Brought in and out by the gates. */
  readonly carried?: readonly string[];
  /** Mounted by themselves; `unplaced` is what a pod before could not bring in. */
  readonly files?: readonly string[];
  readonly unplaced?: readonly string[];
}

const rows: readonly Row[] = [
  { title: "nothing", task: {} },
  { title: "the folder of an input file", task: { inputs: [input("/data/a.txt")] }, folders: ["/data"] },
  {
    title: "a folder input itself",
    task: { inputs: [input("/data/tree", "DIRECTORY")] },
    folders: ["/data/tree"],
  },
  { title: "the folder of an output file", task: { outputs: [output("/out/a")] }, folders: ["/out"] },
  {
    title: "a folder output itself",
    task: { outputs: [output("/out/d", "DIRECTORY")] },
    folders: ["/out/d"],
  },
  {
    title: "the fixed part of a wildcard",
    task: { outputs: [output("/out/a*/b/c?.txt")] },
    folders: ["/out"],
  },
  {
    title: "an escaped wildcard is a name",
    task: { outputs: [output("/out/a\\*/b*")] },
    folders: ["/out/a*"],
  },
  { title: "a volume, its trailing slash cut off", task: { volumes: ["/vol/A/"] }, folders: ["/vol/A"] },
  {
    title: "the folders of stdin, stdout, stderr of each executor",
    task: {
      executors: [...executor({ stdin: "/in/a", stdout: "/out/b" }), ...executor({ stderr: "/err/c" })],
    },
    folders: ["/in", "/out", "/err"],
  },
  {
    title: "one folder once",
    task: { inputs: [input("/d/a"), input("/d/b"), input("/d//c")] },
    folders: ["/d"],
  },
  {
    title: "a folder within another is left out (Galaxy: an input under a volume)",
    task: { volumes: ["/vol"], inputs: [input("/vol/sub/f")] },
    folders: ["/vol"],
  },
  {
    title: "the same, three deep and in any order",
    task: { inputs: [input("/a/b/c/f"), input("/a/b/f"), input("/a/f")] },
    folders: ["/a"],
  },
  {
    title: "a name that only begins alike is another folder",
    task: { inputs: [input("/data/f"), input("/dataset/f")] },
    folders: ["/data", "/dataset"],
  },
  { title: "/tmp (Snakemake)", task: { inputs: [input("/tmp/jobscript.sh")] }, folders: ["/tmp"] },
  {
    title: "/work (Nextflow)",
    task: { inputs: [input("/work/ab/12/.command.run")] },
    folders: ["/work/ab/12"],
  },
  {
    title: "/var/lib/cwl/stg… (cwl-tes)",
    task: { inputs: [input("/var/lib/cwl/stg1234/whale.txt")] },
    folders: ["/var/lib/cwl/stg1234"],
  },
  {
    title: "below /opt, /root, /home",
    task: { volumes: ["/opt/x", "/root/x", "/home/x"] },
    folders: ["/opt/x", "/root/x", "/home/x"],
  },
  {
    title: "a workdir in /tmp, /var/tmp or /scratch",
    task: { executors: ["/tmp", "/var/tmp/a", "/scratch/"].flatMap((workdir) => executor({ workdir })) },
    folders: ["/tmp", "/var/tmp/a", "/scratch"],
  },
  {
    title: "no other workdir, for the image may have something there",
    task: { executors: ["/app", "/work", "/", "/tmpdir"].flatMap((workdir) => executor({ workdir })) },
  },
  {
    title: "not a workdir in a volume (cwl-tes, Nextflow)",
    task: { volumes: ["/tmp/a"], executors: executor({ workdir: "/tmp/a/b" }) },
    folders: ["/tmp/a"],
  },
  { title: "a file right in /", task: { inputs: [input("/a.txt")] }, carried: ["/a.txt"] },
  { title: "a file right in /root", task: { inputs: [input("/root/.netrc")] }, carried: ["/root/.netrc"] },
  {
    title: "a file anywhere in /etc",
    task: { inputs: [input("/etc/tool/conf.d/a")] },
    carried: ["/etc/tool/conf.d/a"],
  },
  {
    title: "a redirect into /usr",
    task: { executors: executor({ stdout: "/usr/share/log" }) },
    carried: ["/usr/share/log"],
  },
  {
    title: "a file that another mount holds already",
    task: { inputs: [input("/opt"), input("/opt/a/b")], volumes: ["/opt/a"] },
    folders: ["/opt/a"],
    carried: ["/opt"],
  },
  {
    title: "an input that a gate may not bring in, and no output, which would be an empty file",
    task: { inputs: [input("/opt/a"), input("/opt/b")], outputs: [output("/opt/a"), output("/opt/c")] },
    unplaced: ["/opt/a", "/opt/c"],
    carried: ["/opt/b", "/opt/c"],
    files: ["/opt/a"],
  },
  {
    title: "an input in place of what the runtime mounts for the whole pod",
    task: { inputs: [input("/etc/hosts"), input("/etc/host.conf")], outputs: [output("/etc/resolv.conf")] },
    carried: ["/etc/host.conf", "/etc/resolv.conf"],
    files: ["/etc/hosts"],
  },
  {
    title: "what is both a file's path and a folder, only as the folder",
    task: { outputs: [output("/dir")], volumes: ["/dir"] },
    folders: ["/dir"],
  },
];

describe("mounts", () => {
  test.each([...rows])("$title", ({ task, folders = [], files = [], carried = [], unplaced = [] }) => {
    const { mounts, ...layout } = planLayout(makeTask(task), [], unplaced);
    expect<string[]>(layout.carried.sort()).toEqual([...carried].sort());
    expect(
      mounts
        .filter(({ file }) => !file)
        .map(({ path }): string => path)
        .sort(),
    ).toEqual([...folders].sort());
    expect(
      mounts
        .filter(({ file }) => file)
        .map(({ path }): string => path)
        .sort(),
    ).toEqual([...files].sort());
    const names = mounts.map(({ folder }) => folder);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^(dir|file)-\d+$/.test(name))).toEqual([]);
  });
});

test("more files right in system folders than gates should bring in are refused, with the way out", () => {
  const inputs = Array.from({ length: 257 }, (_, index) => input(`/opt/f${index}`));
  expect(planLayout(makeTask({ inputs: inputs.slice(1) })).carried).toHaveLength(256);
  expect(() => planLayout(makeTask({ inputs }))).toThrow(
    'Task is not valid: 257 of its files lie right in directories of the system ("/opt/f0", "/opt/f1", "/opt/f2", …), at most 256 may; put them into a directory of their own, such as /data',
  );
});

describe("folders inside of mounts", () => {
  test.each<Row>([
    { title: "none where each is a mount", task: { volumes: ["/v"], outputs: [output("/out/a")] } },
    {
      title: "volumes and outputs in another's folder",
      task: {
        volumes: ["/n", "/n/v/"],
        outputs: [output("/n/a/b"), output("/n/d", "DIRECTORY"), output("/n/w/x*")],
      },
      folders: ["/n/v", "/n/a", "/n/w"],
    },
    {
      title: "of an output that is a folder only the one above (Cromwell makes those of globs itself)",
      task: { volumes: ["/n"], outputs: [output("/n/run/glob-0f1e", "DIRECTORY")] },
      folders: ["/n/run"],
    },
    {
      title: "a workdir in a volume, which the runtime would make for root",
      task: { volumes: ["/n"], executors: executor({ workdir: "/n//work/" }) },
      folders: ["/n/work"],
    },
    {
      title: "no workdir that is the image's",
      task: { volumes: ["/n"], executors: executor({ workdir: "/app" }) },
    },
    {
      title: "not those of inputs, which come with them",
      task: { volumes: ["/n"], inputs: [input("/n/in/a")] },
    },
    { title: "nothing below a file in a system folder", task: { outputs: [output("/etc/a")] } },
  ])("$title", ({ task, folders = [] }) => {
    expect<string[]>(planLayout(makeTask(task)).folders.sort()).toEqual([...folders].sort());
  });
});
