// The reconciler on a real store: tasks from stored to cleared, through deaths at any call, refusals and races.
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type Cluster, ClusterError } from "../../src/cluster/cluster.ts";
import { labels, podName } from "../../src/pod/names.ts";
import { hasStopHooks } from "../../src/pod/stops.ts";
import { newRecord, noAdditions, type TaskRecord } from "../../src/tes/record.ts";
import { executorEnded, makeReport, makeTask } from "../support/make.ts";
import { createStandIn, journal, onNode, type StandIn, successfulLife } from "./cluster-stand-in.ts";
import {
  type Death,
  makeMortal,
  openWatchedStore,
  type Service,
  startService,
  type WatchedStore,
} from "./service.ts";

/** Content that does not compress, so that the plan goes into a Secret. */
const largeInput = {
  path: "/in/large",
  type: "FILE" as const,
  content: randomBytes(75_000).toString("base64"),
};

const isCleared = ({ live }: TaskRecord): boolean => !live;
const alone = () => Promise.resolve();

async function storeTask(store: WatchedStore, id = "abc", inputs?: (typeof largeInput)[]): Promise<void> {
  const task = inputs === undefined ? makeTask() : makeTask({ inputs });
  await store.create(newRecord(task, id, new Date()), noAdditions);
}

const leftovers = ({ pods, secrets }: StandIn): string[] => [...pods.keys(), ...secrets.keys()];

describe("a task's whole life", () => {
  test("from stored to cleared: one pod, one create, one deletion, and its log", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    const cluster = createStandIn({ live: successfulLife(alone) });
    await using _service = startService(store, cluster);
    const record = await store.until("abc", isCleared);
    expect(record).toMatchObject({ state: "COMPLETE", run: { attempt: 1, released: 1, journalRead: true } });
    expect(leftovers(cluster)).toEqual([]);
    expect(cluster.calls).toEqual([
      "createPod tes-abc-1",
      "readLog tes-abc-1 stage-in",
      "readLog tes-abc-1 supervisor",
      "deletePod tes-abc-1",
    ]);
    const full = await store.getFull("abc");
    expect(full?.additions.tails).toEqual([{ executor: 0, stdout: "out 0", stderr: "err 0" }]);
  });

  test("with reports that arrive, the journal is not read", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    const services: Service[] = [];
    const cluster = createStandIn({
      live: successfulLife(async (task, attempt, reports) => {
        await services[0]?.reconciler.report(task, attempt, reports);
      }),
    });
    await using service = startService(store, cluster);
    services.push(service);
    expect((await store.until("abc", isCleared)).state).toBe("COMPLETE");
    expect(cluster.calls).toEqual(["createPod tes-abc-1", "deletePod tes-abc-1"]);
  });

  test("a task that comes while it runs", async () => {
    await using store = openWatchedStore();
    const cluster = createStandIn({ live: successfulLife(alone) });
    await using service = startService(store, cluster);
    await storeTask(store);
    service.reconciler.poke("abc");
    expect((await store.until("abc", isCleared)).state).toBe("COMPLETE");
  });

  test("a task that was put into the database behind its back", async () => {
    await using store = openWatchedStore();
    const cluster = createStandIn({ live: successfulLife(alone) });
    await using _service = startService(store, cluster, undefined, { orphanSeconds: 0.05 });
    await Bun.sleep(20);
    await storeTask(store);
    expect((await store.until("abc", isCleared)).state).toBe("COMPLETE");
    expect(cluster.calls.filter((call) => call.startsWith("createPod"))).toEqual(["createPod tes-abc-1"]);
  });
});

interface Story {
  readonly title: string;
  readonly inputs?: (typeof largeInput)[];
  readonly posts: boolean;
  readonly cancel: boolean;
  readonly state: string;
  /** How many pods there may have been; one that is canceled early has none. */
  readonly podsMade: readonly number[];
}

