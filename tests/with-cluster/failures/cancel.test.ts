// Cancel at moments that are hard to leave: while an input, an image or an upload hangs. Twice, and nothing is left.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import {
  ended,
  failing,
  failingInClaim,
  foldersLeft,
  nothingIsLeftOf,
  testMilliseconds,
  untilState,
} from "./failures.ts";
import { type SilentServer, startSilentServer } from "./silent-server.ts";

interface Row {
  readonly title: string;
  readonly task: (server: SilentServer) => object;
  /** The state in which it hangs. */
  readonly state: string;
}

const rows: readonly Row[] = [
  {
    title: "while an input hangs",
    task: ({ host }) => ({
      inputs: [{ url: `http://${host}/in`, path: "/in/x" }],
      executors: [shell("echo never")],
    }),
    state: "INITIALIZING",
  },
  {
    title: "while the host of an image does not answer",
    task: ({ host }) => ({
      volumes: ["/data"],
      executors: [{ image: `${host}/no/such:1`, command: ["true"] }],
    }),
    state: "INITIALIZING",
  },
  {
    title: "while an executor runs, and the host of a later one's image does not answer",
    task: ({ host }) => ({
      volumes: ["/data"],
      executors: [shell("exec sleep 600"), { image: `${host}/no/such:1`, command: ["true"] }],
    }),
    state: "RUNNING",
  },
  {
    title: "while an output hangs",
    task: ({ host }) => ({
      outputs: [{ url: `http://${host}/out`, path: "/out/x" }],
      executors: [shell("echo x >/out/x")],
    }),
    state: "RUNNING",
  },
];

describe.skipIf(cluster === undefined)("cancel", () => {
  let deployed: Deployed;
  let inClaim: Deployed;

  beforeAll(async () => {
    [deployed, inClaim] = await Promise.all([failing(), failingInClaim()]);
  }, testMilliseconds);

  async function cancelTwice(service: Deployed, { task, state }: Row): Promise<string> {
    await using server = await startSilentServer(service);
    const id = await service.tes.create(task(server));
    await server.connected();
    await untilState(service, id, state);
    await Promise.all([service.tes.cancel(id), service.tes.cancel(id)]);
    expect((await ended(service, id)).state).toBe("CANCELED");
    await service.tes.cancel(id);
    expect((await service.tes.get(id)).state).toBe("CANCELED");
    await nothingIsLeftOf(service, id);
    return id;
  }

  test.concurrent.each(rows)(
    "$title: CANCELED, twice is once, and nothing is left",
    async (row) => {
      await cancelTwice(deployed, row);
    },
    testMilliseconds,
  );

  test.concurrent.each(rows)(
    "$title, staged by the supervisor in a shared claim: the same, and no folder is left",
    async (row) => {
      const id = await cancelTwice(inClaim, row);
      expect(await foldersLeft(inClaim)).not.toContain(id);
    },
    testMilliseconds,
  );

  // Told to stop all at once, dozens of containers hang some runtimes for two minutes.
  test.concurrent(
    "of a task whose 48 executors are all there: CANCELED long before a runtime would hang",
    async () => {
      const executors = [shell("exec sleep 600"), ...Array.from({ length: 47 }, () => shell("true"))];
      const id = await deployed.tes.create({ executors });
      const areAllThere = async () => {
        const path = "jsonpath={.items[*].status.containerStatuses[*].started}";
        const started = await deployed.kubectl(["get", "pods", "-l", `tespod/task=${id}`, "-o", path]);
        return started.split(" ").filter((word) => word.trim() === "true").length === 49;
      };
      while (!(await areAllThere())) await Bun.sleep(1000);
      const before = Date.now();
      await deployed.tes.cancel(id);
      expect((await ended(deployed, id)).state).toBe("CANCELED");
      expect(Date.now() - before).toBeLessThan(60_000);
      await nothingIsLeftOf(deployed, id);
    },
    testMilliseconds,
  );
});
