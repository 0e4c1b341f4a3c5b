// The layout of the work volume: what every user may write to before anything runs.
import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { executor, layOutPod, makePlan, makeScratchPod } from "../step/scratch-pod.ts";

test("mounts and the folders planned inside of them are open to every user, however deep", () => {
  using pod = makeScratchPod();
  const mounts = [
    { path: "/n", folder: "dir-0", file: false },
    { path: "/tmp", folder: "dir-1", file: false },
    { path: "/etc/a", folder: "file-0", file: true },
  ];
  layOutPod(makePlan([executor(["a"])], { mounts, folders: ["/n/deep/er", "/tmp/job"] }), pod.roots);
  const mode = (path: string) => (statSync(join(pod.roots.work, path)).mode & 0o7777).toString(8);
  expect(["dir-0", "dir-0/deep", "dir-0/deep/er", "dir-1/job"].map(mode)).toEqual(Array(4).fill("777"));
  expect(mode("dir-1")).toBe("1777");
  expect(mode("file-0")).toBe("666");
});

test("a planned folder outside of all mounts is refused", () => {
  using pod = makeScratchPod();
  const plan = makePlan([executor(["a"])], { folders: ["/nowhere"] });
  expect(() => layOutPod(plan, pod.roots)).toThrow("/nowhere");
});

test("what executors see of the hosts and resolv.conf of the pod are copies that only root's own side writes", () => {
  using pod = makeScratchPod();
  layOutPod(makePlan([executor(["a"])]), pod.roots);
  for (const name of ["hosts", "resolv.conf"]) {
    const copy = join(pod.roots.steps, name);
    expect(readFileSync(copy, "utf8")).toBe(readFileSync(join("/etc", name), "utf8"));
    expect((statSync(copy).mode & 0o777).toString(8)).toBe("644");
  }
});