/** One task whose service dies at the given call, and another service that takes over. */
async function liveThrough(
  story: Story,
  death: Death,
): Promise<{ died: boolean; podsMade: number; seen: unknown }> {
  await using store = openWatchedStore();
  await storeTask(store, "abc", story.inputs);
  let current: Service | undefined;
  const post = story.posts
    ? async (...reports: Parameters<Service["reconciler"]["report"]>) => {
        // A service that is dead answers nothing; the sender goes on when it gives up.
        await Promise.race([current?.reconciler.report(...reports), mortal.died]);
      }
    : alone;
  const cluster = createStandIn({ live: successfulLife(post) });
  const mortal = makeMortal(store, cluster, death);
  const first = startService(mortal.store as WatchedStore, mortal.cluster);
  current = first;
  if (story.cancel) await Promise.race([first.reconciler.cancel("abc"), mortal.died]);
  const cleared = store.until("abc", isCleared);
  await Promise.race([cleared, mortal.died]);
  first.kill();
  if (mortal.isDead()) {
    await using second = startService(store, cluster);
    current = second;
    // A client whose cancel was not answered asks again.
    if (story.cancel) await second.reconciler.cancel("abc");
    await cleared;
  }
  const { state, run } = await cleared;
  const seen = {
    call: death.call,
    state,
    attempt: run.attempt,
    left: leftovers(cluster),
  };
  return { died: mortal.isDead(), podsMade: cluster.made.get(podName("abc", 1)) ?? 0, seen };
}

describe("killed at any call, made or not", () => {
  const stories: readonly Story[] = [
    { title: "journal alone", posts: false, cancel: false, state: "COMPLETE", podsMade: [1] },
    { title: "reports by HTTP", posts: true, cancel: false, state: "COMPLETE", podsMade: [1] },
    {
      title: "plan in a Secret",
      inputs: [largeInput],
      posts: false,
      cancel: false,
      state: "COMPLETE",
      podsMade: [1],
    },
    { title: "canceled", posts: true, cancel: true, state: "CANCELED", podsMade: [0, 1] },
  ];
  test.each(
    stories.flatMap((story) =>
      [true, false].map((made) => ({ ...story, made, story, kind: made ? "made, answer lost" : "not made" })),
    ),
  )(
    "$title, the last call $kind: one pod, the right end, nothing left",
    async ({ story, made }) => {
      let call = 1;
      for (; ; call++) {
        const { died, podsMade, seen } = await liveThrough(story, { call, made });
        expect(seen).toEqual({ call, state: story.state, attempt: 1, left: [] });
        expect(story.podsMade).toContain(podsMade);
        if (!died) break;
      }
      // It died often enough to have proved something.
      expect(call).toBeGreaterThan(4);
    },
    60_000,
  );
});

/** A cluster whose list takes its time, as over a network: the tasks are looked at before it is there. */
const listingSlowly = (cluster: StandIn): Cluster => ({
  ...cluster,
  async *watchPods(...args) {
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
    yield* cluster.watchPods(...args);
  },
});

describe("while the service was down", () => {
  test.each([
    {
      title: "its pod went, and whether anything ran is not known: SYSTEM_ERROR",
      released: 0,
      state: "SYSTEM_ERROR",
      attempt: 1,
    },
    {
      title:
        "its pod went so soon after its create that nothing can have run without our word: another attempt",
      released: 0,
      hold: { from: new Date().toISOString(), seconds: 600 },
      state: "COMPLETE",
      attempt: 2,
    },
    {
      title: "its pod went after something ran: SYSTEM_ERROR",
      released: 1,
      state: "SYSTEM_ERROR",
      attempt: 1,
    },
  ])("$title", async ({ released, hold, state, attempt }) => {
    await using store = openWatchedStore();
    const record = newRecord(makeTask(), "abc", new Date());
    const run = { ...record.run, created: true, released, ...(hold === undefined ? {} : { hold }) };
    await store.create({ ...record, run }, noAdditions);
    const cluster = createStandIn({ live: successfulLife(alone) });
    await using _service = startService(store, listingSlowly(cluster));
    expect(await store.until("abc", isCleared)).toMatchObject({ state, run: { attempt } });
    expect(leftovers(cluster)).toEqual([]);
  });
});

