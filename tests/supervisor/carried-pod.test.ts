// Files of system directories through a whole pod of processes: staged, handed on, uploaded, missing.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { startFileServer } from "../filer/file-server.ts";
import { executor, makePlan, makeScratchPod, type ScratchPod } from "../step/scratch-pod.ts";
import { runPod } from "./pod.ts";

let pod: ScratchPod;
let http: ReturnType<typeof startFileServer>;
beforeEach(() => {
  pod = makeScratchPod();
  http = startFileServer();
  // Where an executor's container has the folder mounted: beside that of its step.
  mkdirSync(pod.roots.steps);
  symlinkSync(join(pod.roots.work, "carried"), join(pod.roots.steps, "carried"));
  mkdirSync(inRoot(""));
});
afterEach(() => {
  http.stop();
  pod[Symbol.dispose]();
});

/** The executors run on this machine's own files; this is the directory of the system that they share as images would not. */
const inRoot = (name: string) => join(pod.root, "opt", name);
const sh = (script: string, more: Parameters<typeof executor>[1] = {}) =>
  executor(["/bin/sh", "-c", `cd ${inRoot("")}; ${script}`], more);
const output = (name: string) => ({ path: inRoot(name), type: "FILE" as const, url: `${http.url}/${name}` });
const get = async (name: string) => await (await fetch(`${http.url}/${name}`)).text();
const put = (name: string) => fetch(`${http.url}/${name}`, { method: "PUT", body: "good" });

test("what is staged, made, edited, removed and linked there is uploaded, or missing, as anywhere", async () => {
  await Promise.all(["never", "link", "gone"].map(put));
  const names = ["in", "made", "never", "link", "gone", "out"];
  const plan = makePlan(
    [
      sh("sed -i s/staged/edited/ in; echo made >made; ln -s /etc/passwd link; echo streamed", {
        stdout: inRoot("out"),
      }),
      // The next has a root of its own, in which nothing of this is but what is brought in.
      sh("rm -f gone; cat in made out; exit 3", { stdin: inRoot("out") }),
    ],
    {
      staging: "supervisor",
      carried: names.map(inRoot),
      inputs: ["in", "gone"].map((name) => ({
        path: inRoot(name),
        type: "FILE" as const,
        content: "staged",
      })),
      outputs: names.map(output),
    },
  );
  const { supervisor } = await runPod(pod, { plan });
  const events = supervisor?.events ?? [];
  expect(events.filter(({ type }) => type === "executor-ended")).toMatchObject([
    { exitCode: 0, stdout: "streamed\n", stderr: "" },
    { exitCode: 3, stdout: "editedmade\nstreamed\n", stderr: "" },
  ]);
  expect(events.at(-1)).toMatchObject({ outcome: "executor-error" });
  expect(await Promise.all(["in", "made", "out"].map(get))).toEqual(["edited", "made\n", "streamed\n"]);
  expect(await Promise.all(["never", "link", "gone"].map(get))).toEqual(["good", "good", "good"]);
  const notes = events.flatMap((event) => (event.type === "note" ? [event.message] : [])).join("\n");
  for (const name of ["never", "gone"]) expect(notes).toContain(`Output "${inRoot(name)}" does not exist`);
  expect(notes).toContain(`"${inRoot("link")}" is not uploaded: it leads outside`);
});
