// Processes of a task's pod that are killed on the node, by their pids there.
import { beforeAll, describe, expect, test } from "bun:test";
import { signal } from "../../cluster/local/process.ts";
import type { Deployed } from "../../support/deploy.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  failingInClaim,
  foldersLeft,
  nothingIsLeftOf,
  summary,
  systemLogs,
  testMilliseconds,
  untilSays,
} from "./failures.ts";
import { isFirst, onNode, processesOf, sandboxOf, untilProcess } from "./host-processes.ts";
import { startSilentServer } from "./silent-server.ts";

/** With the first process of a container the kernel ends the others, maybe before they are met here. */
function kill(...pids: number[]): void {
  for (const pid of pids) signal(pid, "SIGKILL");
}

describe.skipIf(!onNode)("a process that is killed on the node", () => {
  let deployed: Deployed;
  let inClaim: Deployed;

  beforeAll(async () => {
    [deployed, inClaim] = await Promise.all([failing(), failingInClaim()]);
  }, testMilliseconds);

  const isCommand = ({ command }: { command: string }) => command === "sleep 600";

  /** What is killed of the executor whose command is "sleep 600", once that runs. */
  const victims = [
    { what: "its gate", find: async (pod: string) => [await untilProcess(deployed, pod, "exec-1", isFirst)] },
    {
      what: "its command",
      find: async (pod: string) => [await untilProcess(deployed, pod, "exec-1", isCommand)],
    },
    // What a kernel with cgroup v2 does to a container that is out of memory. This one, with v1, kills one process of it.
    { what: "its whole container", find: (pod: string) => processesOf(deployed, pod, "exec-1") },
  ];

  test.concurrent.each(victims)(
    "$what: EXECUTOR_ERROR 137, earlier logs are kept, the next executor is not started",
    async ({ find }) => {
      const id = await deployed.tes.create({
        executors: [shell("echo first"), shell("exec sleep 600"), shell("echo never")],
      });
      await untilProcess(deployed, `tes-${id}-1`, "exec-1", isCommand);
      kill(...(await find(`tes-${id}-1`)).map(({ pid }) => pid));
      const task = await ended(deployed, id);
      expect(summary(task)).toEqual({
        state: "EXECUTOR_ERROR",
        executors: [
          [0, "first\n"],
          [137, ""],
        ],
      });
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent.each(victims)(
    "$what, of an executor whose errors are ignored: 137 is noted, the next runs, COMPLETE",
    async ({ find }) => {
      const id = await deployed.tes.create({
        executors: [
          shell("echo first"),
          shell("exec sleep 600", { ignore_error: true }),
          shell("echo third"),
        ],
      });
      await untilProcess(deployed, `tes-${id}-1`, "exec-1", isCommand);
      kill(...(await find(`tes-${id}-1`)).map(({ pid }) => pid));
      const task = await ended(deployed, id);
      expect(summary(task)).toEqual({
        state: "COMPLETE",
        executors: [
          [0, "first\n"],
          [137, ""],
          [0, "third\n"],
        ],
      });
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "the gate of an executor whose turn has not come: SYSTEM_ERROR that names it, when it comes",
    async () => {
      const id = await deployed.tes.create({
        executors: [shell("exec sleep 600", { ignore_error: true }), shell("echo never")],
      });
      kill((await untilProcess(deployed, `tes-${id}-1`, "exec-1", isFirst)).pid);
      kill((await untilProcess(deployed, `tes-${id}-1`, "exec-0", isCommand)).pid);
      const task = await ended(deployed, id);
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [[137, ""]] });
      expect(systemLogs(task)).toContain("Executor 1 was killed before its turn");
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "the supervisor: SYSTEM_ERROR that names it, earlier logs are kept, no folder is left in a shared claim",
    async () => {
      const id = await inClaim.tes.create({
        volumes: ["/data"],
        executors: [shell("echo first"), shell("echo >/data/x; exec sleep 600")],
      });
      await untilProcess(inClaim, `tes-${id}-1`, "exec-1", isCommand);
      kill((await untilProcess(inClaim, `tes-${id}-1`, "supervisor", isFirst)).pid);
      const task = await ended(inClaim, id);
      expect(summary(task)).toEqual({ state: "SYSTEM_ERROR", executors: [[0, "first\n"]] });
      expect(systemLogs(task)).toContain("Container supervisor ended with exit code 137");
      await nothingIsLeftOf(inClaim, id);
      expect(await foldersLeft(inClaim)).not.toContain(id);
    },
    testMilliseconds,
  );

  test.concurrent.each([
    { what: "stage-in", service: () => deployed },
    { what: "supervisor", service: () => inClaim },
  ])(
    "the $what while it stages: another pod, and COMPLETE",
    async ({ what, service }) => {
      await using server = await startSilentServer(service());
      const id = await service().tes.create({
        inputs: [{ url: `http://${server.host}/x`, path: "/in/x" }],
        executors: [shell("cat /in/x")],
      });
      await server.connected();
      kill((await untilProcess(service(), `tes-${id}-1`, what, isFirst)).pid);
      const again = await untilSays(service(), id, "trying again (attempt 2 of 3)");
      expect(systemLogs(again)).toContain(`Container ${what} ended with exit code 137`);
      await server.open();
      expect(summary(await ended(service(), id))).toEqual({ state: "COMPLETE", executors: [[0, "open\n"]] });
      await nothingIsLeftOf(service(), id);
    },
    testMilliseconds,
  );

  test.concurrent(
    "the pod's sandbox while an executor runs: SYSTEM_ERROR that says that it was stopped",
    async () => {
      const id = await deployed.tes.create({ executors: [shell("echo first"), shell("exec sleep 600")] });
      const command = await untilProcess(deployed, `tes-${id}-1`, "exec-1", isCommand);
      kill(sandboxOf(command.pid));
      const task = await ended(deployed, id);
      expect(task.state).toBe("SYSTEM_ERROR");
      expect(summary(task).executors[0]).toEqual([0, "first\n"]);
      expect(systemLogs(task)).toContain("was stopped by something else");
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );
});
