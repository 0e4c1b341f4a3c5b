// The API server is away while a task runs and another one is created: both complete.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  nothingIsLeftOf,
  summary,
  systemLogs,
  testMilliseconds,
  untilState,
} from "../failures/failures.ts";
import { isFirst, onNode, untilProcess } from "../failures/host-processes.ts";
import { startApiServer, stopApiServer, untilHealthy } from "./daemons.ts";

/** All others who need it come back up to as long again after it has: they try ever more rarely. */
const awaySeconds = 30;

describe.skipIf(!onNode)(`an API server that is away for ${awaySeconds} s`, () => {
  let deployed: Deployed;

  beforeAll(async () => {
    deployed = await failing();
  }, testMilliseconds);

  afterAll(async () => {
    startApiServer();
    await untilHealthy();
  }, testMilliseconds);

  test(
    "a task that runs completes meanwhile; those that are created and cancelled meanwhile end when it is back",
    async () => {
      if (cluster === undefined) throw new Error("There is no cluster");
      const s3 = connectS3(cluster.s3);
      const bucket = await s3.bucket("fail-api-server");
      const running = await deployed.tes.create({
        outputs: [{ url: `s3://${bucket}/out`, path: "/out/x" }],
        executors: [shell("sleep 20; echo first"), shell("echo second >/out/x")],
      });
      const cancelled = await deployed.tes.create({ executors: [shell("exec sleep 600")] });
      await Promise.all([running, cancelled].map((id) => untilState(deployed, id, "RUNNING")));
      // Containers are started one by one, by the kubelet: all of them first.
      await untilProcess(deployed, `tes-${running}-1`, "exec-1", isFirst);

      await stopApiServer();
      const back = sleep(awaySeconds * 1000); // how long it is away is what this is about
      const created = await deployed.tes.create({ executors: [shell("echo later")] });
      await deployed.tes.cancel(cancelled);
      expect(summary(await ended(deployed, running))).toEqual({
        state: "COMPLETE",
        executors: [
          [0, "first\n"],
          [0, ""],
        ],
      });
      expect((await s3.get(bucket, "out")).toString()).toBe("second\n");
      const waiting = await deployed.tes.get(created, "FULL");
      expect(waiting.state).toBe("QUEUED");
      expect(systemLogs(waiting)).toContain("Pod was not created: ");
      expect((await deployed.tes.get(cancelled)).state).toBe("CANCELING");
      await back;
      startApiServer();
      await untilHealthy();

      expect(summary(await ended(deployed, created))).toEqual({
        state: "COMPLETE",
        executors: [[0, "later\n"]],
      });
      expect((await ended(deployed, cancelled)).state).toBe("CANCELED");
      await Promise.all([running, cancelled, created].map((id) => nothingIsLeftOf(deployed, id)));
    },
    testMilliseconds,
  );
});