/** A stand-in whose next createPod throws, before or after the pod was made. */
function failingOnce(cluster: StandIn, error: ClusterError, after = false): Cluster {
  let failed = false;
  return {
    ...cluster,
    async createPod(pod, signal) {
      if (failed) return cluster.createPod(pod, signal);
      failed = true;
      if (after) await cluster.createPod(pod, signal);
      throw error;
    },
  };
}

describe("the API server does not take the pod", () => {
  test.each([
    {
      title: "429: tried again after Retry-After",
      error: new ClusterError("throttled", "too many requests", { retryAfterSeconds: 0.05 }),
      after: false,
    },
    {
      title: "5xx: tried again",
      error: new ClusterError("unavailable", "etcd: leader changed"),
      after: false,
    },
    {
      title: "5xx after the pod was made: no second pod",
      error: new ClusterError("unavailable", "etcd: request timed out"),
      after: true,
    },
  ])("$title", async ({ error, after }) => {
    await using store = openWatchedStore();
    await storeTask(store);
    const cluster = createStandIn({ live: successfulLife(alone) });
    await using _service = startService(store, failingOnce(cluster, error, after));
    expect(await store.until("abc", isCleared)).toMatchObject({ state: "COMPLETE", run: { attempt: 1 } });
    expect(cluster.made).toEqual(new Map([["tes-abc-1", 1]]));
    expect(leftovers(cluster)).toEqual([]);
  });

  test.each([
    { executors: 20, made: 1, state: "COMPLETE" },
    { executors: 2, made: 0, state: "SYSTEM_ERROR" },
  ])(
    "a Kubernetes of before 1.30 gets no hooks, if it was these: $executors executors, $state",
    async ({ executors, made, state }) => {
      await using store = openWatchedStore();
      const task = makeTask({ executors: Array(executors).fill({ image: "i", command: ["true"] }) });
      await store.create(newRecord(task, "abc", new Date()), noAdditions);
      const cluster = createStandIn({ live: successfulLife(alone) });
      const words = "spec.containers[17].lifecycle.preStop: Required value: must specify a handler type";
      const refusing: Cluster = {
        ...cluster,
        createPod: (pod, signal) =>
          made === 0 || hasStopHooks(pod)
            ? Promise.reject(new ClusterError("refused", words))
            : cluster.createPod(pod, signal),
      };
      await using _service = startService(store, refusing);
      expect(await store.until("abc", isCleared)).toMatchObject({ state });
      expect(cluster.made.size).toBe(made);
    },
  );

  test.each([
    { kind: "quota", words: (used: number) => `exceeded quota: q, used: pods=${used}` },
    { kind: "throttled", words: (used: number) => `too many requests (${used})` },
    { kind: "unavailable", words: (used: number) => `no answer in ${used} s` },
  ] as const)(
    "$kind: QUEUED with the reason, once however it is worded; created when it is over",
    async ({ kind, words }) => {
      await using store = openWatchedStore();
      await storeTask(store);
      const cluster = createStandIn({ live: successfulLife(alone) });
      let full = true;
      let tries = 0;
      const refusing: Cluster = {
        ...cluster,
        createPod(pod, signal) {
          tries++;
          return full
            ? Promise.reject(new ClusterError(kind, words(tries), { retryAfterSeconds: 0.01 }))
            : cluster.createPod(pod, signal);
        },
      };
      await using service = startService(store, refusing);
      const queued = await store.until("abc", ({ run }) => run.waiting !== undefined);
      expect(queued.state).toBe("QUEUED");
      // The next try of its own may be 10 s away; a poke stands for it.
      service.reconciler.poke("abc");
      while (tries < 2) await new Promise(setImmediate);
      full = false;
      service.reconciler.poke("abc");
      await store.until("abc", isCleared);
      const { systemLogs } = (await store.getFull("abc"))?.additions ?? noAdditions;
      expect(systemLogs.filter((line) => line.includes("Pod was not created"))).toHaveLength(1);
      expect(systemLogs[0]).toEndWith(` Pod was not created: ${words(1)}`);
    },
  );

  test("no API server: its pod is tried again ever more rarely", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    const away: Cluster = {
      ...createStandIn(),
      createPod: () => Promise.reject(new ClusterError("unavailable", "nobody answers")),
    };
    await using service = startService(store, away);
    for (let failures = 1; failures <= 4; failures++) {
      while (service.waits.length < failures) await new Promise(setImmediate);
      service.reconciler.poke("abc"); // stands for the wait
    }
    expect(service.waits.slice(0, 4)).toMatchObject([1, 2, 4, 8].map((seconds) => ({ seconds })));
  });

  test("422: SYSTEM_ERROR with the server's message, and nothing left", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    const cluster = createStandIn();
    const error = new ClusterError("refused", 'Cannot create pod "tes-abc-1": spec is invalid');
    await using _service = startService(store, failingOnce(cluster, error));
    expect(await store.until("abc", isCleared)).toMatchObject({ state: "SYSTEM_ERROR" });
    const full = await store.getFull("abc");
    expect(full?.additions.systemLogs).toEqual([
      expect.stringContaining('Pod was not created: Cannot create pod "tes-abc-1": spec is invalid'),
    ]);
    expect(cluster.made.size).toBe(0);
  });

  test("what the task was granted is taken back before its pod was made: SYSTEM_ERROR that says so, and no pod", async () => {
    await using store = openWatchedStore();
    const resources = { backend_parameters: { service_account: "reader" } };
    await store.create(newRecord(makeTask({ resources }), "abc", new Date()), noAdditions);
    const cluster = createStandIn();
    await using _service = startService(store, cluster);
    expect(await store.until("abc", isCleared)).toMatchObject({ state: "SYSTEM_ERROR" });
    expect((await store.getFull("abc"))?.additions.systemLogs).toEqual([
      expect.stringContaining("service_account is no longer granted"),
    ]);
    expect(cluster.made.size).toBe(0);
  });

  test("the Secret of the plan is refused: SYSTEM_ERROR, and the pod is taken away", async () => {
    await using store = openWatchedStore();
    await storeTask(store, "abc", [largeInput]);
    const cluster = createStandIn();
    const refusing: Cluster = {
      ...cluster,
      createSecret: () => Promise.reject(new ClusterError("refused", "no secrets today")),
    };
    await using _service = startService(store, refusing);
    expect(await store.until("abc", isCleared)).toMatchObject({ state: "SYSTEM_ERROR" });
    while (cluster.pods.size > 0) await new Promise(setImmediate);
    expect(cluster.made).toEqual(new Map([["tes-abc-1", 1]]));
  });
});

