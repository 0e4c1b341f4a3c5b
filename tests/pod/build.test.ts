// buildPod: whole pods, case by case: cases/NAME/task.json (and settings.json) → pod.json, the plan in it decoded.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodePlan } from "../../sidecar/contract/plan.ts";
import { buildPod, ownedBy } from "../../src/pod/build.ts";
import { planAnnotation } from "../../src/pod/names.ts";
import type { PodSettings } from "../../src/pod/settings.ts";
import { withoutStopHooks } from "../../src/pod/stops.ts";
import type { Task } from "../../src/tes/task.ts";
import { makeRecord, makeSettings, makeTask } from "../support/make.ts";
import { parseTask } from "../support/parse-task.ts";
import type { WrittenPlan } from "../support/written-plan.ts";

const folder = join(import.meta.dir, "cases");
const readJson = (...path: string[]): unknown => JSON.parse(readFileSync(join(folder, ...path), "utf8"));

/** The pod with its plan as an object: the bytes of gzip are not ours to fix. */
function build(name: string): unknown {
  const given = existsSync(join(folder, name, "settings.json")) ? readJson(name, "settings.json") : {};
  const settings = makeSettings(given as Partial<PodSettings>);
  const record = makeRecord({ task: parseTask(readJson(name, "task.json"), settings.files?.bases) });
  const { pod } = buildPod(record, settings);
  const { [planAnnotation]: plan = "", ...annotations } = pod.metadata?.annotations ?? {};
  const metadata = { ...pod.metadata, annotations: { ...annotations, [planAnnotation]: decodePlan(plan) } };
  return JSON.parse(JSON.stringify({ ...pod, metadata }));
}

describe("cases", () => {
  test.each(readdirSync(folder))("%s", (name) => {
    expect(build(name)).toEqual(readJson(name, "pod.json"));
  });
});

test("executors after the sixteenth are told to stop in groups of sixteen, a second apart", () => {
  const executors = Array.from({ length: 64 }, () => ({ image: "i", command: ["true"] }));
  const { pod } = buildPod(makeRecord({ task: makeTask({ executors }) }), makeSettings());
  const seconds = pod.spec?.containers.map(({ lifecycle }) => lifecycle?.preStop?.sleep?.seconds ?? 0);
  const sixteen = (value: number) => Array<number>(16).fill(value);
  expect(seconds).toEqual([0, ...[0, 1, 2, 3].flatMap(sixteen)]);
  expect(
    withoutStopHooks(pod)
      .spec?.containers.filter((one) => "lifecycle" in one)
      .map(({ name }) => name),
  ).toEqual(["supervisor"]);
});

describe("a plan that is too large for the pod object", () => {
  const content = randomBytes(100_000).toString("base64");
  const record = makeRecord({ task: makeTask({ inputs: [{ path: "/in/a", type: "FILE", content }] }) });

  test("goes into a Secret that belongs to the pod", () => {
    const { pod, planSecret } = buildPod(record, makeSettings());
    expect(pod.metadata?.annotations).not.toHaveProperty([planAnnotation]);
    expect(planSecret?.metadata).toEqual({
      name: "tes-abc-1-plan",
      labels: {
        "app.kubernetes.io/managed-by": "tespod",
        "tespod/instance": "test",
        "tespod/task": "abc",
        "tespod/attempt": "1",
      },
    });
    expect<WrittenPlan["inputs"]>(decodePlan(planSecret?.stringData?.["plan"] ?? "").inputs).toEqual([
      { path: "/in/a", type: "FILE", content },
    ]);
    expect(pod.spec?.volumes?.at(-1)).toEqual({ name: "plan", secret: { secretName: "tes-abc-1-plan" } });
    const [stageIn] = pod.spec?.initContainers ?? [];
    const [supervisor, executor] = pod.spec?.containers ?? [];
    const mount = { name: "plan", mountPath: "/.tes/plan", readOnly: true };
    expect(stageIn?.volumeMounts).toContainEqual(mount);
    expect(supervisor?.volumeMounts).toContainEqual(mount);
    expect(supervisor?.env).toEqual([]);
    expect(executor?.volumeMounts?.map(({ name }) => name)).toEqual([
      "bin",
      "steps",
      "steps",
      "steps",
      "work",
    ]);
    if (planSecret === undefined) throw new TypeError("There is no Secret");
    expect(ownedBy(planSecret, { metadata: { name: "tes-abc-1", uid: "u" } }).metadata).toEqual({
      ...planSecret.metadata,
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "tes-abc-1", uid: "u" }],
    });
  });

  test("larger than a Secret may be: refused", () => {
    const huge = randomBytes(750_000).toString("base64");
    const tooLarge = makeRecord({
      task: makeTask({ inputs: [{ path: "/in/a", type: "FILE", content: huge }] }),
    });
    expect(() => buildPod(tooLarge, makeSettings())).toThrow(
      expect.objectContaining({ name: "TesError", kind: "too-large" }),
    );
  });
});

test("no executor container gets a credential, a token or a mount of ours that it could write", () => {
  const settings = makeSettings({ storageSecrets: ["keys"], callbackUrl: "https://tes.example.org" });
  const { pod } = buildPod(makeRecord({ task: makeTask({ volumes: ["/data"] }) }), settings);
  expect(pod.spec?.automountServiceAccountToken).toBe(false);
  const [, ...executors] = pod.spec?.containers ?? [];
  for (const { env, envFrom, volumeMounts } of executors) {
    expect([env, envFrom]).toEqual([undefined, undefined]);
    expect(
      volumeMounts
        ?.filter(({ mountPath }) => mountPath.startsWith("/.tes"))
        .every(({ readOnly }) => readOnly),
    ).toBe(true);
  }
});

test("no executor can write the files that the runtime shares between containers, unless they are files of its task", () => {
  const sharedFiles = ["/etc/hosts", "/etc/resolv.conf"];
  const mountsOf = (task: Partial<Task>) => {
    const executors = [...makeTask().executors, ...makeTask().executors];
    const { pod } = buildPod(makeRecord({ task: { executors, ...task } }), makeSettings());
    const [, ...containers] = pod.spec?.containers ?? [];
    return containers.map(({ volumeMounts = [] }) =>
      volumeMounts
        .filter(({ mountPath }) => sharedFiles.includes(mountPath))
        .map(({ name, mountPath, subPath, readOnly }) => [mountPath, name, subPath, readOnly]),
    );
  };
  const hosts = ["/etc/hosts", "steps", "hosts", true];
  const names = ["/etc/resolv.conf", "steps", "resolv.conf", true];
  expect(mountsOf({})).toEqual([
    [hosts, names],
    [hosts, names],
  ]);
  const input = { path: "/etc//hosts", type: "FILE" as const, content: "127.0.0.1 localhost" };
  const own = [names, ["/etc/hosts", "work", "file-0", undefined]];
  expect(mountsOf({ inputs: [input] })).toEqual([own, own]);
});

test("the names of a later attempt are its own", () => {
  const { pod } = buildPod(
    makeRecord({ run: { attempt: 2 } }),
    makeSettings({ work: { kind: "claim", claim: "c" } }),
  );
  expect(pod.metadata?.name).toBe("tes-abc-2");
  expect(pod.metadata?.labels?.["tespod/attempt"]).toBe("2");
  const plan = decodePlan(pod.metadata?.annotations?.[planAnnotation] ?? "");
  expect(plan).toMatchObject({ attempt: 2, workFolder: "tes-abc-2" });
});
