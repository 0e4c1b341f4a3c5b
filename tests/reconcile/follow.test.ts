// A pod that runs and whose reports do not arrive: RUNNING and the ends of executors are told by its journal meanwhile.
import { describe, expect, test } from "bun:test";
import { containers } from "../../src/pod/names.ts";
import type { PodFacts } from "../../src/pod/observe.ts";
import { decide, type Policy } from "../../src/reconcile/decide.ts";
import { newRecord, noAdditions, type Run } from "../../src/tes/record.ts";
import { makeFacts, makePolicy, makeRecord, makeTask, now, secondsAgo } from "../support/make.ts";
import { containerEnded, createStandIn, journal, onNode } from "./cluster-stand-in.ts";
import { openWatchedStore, startService } from "./service.ts";

interface Row {
  readonly title: string;
  readonly runningSeconds?: number;
  readonly run?: Partial<Run>;
  readonly facts?: Partial<PodFacts>;
  readonly policy?: Partial<Policy>;
  readonly expected: object;
}

const deaf: Partial<Policy> = { reportSecondsMax: 0 };
const heard: Partial<Run> = { acknowledged: { "stage-in": 0, supervisor: 1 } };
const trouble = { container: "exec-1", executor: 1, reason: "ErrImagePull", message: "no" };
const look = (againAfterSeconds: number) => ({ do: "follow-journal", againAfterSeconds });

describe("the journal of a pod that runs", () => {
  test.each<Row>([
    { title: "not before the supervisor runs", policy: deaf, expected: { do: "rest" } },
    { title: "at once if no reports will come", runningSeconds: 0, policy: deaf, expected: look(2) },
    { title: "more seldom as time goes by", runningSeconds: 100, policy: deaf, expected: look(25) },
    { title: "but once a minute", runningSeconds: 86_400, policy: deaf, expected: look(60) },
    { title: "also by a clock that is behind", runningSeconds: -50, policy: deaf, expected: look(2) },
    { title: "and on", runningSeconds: 8, policy: deaf, run: heard, expected: look(2) },
    {
      title: "not while reports may come",
      runningSeconds: 10,
      expected: { do: "rest", wakeAfterSeconds: 20 },
    },
    { title: "if none came for too long", runningSeconds: 40, expected: look(10) },
    { title: "not if they come", runningSeconds: 40, run: heard, expected: { do: "rest" } },
    {
      title: "and yet in time for another patience's end",
      runningSeconds: 400,
      policy: { ...deaf, imagePullSecondsMax: 5 },
      run: { executors: [], waiting: { reason: "exec-0 ErrImagePull", since: secondsAgo(2) } },
      facts: { trouble: { ...trouble, container: "exec-0", executor: 0 } },
      expected: look(3),
    },
  ])("is read $title", ({ runningSeconds, run, facts, policy, expected }) => {
    const record = makeRecord({ state: "INITIALIZING", run: { created: true, nodeName: "n1", ...run } });
    const sight = makeFacts({
      scheduled: true,
      nodeName: "n1",
      ...(runningSeconds === undefined ? {} : { supervisorSince: new Date(secondsAgo(runningSeconds)) }),
      ...facts,
    });
    expect(decide({ record, sight, gone: false, now, policy: makePolicy(policy) })).toEqual(
      expected as ReturnType<typeof decide>,
    );
  });
});

test("a task whose pod says nothing but in its journal is RUNNING while it runs, and its output is there", async () => {
  await using store = openWatchedStore();
  await store.create(newRecord(makeTask(), "abc", new Date()), noAdditions);
  const cluster = createStandIn();
  await using _service = startService(store, cluster, undefined, { policy: deaf });
  await store.until("abc", ({ run }) => run.created);
  const key = `tes-abc-1/${containers.supervisor}`;
  const tell = (count: number) =>
    cluster.journals.set(
      key,
      journal
        .slice(0, count)
        .map((report) => `${JSON.stringify(report)}\n`)
        .join(""),
    );
  const running = { name: containers.supervisor, image: "", imageID: "", ready: true, restartCount: 0 };
  tell(1);
  cluster.update("tes-abc-1", {
    ...onNode,
    containerStatuses: [{ ...running, state: { running: { startedAt: new Date() } } }],
  });
  expect((await store.until("abc", ({ state }) => state === "RUNNING")).run).toMatchObject({ executors: [] });
  tell(2);
  // No change of the pod is needed for the second look.
  await store.until("abc", ({ run }) => run.executors.length === 1);
  expect((await store.getFull("abc"))?.additions.tails).toHaveLength(1);
  tell(3);
  cluster.update("tes-abc-1", { containerStatuses: [containerEnded(containers.supervisor, 0, "Completed")] });
  expect((await store.until("abc", ({ live }) => !live)).state).toBe("COMPLETE");
}, 30_000);
