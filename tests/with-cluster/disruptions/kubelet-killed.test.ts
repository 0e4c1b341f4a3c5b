// The kubelet is killed while tasks start, and started again: no executor runs twice, and only a started one costs its task.
// TESPOD_KUBELET_KILLS and TESPOD_KUBELET_TASKS give the numbers; the default is a short form.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Deployed } from "../../support/deploy.ts";
import { shell } from "../e2e/tasks.ts";
import { failing, testMilliseconds } from "../failures/failures.ts";
import { onNode } from "../failures/host-processes.ts";
import {
  inVain,
  ranTwice,
  type StartCounter,
  seenOf,
  startCounter,
  tell,
  untrue,
} from "../failures/start-counter.ts";
import { killKubelet, startStopped, untilHealthy } from "./daemons.ts";

const kills = Number(process.env["TESPOD_KUBELET_KILLS"] || 2);
const atOnce = Number(process.env["TESPOD_KUBELET_TASKS"] || 8);
/** While one lot of tasks starts. */
const killsEach = 2;

describe.skipIf(!onNode)("a kubelet that is killed while tasks start", () => {
  let deployed: Deployed;
  let counter: StartCounter;

  beforeAll(async () => {
    deployed = await failing();
    counter = startCounter();
  }, testMilliseconds);

  afterAll(async () => {
    startStopped();
    await untilHealthy();
    await counter?.[Symbol.asyncDispose]();
  }, testMilliseconds);

  test(
    `${kills} times amid ${atOnce} tasks: no executor runs twice, only a started one costs its task`,
    async () => {
      const tasks = new Map<string, string>();
      for (let killed = 0; killed < kills; ) {
        const lot = Array.from({ length: atOnce }, async (_, index) => {
          const name = `kubelet-${killed}-${index}`;
          const executors = [shell(`${counter.tell(name)}; sleep 2`), shell("echo second")];
          tasks.set(await deployed.tes.create({ executors }), name);
        });
        await Promise.all(lot);
        for (let each = 0; each < killsEach && killed < kills; each++, killed++) {
          await sleep(randomInt(1000, 4000));
          killKubelet();
          await sleep(3000); // as long as a supervisor of services may take
          startStopped();
        }
        await seenOf(deployed, counter, tasks);
      }
      const seen = await seenOf(deployed, counter, tasks);
      tell("kubelet killed", seen);
      expect(ranTwice(seen)).toEqual([]);
      expect(untrue(seen)).toEqual([]);
      expect(inVain(seen)).toEqual([]);
    },
    testMilliseconds + kills * 60_000,
  );
});
