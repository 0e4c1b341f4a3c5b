// Pods that are deleted at the worst of moments: no executor runs twice, counted outside of the system, and the words are true.
// TESPOD_FORCED_DELETES and TESPOD_SILENT_DELETES give the numbers of pods; the default is a short form.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../../src/cluster/cluster.ts";
import { connectKubernetes } from "../../../src/cluster/kubernetes.ts";
import type { Deployed } from "../../support/deploy.ts";
import { cluster } from "../../support/service.ts";
import { shell } from "../e2e/tasks.ts";
import { failingWith, secondsMax } from "./failures.ts";
import { isFirst, onNode, untilProcess } from "./host-processes.ts";
import { inVain, ranTwice, type StartCounter, seenOf, startCounter, tell, untrue } from "./start-counter.ts";

const forced = Number(process.env["TESPOD_FORCED_DELETES"] || 6);
const silent = Number(process.env["TESPOD_SILENT_DELETES"] || 6);
/** So many tasks at once: a small node starts them in seconds. */
const together = 6;
const never = new AbortController().signal;

let names = 0;

/** Creates a task whose executor tells the counter of itself, and then runs for so long. */
async function create({ tes }: Deployed, counter: StartCounter, seconds: number): Promise<[string, string]> {
  const name = `task-${names++}`;
  const id = await tes.create({ executors: [shell(`${counter.tell(name)}; exec sleep ${seconds}`)] });
  return [id, name];
}

/** Resolves when the task's first pod has a node. */
async function untilPlaced(pods: Cluster, id: string): Promise<void> {
  for (const deadline = Date.now() + secondsMax * 1000; Date.now() < deadline; await sleep(20)) {
    if ((await pods.getPod(`tes-${id}-1`, never))?.spec?.nodeName !== undefined) return;
  }
  throw new Error(`Pod tes-${id}-1 was not seen on a node in ${secondsMax} s`);
}

const remove = (pods: Cluster, id: string, graceSeconds: number): Promise<void> =>
  pods.deletePod(`tes-${id}-1`, { graceSeconds }, never);

/** In the network of the service's pod alone, and gone with it: what pods send is dropped, what the node sends is not. */
function cut(pid: number, action: "--append" | "--delete"): void {
  const inside = (...command: string[]) =>
    execFileSync("nsenter", [`--target=${pid}`, "--net", ...command], { encoding: "utf8" });
  const [, gateway = ""] = /default via (\S+)/.exec(inside("ip", "route")) ?? [];
  const rule = `INPUT --protocol tcp --dport 8081 ! --source ${gateway} --jump DROP`;
  inside("iptables", action, ...rule.split(" "));
}

async function servicePid({ serviceKubectl: kubectl }: Deployed): Promise<number> {
  const label = "--selector=app.kubernetes.io/name=tespod";
  const pod = await kubectl(["get", "pods", label, "-o", "jsonpath={.items[0].metadata.name}"]);
  return (await untilProcess({ kubectl }, pod, "tespod", isFirst)).pid;
}

interface Silence {
  readonly title: string;
  readonly begin: (pid: number) => void;
  readonly end: (pid: number) => void;
}

const silences: readonly Silence[] = [
  {
    title: "while their reports are cut",
    begin: (pid) => cut(pid, "--append"),
    end: (pid) => cut(pid, "--delete"),
  },
  {
    title: "while the service is frozen",
    begin: (pid) => void process.kill(pid, "SIGSTOP"),
    end: (pid) => void process.kill(pid, "SIGCONT"),
  },
];

describe.skipIf(!onNode)("runs once", () => {
  let deployed: Deployed;
  let pods: Cluster;
  let counter: StartCounter;

  beforeAll(async () => {
    // A frozen service must not be restarted: it would be another one that thaws.
    deployed = await failingWith("once", {});
    pods = connectKubernetes({ namespace: deployed.namespace, kubeconfig: cluster?.kubeconfig });
    counter = startCounter();
  }, 300_000);

  afterAll(() => counter?.[Symbol.asyncDispose]());

  test(
    `starting pods that are deleted by force: ${forced} of them`,
    async () => {
      const tasks = new Map<string, string>();
      while (tasks.size < forced) {
        const batch = Array.from({ length: Math.min(together, forced - tasks.size) }, async () => {
          const [id, name] = await create(deployed, counter, 3);
          tasks.set(id, name);
          await untilPlaced(pods, id);
          await sleep(randomInt(100, 300));
          await remove(pods, id, 0);
        });
        await Promise.all(batch);
        // More pods at once than the node can end in time would only show how it is overloaded.
        await seenOf(deployed, counter, tasks);
      }
      const seen = await seenOf(deployed, counter, tasks);
      tell("deleted by force", seen);
      expect(ranTwice(seen)).toEqual([]);
      expect(untrue(seen)).toEqual([]);
      expect(inVain(seen)).toEqual([]);
    },
    60_000 + forced * 20_000,
  );

  test.each(silences)(
    `pods that are deleted $title: ${silent / silences.length} of them`,
    async ({ title, begin, end }) => {
      const tasks = new Map<string, string>();
      while (tasks.size < silent / silences.length) {
        const pid = await servicePid(deployed);
        const batch = Array.from({ length: Math.min(together, silent / silences.length - tasks.size) }, () =>
          create(deployed, counter, 40),
        );
        const made = await Promise.all(batch);
        for (const [id, name] of made) tasks.set(id, name);
        await Promise.all(made.map(([id]) => untilPlaced(pods, id)));
        begin(pid);
        try {
          // Some before anything can have started, some when it must have.
          const deletions = made.map(async ([id], index) => {
            await sleep(index % 2 === 0 ? randomInt(100, 8000) : randomInt(8000, 24_000));
            await remove(pods, id, index % 3 === 0 ? 0 : 5);
          });
          await Promise.all([...deletions, sleep(title.includes("frozen") ? 20_000 : 25_000)]);
        } finally {
          end(pid);
        }
        await seenOf(deployed, counter, tasks);
      }
      const seen = await seenOf(deployed, counter, tasks);
      tell(`deleted ${title}`, seen);
      expect(ranTwice(seen)).toEqual([]);
      expect(untrue(seen)).toEqual([]);
    },
    120_000 + silent * 40_000,
  );
});
