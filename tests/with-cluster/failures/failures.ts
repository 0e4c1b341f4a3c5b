// What the tests of the failure table share: their services, and what a task that ended shows.
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";
import { service } from "../../support/service.ts";
import type { TesTask } from "../../support/tes-client.ts";
import { inClaim, untilNothingIsLeft } from "../e2e/tasks.ts";

/** Bound on every wait here: a busy machine takes its time. */
export const secondsMax = 120;
/** Bound on a test, which may wait a few times. */
export const testMilliseconds = 300_000;

/** Devices, labels and classes that no other test knows, so that nobody else is hindered. */
export const own = {
  device: "fail.tespod.test/device",
  deviceType: "fail.tespod.test/type",
  pool: "fail.tespod.test/pool",
  spot: "fail.tespod.test/spot",
} as const;

const small = { TESPOD_DEFAULT_CPU_CORES: "0.01", TESPOD_DEFAULT_RAM_GB: "0.03" };

/** The service that most failures are made with: small requests, so that many tasks fit a small node at once. */
export const failing = (): Promise<Deployed> =>
  service({
    namespace: "tespod-fail",
    settings: {
      ...small,
      TESPOD_GPUS_MAX: "2",
      TESPOD_GPU_RESOURCE: own.device,
      TESPOD_GPU_TYPES: "T1,T2",
      TESPOD_GPU_TYPE_LABEL: own.deviceType,
      TESPOD_NODE_LABELS: `pool=${own.pool}`,
      TESPOD_PRIORITY_CLASSES: "tespod-fail-low,tespod-fail-none",
      TESPOD_RUNTIME_CLASSES: "tespod-fail-runc",
      TESPOD_SERVICE_ACCOUNTS: "runner",
      TESPOD_PREEMPTIBLE_NODE_SELECTOR: `${own.spot}=true`,
      TESPOD_PREEMPTIBLE_TOLERATIONS: `${own.spot}=true:NoSchedule`,
      TESPOD_CPU_CORES_MAX: "2000",
      TESPOD_RAM_GB_MAX: "64",
      TESPOD_DISK_GB_MAX: "100",
    },
  });

/** Another one, with settings of its own. */
export const failingWith = (name: string, settings: Record<string, string>): Promise<Deployed> =>
  service({ namespace: `tespod-fail-${name}`, settings: { ...small, ...settings } });

/** One whose tasks have folders of a shared claim. */
export async function failingInClaim(): Promise<Deployed> {
  const deployed = await failingWith("claim", {
    TESPOD_WORK_VOLUME: "claim",
    TESPOD_WORK_CLAIM: "shared",
    TESPOD_STAGING: "supervisor",
    TESPOD_PREEMPTED_STATE: "PREEMPTED",
    TESPOD_CANCEL_GRACE_SECONDS: "2",
  });
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "shared" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  };
  await deployed.kubectl(["apply", "-f", "-"], { input: JSON.stringify(claim) });
  return deployed;
}

/** The folders that tasks left in the shared claim; empty if none did. */
export const foldersLeft = (deployed: Deployed): Promise<string> =>
  inClaim(deployed, "shared", "ls -A /claim");

export const systemLogs = (task: TesTask): string => (task.logs?.[0]?.system_logs ?? []).join("\n");

/** State, and the exit code and stdout of every executor that was started. */
export const summary = (task: TesTask) => ({
  state: task.state,
  executors: (task.logs?.[0]?.logs ?? []).map(({ exit_code, stdout }) => [exit_code, stdout]),
});

export const ended = (deployed: Deployed, id: string, seconds = secondsMax): Promise<TesTask> =>
  deployed.tes.wait(id, { seconds, everyMilliseconds: 200 });

export const untilState = (deployed: Deployed, id: string, state: string): Promise<TesTask> =>
  deployed.tes.wait(id, { seconds: secondsMax, everyMilliseconds: 50, until: (now) => now === state });

/** Waits until system_logs says it, also while the service is away; throws with what it says. */
export async function untilSays(
  { tes }: Deployed,
  id: string,
  words: string,
  seconds = secondsMax,
): Promise<TesTask> {
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(200)) {
    const task = await tes.get(id, "FULL").catch(() => undefined);
    if (task !== undefined && systemLogs(task).includes(words)) return task;
    if (Date.now() > deadline) throw new Error(`Nobody says "${words}": ${JSON.stringify(task)}`);
  }
}

export const nothingIsLeftOf = (deployed: Deployed, id: string): Promise<void> =>
  untilNothingIsLeft(deployed, secondsMax, id);
