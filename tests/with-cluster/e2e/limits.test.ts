// What executors may do to the pod: many of them, gigabytes of output, processes left behind, signals not heard.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { connectS3 } from "../../support/s3.ts";
import { cluster } from "../../support/service.ts";
import { followLog } from "./follow-log.ts";
import { stagedBy } from "./staging.ts";
import { shell, untilNothingIsLeft } from "./tasks.ts";

const secondsMax = 240;
/** The container's log takes some 20 MB a second, and a minute of a test's time is dear: TESPOD_OUTPUT_BYTES=2000000000 for all of it. */
const outputBytes = Number(process.env["TESPOD_OUTPUT_BYTES"] ?? 200_000_000);

describe.skipIf(cluster === undefined)("what a pod endures", () => {
  let deployed: Deployed;

  beforeAll(async () => {
    if (cluster === undefined) throw new Error("There is no cluster");
    deployed = await stagedBy("supervisor");
    await connectS3(cluster.s3).bucket("e2e-limits");
  }, 180_000);

  const run = async (task: object) =>
    deployed.tes.wait(await deployed.tes.create(task), { seconds: secondsMax, everyMilliseconds: 100 });

  test.concurrent(
    "64 executors run in their order, and never two at once",
    async () => {
      const count = 64;
      // The folder is a lock: whoever finds it was not alone.
      const step = (index: number) =>
        shell(`mkdir /v/lock && echo ${index} >>/v/order && usleep 5000 && rmdir /v/lock || exit 9`);
      const { state, logs } = await run({
        volumes: ["/v"],
        executors: [...Array.from({ length: count - 1 }, (_, index) => step(index)), shell("cat /v/order")],
      });
      const order = Array.from({ length: count - 1 }, (_, index) => `${index}\n`).join("");
      expect({ state, codes: logs?.[0]?.logs.map(({ exit_code }) => exit_code) }).toEqual({
        state: "COMPLETE",
        codes: Array(count).fill(0),
      });
      expect(logs?.[0]?.logs.at(-1)?.stdout).toBe(order);
    },
    secondsMax * 1000,
  );

  test.concurrent(
    `${outputBytes} bytes on stdout without a path: the log keeps both ends, the next executor runs`,
    async () => {
      const { state, logs } = await run({
        executors: [
          // Lines of a million characters would be as good; a reader of the log wants to see where it was cut.
          shell(
            `echo first; yes 'a line of sixty-four characters, the last of which is a line end' | head -c ${outputBytes}; echo; echo last`,
          ),
          shell("echo next"),
        ],
      });
      const [large, next] = logs?.[0]?.logs ?? [];
      expect(state).toBe("COMPLETE");
      expect(large?.stdout).toStartWith("first\na line of sixty-four");
      expect(large?.stdout).toEndWith("\nlast\n");
      const leftOut = Number(/^\[tespod: (\d+) bytes left out\]$/m.exec(large?.stdout ?? "")?.[1]);
      const text = (large?.stdout ?? "").replace(/^\[tespod: .*\n/m, "");
      expect(leftOut + text.length).toBeWithin(outputBytes, outputBytes + 100);
      expect(next?.stdout).toBe("next\n");
    },
    secondsMax * 1000,
  );

  test.concurrent(
    "what an executor leaves running has ended before the next one starts",
    async () => {
      const daemon = "trap '' TERM HUP INT; while :; do echo >>/v/pulse; usleep 2000; done";
      const { state, logs } = await run({
        volumes: ["/v"],
        executors: [
          shell(
            `setsid sh -c "${daemon}" >/dev/null 2>&1 & (sh -c "${daemon}" &) ; while [ ! -s /v/pulse ]; do usleep 1000; done`,
          ),
          shell("wc -c </v/pulse; usleep 300000; wc -c </v/pulse"),
        ],
      });
      expect(state).toBe("COMPLETE");
      const [before, after] = (logs?.[0]?.logs[1]?.stdout ?? "").trim().split("\n").map(Number);
      expect(before).toBeGreaterThan(0);
      expect(after).toBe(before ?? Number.NaN);
    },
    secondsMax * 1000,
  );

  test.concurrent.each([
    { title: "a tool that obeys", script: "trap 'echo told; exit 0' TERM; echo begun", ticks: false },
    { title: "a tool that does not", script: "trap 'echo told' TERM; echo begun", ticks: true },
    // The shell is not the tool's leader: the signal has to reach the whole group.
    {
      title: "a tool's child",
      script:
        "trap : TERM; sh -c 'trap \"echo told; exit 0\" TERM; echo begun; while :; do usleep 10000; done' & wait; wait; exit 0",
      ticks: false,
    },
  ])(
    "a cancel is SIGTERM to $title, then SIGKILL",
    async ({ script, ticks }) => {
      const loop = "while :; do echo tick; usleep 200000; done";
      const id = await deployed.tes.create({ executors: [shell(`${script}; ${loop}`)] });
      await deployed.tes.wait(id, { seconds: secondsMax, until: (state) => state === "RUNNING" });
      const log = await followLog(deployed, { pod: `tes-${id}-1`, container: "exec-0", text: "begun" });
      await deployed.tes.cancel(id);
      expect((await deployed.tes.wait(id, { seconds: secondsMax })).state).toBe("CANCELED");
      const [, afterwards] = (await log.whole).split("told\n");
      expect(afterwards).toBeDefined();
      // It went on for some of the grace, and ended all the same.
      if (ticks) expect(afterwards).toContain("tick\ntick\ntick\n");
    },
    secondsMax * 1000,
  );

  test("nothing is left of any of them", async () => {
    await untilNothingIsLeft(deployed);
  }, 120_000);
});
