// Tasks whose pod cannot be made or cannot start: they wait and say why, or end and say why; they never hang.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { busybox, shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  failingWith,
  nothingIsLeftOf,
  secondsMax,
  summary,
  systemLogs,
  testMilliseconds,
  untilSays,
} from "./failures.ts";
import { isFirst, onNode, untilProcess } from "./host-processes.ts";
import { apply, remove } from "./node.ts";
import { startSilentServer } from "./silent-server.ts";

const object = (kind: string, spec: object) =>
  JSON.stringify({ apiVersion: "v1", kind, metadata: { name: "fail" }, spec });

/** The API server takes a moment to know of a limit that was set. */
async function untilRefused({ kubectl }: Deployed, words: string): Promise<void> {
  const resources = { limits: { cpu: "1000" } };
  const containers = [{ name: "main", image: busybox, resources }];
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "probe" }, spec: { containers } };
  const input = JSON.stringify(pod);
  const refusal = () => kubectl(["create", "--dry-run=server", "-f", "-"], { input }).then(() => "", String);
  for (const deadline = Date.now() + secondsMax * 1000; Date.now() < deadline; await sleep(100)) {
    if ((await refusal()).includes(words)) return;
  }
  throw new Error(`The API server takes a pod that is against its limits: ${await refusal()}`);
}

describe.skipIf(cluster === undefined)("a task whose pod cannot start", () => {
  let deployed: Deployed;
  /** Whose namespace gets limits. */
  let limited: Deployed;
  let classless: Deployed;

  beforeAll(async () => {
    [deployed, limited, classless] = await Promise.all([
      failing(),
      failingWith("limited", {}),
      failingWith("class", {
        TESPOD_WORK_VOLUME: "ephemeral",
        TESPOD_WORK_STORAGE_CLASS: "tespod-fail-nowhere",
        TESPOD_POD_START_SECONDS_MAX: "5",
        TESPOD_ATTEMPTS_MAX: "2",
      }),
    ]);
  }, testMilliseconds);

  test.concurrent(
    "a request that no node can hold: QUEUED with the scheduler's words, and CANCELED when asked",
    async () => {
      const id = await deployed.tes.create({ resources: { cpu_cores: 1000 }, executors: [shell("true")] });
      const waiting = await untilSays(deployed, id, "Insufficient cpu");
      expect(summary(waiting)).toEqual({ state: "QUEUED", executors: [] });
      await deployed.tes.cancel(id);
      expect(summary(await ended(deployed, id))).toEqual({ state: "CANCELED", executors: [] });
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "a storage class that is not there: another attempt, then SYSTEM_ERROR that names the claim",
    async () => {
      const id = await classless.tes.create({ executors: [shell("true")] });
      const task = await ended(classless, id);
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [] });
      expect(systemLogs(task)).toContain("Waiting for the claim: ");
      expect(systemLogs(task)).toContain("trying again (attempt 2 of 2)");
      await nothingIsLeftOf(classless, id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "a ResourceQuota that is used up: QUEUED with its words, COMPLETE when it is lifted",
    async () => {
      const quota = object("ResourceQuota", { hard: { pods: "0" } });
      await limited.kubectl(["apply", "-f", "-"], { input: quota });
      // At once: also while nobody has counted yet what the quota limits.
      const early = await limited.tes.create({ executors: [shell("echo early")] });
      await limited.kubectl([
        "wait",
        "--for=jsonpath={.status.hard.pods}=0",
        "resourcequota/fail",
        `--timeout=${secondsMax}s`,
      ]);
      const late = await limited.tes.create({ executors: [shell("echo late")] });
      await untilSays(limited, early, "quota");
      const waiting = await untilSays(limited, late, "exceeded quota: fail");
      expect(summary(waiting)).toEqual({ state: "QUEUED", executors: [] });
      await limited.kubectl(["delete", "resourcequota", "fail"]);
      expect(summary(await ended(limited, early))).toEqual({
        state: "COMPLETE",
        executors: [[0, "early\n"]],
      });
      expect(summary(await ended(limited, late))).toEqual({ state: "COMPLETE", executors: [[0, "late\n"]] });
      await Promise.all([nothingIsLeftOf(limited, early), nothingIsLeftOf(limited, late)]);
    },
    testMilliseconds,
  );

  // These two one after the other: what they change is the whole namespace's.
  test.each([
    {
      title: "a LimitRange that the request exceeds",
      limit: ({ kubectl }: Deployed) =>
        kubectl(["apply", "-f", "-"], {
          input: object("LimitRange", { limits: [{ type: "Container", max: { cpu: "500" } }] }),
        }),
      words: "maximum cpu usage per Container is 500",
    },
    {
      title: "a pod security level that the pod violates",
      limit: async ({ kubectl, namespace }: Deployed) => {
        await kubectl(["delete", "limitrange", "fail"]);
        const level = "pod-security.kubernetes.io/enforce=restricted";
        return kubectl(["label", "--overwrite", "namespace", namespace, level]);
      },
      words: 'violates PodSecurity "restricted:latest"',
    },
  ])(
    "$title: SYSTEM_ERROR with the API server's words",
    async ({ limit, words }) => {
      await limit(limited);
      await untilRefused(limited, words);
      const id = await limited.tes.create({ resources: { cpu_cores: 1000 }, executors: [shell("true")] });
      const task = await ended(limited, id);
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [] });
      expect(systemLogs(task)).toContain("Pod was not created: ");
      expect(systemLogs(task)).toContain(words);
      await nothingIsLeftOf(limited, id);
    },
    testMilliseconds,
  );
});