describe("a watch that is behind", () => {
  test("a list older than the pod: it is asked for by name, and neither lost nor made twice", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    const cluster = createStandIn();
    await using _service = startService(store, cluster);
    await store.until("abc", ({ run }) => run.created);
    cluster.tell({ type: "listed", pods: [] });
    while (!cluster.calls.includes("getPod tes-abc-1")) await new Promise(setImmediate);
    cluster.update("tes-abc-1", { ...onNode });
    const pod = cluster.pods.get("tes-abc-1");
    if (pod === undefined) throw new Error("Pod is gone");
    await successfulLife(alone)(pod, cluster);
    expect(await store.until("abc", isCleared)).toMatchObject({ state: "COMPLETE", run: { attempt: 1 } });
    expect(cluster.made).toEqual(new Map([["tes-abc-1", 1]]));
  });

  test("a pod whose node is lost, and may be retried: another attempt, and the lost one is removed by force", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    const cluster = createStandIn();
    await using _service = startService(store, cluster, undefined, { policy: { retryUnknown: true } });
    await store.until("abc", ({ run }) => run.created);
    const pod = cluster.pods.get("tes-abc-1");
    if (pod === undefined) throw new Error("Pod is gone");
    const longAgo = new Date(Date.now() - 600_000);
    const lost = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: longAgo } };
    cluster.pods.set("tes-abc-1", lost);
    cluster.tell({ type: "changed", pod: lost });
    await store.until("abc", ({ run }) => run.attempt === 2 && run.created);
    while (cluster.pods.has("tes-abc-1")) await new Promise(setImmediate);
    expect([...cluster.pods.keys()]).toEqual(["tes-abc-2"]);
  });

  test("a pod deleted by hand before anything ran: another attempt", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    let lives = 0;
    const cluster = createStandIn({
      live: async (pod, standIn) => {
        lives++;
        if (lives === 1) return standIn.vanish(pod.metadata?.name ?? "");
        await successfulLife(alone)(pod, standIn);
      },
    });
    await using _service = startService(store, cluster);
    expect(await store.until("abc", isCleared)).toMatchObject({ state: "COMPLETE", run: { attempt: 2 } });
    expect(cluster.made).toEqual(
      new Map([
        ["tes-abc-1", 1],
        ["tes-abc-2", 1],
      ]),
    );
  });
});

