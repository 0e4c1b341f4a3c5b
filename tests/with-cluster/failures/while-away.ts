// whileAway: what tasks do while a part of the system is away that makes pods or ends them, and when it is back.
import { expect } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import { ended, nothingIsLeftOf, summary, untilSays, untilState } from "./failures.ts";
import { isFirst, untilProcess } from "./host-processes.ts";

export interface Away {
  /** Names the bucket of the task's output. */
  readonly name: string;
  /** How long the task's executor runs: longer than `leave` takes. */
  readonly runSeconds: number;
  leave(): Promise<void> | void;
  comeBack(): Promise<void> | void;
  /** How long it is away at least. */
  readonly seconds: number;
  /** Whether the service can have pods made meanwhile. */
  readonly takesPods: boolean;
}

/** One task runs before and completes meanwhile; one is created and one is cancelled meanwhile, and both end when it is back. */
export async function whileAway(deployed: Deployed, away: Away): Promise<void> {
  if (cluster === undefined) throw new Error("There is no cluster");
  const { tes } = deployed;
  const s3 = connectS3(cluster.s3);
  const bucket = await s3.bucket(`fail-${away.name}`);
  const running = await tes.create({
    outputs: [{ url: `s3://${bucket}/out`, path: "/out/x" }],
    executors: [shell(`sleep ${away.runSeconds}; echo first`), shell("echo second >/out/x")],
  });
  const cancelled = await tes.create({ executors: [shell("exec sleep 600")] });
  await Promise.all([running, cancelled].map((id) => untilState(deployed, id, "RUNNING")));
  // Containers are started one by one, by the kubelet: all of them first.
  await untilProcess(deployed, `tes-${running}-1`, "exec-1", isFirst);

  await away.leave();
  const longEnough = sleep(away.seconds * 1000); // how long it is away is what this is about
  const created = await tes.create({ executors: [shell("echo later")] });
  await tes.cancel(cancelled);
  expect(summary(await ended(deployed, running))).toEqual({
    state: "COMPLETE",
    executors: [
      [0, "first\n"],
      [0, ""],
    ],
  });
  expect((await s3.get(bucket, "out")).toString()).toBe("second\n");
  if (!away.takesPods) await untilSays(deployed, created, "Pod was not created: ");
  await untilState(deployed, created, away.takesPods ? "INITIALIZING" : "QUEUED");
  expect((await tes.get(cancelled)).state).toBe("CANCELING");
  await longEnough;

  await away.comeBack();
  expect(summary(await ended(deployed, created))).toEqual({ state: "COMPLETE", executors: [[0, "later\n"]] });
  expect((await ended(deployed, cancelled)).state).toBe("CANCELED");
  await Promise.all([running, cancelled, created].map((id) => nothingIsLeftOf(deployed, id)));
}