/** A volume of which the kubelet finds no folder, and a claim that has it. */
const claimName = "unmountable";
const volume = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "tespod-fail-unmountable" },
  spec: {
    capacity: { storage: "1Gi" },
    accessModes: ["ReadWriteOnce"],
    storageClassName: "",
    hostPath: { path: "/nonexistent/tespod-fail", type: "Directory" },
    claimRef: { namespace: "tespod-fail-mount-tasks", name: claimName },
  },
};
const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: claimName },
  spec: {
    accessModes: ["ReadWriteOnce"],
    storageClassName: "",
    volumeName: volume.metadata.name,
    resources: { requests: { storage: "1Gi" } },
  },
};

describe.skipIf(cluster === undefined)(
  "a task whose containers do not come, for no reason that is told",
  () => {
    let deployed: Deployed;
    let unmountable: Deployed;

    beforeAll(async () => {
      [deployed, unmountable] = await Promise.all([
        failing(),
        failingWith("mount", {
          TESPOD_FILES_CLAIM: claimName,
          TESPOD_FILES_ROOT: "/mnt/share",
          TESPOD_FILES_BASES: "/mnt/share",
          TESPOD_POD_START_SECONDS_MAX: "15",
          TESPOD_ATTEMPTS_MAX: "1",
        }),
      ]);
      await apply(volume);
      await unmountable.kubectl(["apply", "-f", "-"], { input: JSON.stringify(claim) });
    }, testMilliseconds);

    afterAll(() => remove(volume), testMilliseconds);

    // A registry whose address nothing answers from: the kubelet tries for half a minute before it says a word.
    test.concurrent.skipIf(!onNode).each([
      { title: "without inputs", more: {} },
      { title: "with inputs that are staged", more: { inputs: [{ path: "/in/x", content: "x" }] } },
    ])(
      "while an image is pulled, $title: its name, once, and CANCELED when asked",
      async ({ more }) => {
        await using server = await startSilentServer(deployed);
        const { pid } = await untilProcess(deployed, server.pod, "server", isFirst);
        const drop = "INPUT --protocol tcp --dport 8000 --jump DROP".split(" ");
        execFileSync("nsenter", [`--target=${pid}`, "--net", "iptables", "--append", ...drop]);
        const image = `${server.host}/no/such:1`;
        const id = await deployed.tes.create({ ...more, executors: [{ image, command: ["true"] }] });
        const words = `tells of no container exec-0 after 10 s: its image "${image}" may still be pulled`;
        const task = await untilSays(deployed, id, words);
        expect(summary(task)).toEqual({ state: "INITIALIZING", executors: [] });
        expect(systemLogs(task).split(words)).toHaveLength(2);
        await deployed.tes.cancel(id);
        expect((await ended(deployed, id)).state).toBe("CANCELED");
        await nothingIsLeftOf(deployed, id);
      },
      testMilliseconds,
    );

    test.concurrent(
      "a volume that cannot be mounted: told, then SYSTEM_ERROR after its time",
      async () => {
        const id = await unmountable.tes.create({
          inputs: [{ url: "file:///mnt/share/x", path: "/in/x" }],
          executors: [shell("true")],
        });
        const task = await ended(unmountable, id);
        expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [] });
        expect(systemLogs(task)).toContain("tells of no container of the pod after 10 s: ");
        expect(systemLogs(task)).toContain("started no container of the pod in 15 s");
        await nothingIsLeftOf(unmountable, id);
      },
      testMilliseconds,
    );
  },
);