describe("pods that are nobody's", () => {
  const stranger = (task: string, ageSeconds: number, name = `tes-${task}-1`) => ({
    metadata: {
      name,
      uid: `uid-${name}`,
      labels: { [labels.task]: task },
      creationTimestamp: new Date(Date.now() - ageSeconds * 1000),
    },
  });

  test("of an unknown task: removed when old, left alone while young; of a known one: removed", async () => {
    await using store = openWatchedStore();
    await store.create(
      { ...newRecord(makeTask(), "done", new Date()), state: "COMPLETE", live: false },
      noAdditions,
    );
    const cluster = createStandIn();
    for (const pod of [
      stranger("old", 601),
      stranger("young", 590),
      stranger("done", 1),
      stranger("done", 1, "tes-done-2"),
    ]) {
      cluster.pods.set(pod.metadata.name, pod);
    }
    await using _service = startService(store, cluster);
    while (cluster.pods.size > 1) await new Promise(setImmediate);
    expect(leftovers(cluster)).toEqual(["tes-young-1"]);
    expect(new Set(cluster.calls)).toEqual(
      new Set(["deletePod tes-done-1", "deletePod tes-done-2", "deletePod tes-old-1"]),
    );
  });
});

describe("reports and cancels", () => {
  async function withTask(differences: Partial<TaskRecord> = {}) {
    const store = openWatchedStore();
    await store.create({ ...newRecord(makeTask(), "abc", new Date()), ...differences }, noAdditions);
    const service = startService(store, createStandIn());
    await store.until("abc", ({ run, live }) => run.created || !live);
    return {
      store,
      reconciler: service.reconciler,
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      },
    };
  }

  test("each report counts once, in its order; the answer says what is held", async () => {
    await using given = await withTask();
    const { reconciler, store } = given;
    const [first, second, third] = journal;
    if (!(first && second && third)) throw new RangeError("The journal is shorter than this test");
    const told = (...reports: (typeof journal)[number][]) => reconciler.report("abc", 1, reports);
    expect(await told(second)).toEqual({ acknowledged: 0, cancel: false });
    expect(await told(first)).toEqual({ acknowledged: 1, cancel: false });
    expect(await told(first, second)).toEqual({ acknowledged: 2, cancel: false });
    expect((await store.get("abc"))?.run).toMatchObject({ released: 1, executors: [{ exitCode: 0 }] });
    expect(await told(third)).toEqual({ acknowledged: 3, cancel: false });
    expect((await store.until("abc", ({ state }) => state === "COMPLETE")).state).toBe("COMPLETE");
  });

  test("the two sources count apart", async () => {
    await using given = await withTask();
    const note = makeReport(1, { type: "note", message: "n" }, "stage-in");
    expect(await given.reconciler.report("abc", 1, [note])).toEqual({ acknowledged: 1, cancel: false });
    expect(await given.reconciler.report("abc", 1, [makeReport(2, executorEnded(0))])).toEqual({
      acknowledged: 0,
      cancel: false,
    });
  });

  test.each([
    { title: "an unknown task", id: "xyz", attempt: 1, answer: undefined },
    { title: "an attempt that is not its current one", id: "abc", attempt: 2, answer: "over" as const },
  ])("reports of $title are not taken", async ({ id, attempt, answer }) => {
    await using given = await withTask();
    expect(await given.reconciler.report(id, attempt, journal)).toBe(answer);
  });

  test("a pod of a task that is being canceled is told to stop", async () => {
    await using given = await withTask();
    expect(await given.reconciler.cancel("abc")).toBe(true);
    await given.store.until("abc", ({ state }) => state === "CANCELING" || state === "CANCELED");
    await using other = await withTask({ state: "CANCELING", live: false });
    const note = makeReport(1, { type: "note", message: "n" });
    expect(await other.reconciler.report("abc", 1, [note])).toEqual({ acknowledged: 1, cancel: true });
  });

  test("cancel twice is cancel once; of an unknown task nothing", async () => {
    await using given = await withTask();
    const { reconciler, store } = given;
    expect(await Promise.all([reconciler.cancel("abc"), reconciler.cancel("abc")])).toEqual([true, true]);
    expect((await store.until("abc", isCleared)).state).toBe("CANCELED");
    expect(await reconciler.cancel("abc")).toBe(true);
    expect((await store.get("abc"))?.state).toBe("CANCELED");
    expect(await reconciler.cancel("xyz")).toBe(false);
  });

  test("cancel of a task that is over changes nothing", async () => {
    await using given = await withTask({ state: "COMPLETE", live: false });
    const before = await given.store.get("abc");
    expect(await given.reconciler.cancel("abc")).toBe(true);
    expect(await given.store.get("abc")).toEqual(before);
  });

  test("a save that another process forestalled is an error, so that the sender tries again", async () => {
    await using store = openWatchedStore();
    await storeTask(store);
    const forestalled = { ...store, save: () => Promise.resolve(false) };
    await using service = startService(forestalled, createStandIn(), () => new Date());
    const cannot = 'Cannot save task "abc": it changed meanwhile';
    await expect(service.reconciler.report("abc", 1, journal)).rejects.toThrow(cannot);
    await expect(service.reconciler.cancel("abc")).rejects.toThrow(cannot);
  });
});

test("a task whose record cannot be read ends in words, its pod goes, and the others run", async () => {
  await using store = openWatchedStore();
  for (const id of ["before", "damaged", "large", "later"]) await storeTask(store, id);
  store.change("UPDATE document SET run = 'no JSON' WHERE position = 2");
  store.change(
    "UPDATE document SET run = '{\"attempt\":1}' || printf('%.*c', 20000000, ' ') WHERE position = 3",
  );
  const cluster = createStandIn({ live: successfulLife(alone) });
  const metadata = { name: podName("damaged", 1), labels: { [labels.task]: "damaged" } };
  cluster.pods.set(metadata.name, { metadata: { ...metadata, uid: "u", creationTimestamp: new Date() } });
  await using _service = startService(store, cluster);
  for (const id of ["before", "later"]) expect((await store.until(id, isCleared)).state).toBe("COMPLETE");
  for (const [id, why] of [
    ["damaged", "JSON Parse error"],
    ["large", "it is larger than 16777216 bytes"],
  ] as const) {
    const full = await store.getFull(id);
    expect(full?.record).toMatchObject({ state: "SYSTEM_ERROR", live: false });
    const [line] = full?.additions.systemLogs ?? [];
    expect(line).toContain(`The record of task "${id}" cannot be read: ${why}`);
    expect(line).toEndWith("; the task is given up");
  }
  expect(leftovers(cluster)).toEqual([]);
});
