// What killed pods leave in a shared claim: that it is known, removed by one more pod, and told if it cannot be.
import { expect, test } from "bun:test";
import type { V1Pod } from "@kubernetes/client-node";
import { UPLOADS_LEFT } from "../../sidecar/contract/uploads.ts";
import { ClusterError } from "../../src/cluster/cluster.ts";
import { decide, type Sight } from "../../src/reconcile/decide.ts";
import { newRecord, noAdditions, type Run } from "../../src/tes/record.ts";
import { makeFacts, makePolicy, makeRecord, makeReport, makeTask, now, secondsAgo } from "../support/make.ts";
import { containerEnded, createStandIn, onNode, type StandIn, successfulLife } from "./cluster-stand-in.ts";
import { openWatchedStore, startService } from "./service.ts";

const claim = { kind: "claim", claim: "shared" } as const;
const clock = () => new Date();
const isCleanUp = (pod: V1Pod): boolean => pod.spec?.containers[0]?.args?.[0] === "clean-up";

/** A pod that gets a node and whose supervisor ends without a word; then the one that cleans up ends with the code. */
const killedLife =
  (exitCode: number) =>
  (pod: V1Pod, cluster: StandIn): Promise<void> => {
    const name = pod.metadata?.name ?? "";
    const code = isCleanUp(pod) ? exitCode : 137;
    cluster.update(name, onNode);
    cluster.journals.set(`${name}/supervisor`, "");
    setTimeout(
      () => cluster.update(name, { containerStatuses: [containerEnded("supervisor", code, "")] }),
      5,
    );
    return Promise.resolve();
  };

async function liveThrough(cluster: StandIn, attempt = 3) {
  await using store = openWatchedStore();
  const record = newRecord(makeTask(), "abc", new Date());
  await store.create({ ...record, run: { ...record.run, attempt } }, noAdditions);
  const made: (readonly string[] | undefined)[] = [];
  const createPod = cluster.createPod;
  cluster.createPod = (pod, signal) => {
    made.push(pod.spec?.containers[0]?.args);
    // As on a real node, which nobody waits for here: the pod has one as soon as it is there.
    const placed = { ...pod, spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: "n1" } };
    return createPod(placed, signal);
  };
  await using _service = startService(store, cluster, clock, { work: claim });
  const { state } = await store.until("abc", ({ live }) => !live);
  const systemLogs = (await store.getFull("abc"))?.additions.systemLogs ?? [];
  return { state, made, systemLogs: systemLogs.join("\n"), left: [...cluster.pods.keys()] };
}

test("a supervisor that was killed: another pod removes the folders of all attempts", async () => {
  const end = await liveThrough(createStandIn({ live: killedLife(0) }));
  expect(end).toMatchObject({ state: "SYSTEM_ERROR", left: [] });
  expect(end.made).toEqual([["supervise"], ["clean-up", "tes-abc-1", "tes-abc-2", "tes-abc-3"]]);
  expect(end.systemLogs).not.toContain("claim");
});

test("a pod that cannot clean up is removed all the same, and what is left is told", async () => {
  const end = await liveThrough(createStandIn({ live: killedLife(1) }));
  expect(end).toMatchObject({ state: "SYSTEM_ERROR", left: [] });
  expect(end.made).toHaveLength(2);
  expect(end.systemLogs).toContain(
    'Folder "tes-abc-3" may be left in the claim: the pod that removes it ended with exit code 1',
  );
});

test("a pod that is refused does not come again and again", async () => {
  const cluster = createStandIn({ live: killedLife(0) });
  const createPod = cluster.createPod;
  cluster.createPod = (pod, signal) =>
    isCleanUp(pod)
      ? Promise.reject(new ClusterError("refused", "no such pods here"))
      : createPod(pod, signal);
  const end = await liveThrough(cluster);
  expect(end).toMatchObject({ state: "SYSTEM_ERROR", left: [] });
  expect(end.systemLogs).toContain("no such pods here");
});

test("an earlier attempt that was killed is cleaned up after by the end of the last", async () => {
  let lives = 0;
  const live = (pod: V1Pod, cluster: StandIn) => {
    lives += 1;
    return lives === 2 ? successfulLife(() => Promise.resolve())(pod, cluster) : killedLife(0)(pod, cluster);
  };
  const end = await liveThrough(createStandIn({ live }), 1);
  expect(end).toMatchObject({ state: "COMPLETE", left: [] });
  expect(end.made).toEqual([["supervise"], ["supervise"], ["clean-up", "tes-abc-1", "tes-abc-2"]]);
});

test.each([
  {
    title: "is read first, and what it began to upload is aborted",
    isReadable: true,
    made: ["supervise", "clean-up"],
  },
  { title: "cannot be read is canceled all the same", isReadable: false, made: ["supervise"] },
])("a canceled task whose journal $title", async ({ isReadable, made }) => {
  await using store = openWatchedStore();
  const output = { url: "s3://bucket/key", path: "/out/x", type: "FILE" as const };
  await store.create(newRecord(makeTask({ outputs: [output] }), "abc", new Date()), noAdditions);
  const told = makeReport(1, { type: "executor-started", executor: 0 });
  const untold = makeReport(2, { type: "upload-begun", url: "s3://bucket/key", upload: "u1" });
  const cluster = createStandIn({
    live: (pod, { update }) => {
      const name = pod.metadata?.name ?? "";
      update(name, onNode);
      if (isCleanUp(pod))
        setTimeout(() => update(name, { containerStatuses: [containerEnded("supervisor", 0, "")] }), 5);
      return Promise.resolve();
    },
  });
  cluster.journals.set("tes-abc-1/supervisor", `${JSON.stringify(told)}\n${JSON.stringify(untold)}\n`);
  if (!isReadable) cluster.readLog = () => Promise.reject(new ClusterError("unavailable", "no such kubelet"));
  const commands: (string | undefined)[] = [];
  const createPod = cluster.createPod;
  cluster.createPod = (pod, signal) => {
    commands.push(pod.spec?.containers[0]?.args?.[0]);
    return createPod(pod, signal);
  };
  await using service = startService(store, cluster, clock);
  await store.until("abc", ({ run }) => run.created);
  await service.reconciler.report("abc", 1, [told]);
  await service.reconciler.cancel("abc");
  const { state } = await store.until("abc", ({ live }) => !live);
  expect({ state, commands, left: [...cluster.pods.keys()] }).toEqual({
    state: "CANCELED",
    commands: [...made],
    left: [],
  });
});

test("a task whose supervisor had its word needs no other pod", async () => {
  const end = await liveThrough(createStandIn({ live: successfulLife(() => Promise.resolve()) }));
  expect(end).toMatchObject({ state: "COMPLETE", made: [["supervise"]], left: [] });
});

const killed: Partial<Run> = { created: true, podUid: "uid-1", nodeName: "n1" };
const cleaning = (secondsSince: number, more: Partial<Run> = {}): Partial<Run> => ({
  nodeName: "n1",
  cleanUp: { since: secondsAgo(secondsSince) },
  ...more,
});
const uploads = [{ url: "s3://bucket/key", upload: "u1" }];
const ended = (exitCode: number): Sight =>
  makeFacts({ scheduled: true, supervisor: { exitCode, reason: "" } });

interface Row {
  readonly title: string;
  readonly run: Partial<Run>;
  readonly sight?: Sight;
  readonly sharedClaim?: boolean;
  readonly expected: unknown;
}

test.each<Row>([
  {
    title: "its pod is gone, the supervisor had no word: owed",
    run: killed,
    expected: { do: "change", record: { live: true, run: { created: false, cleanUp: expect.anything() } } },
  },
  {
    title: "on a volume of its own: nothing is owed",
    run: killed,
    sharedClaim: false,
    expected: { do: "change", record: { live: false } },
  },
  {
    title: "that never had a node left nothing",
    run: { created: true },
    expected: { do: "change", record: { live: false } },
  },
  { title: "owed: the pod is created", run: cleaning(1), expected: { do: "create" } },
  {
    title: "owed, but the claim is no more in use: given up",
    run: cleaning(1),
    sharedClaim: false,
    expected: { do: "change", record: { live: false } },
  },
  { title: "no list yet: nothing is known", run: cleaning(1), sight: "unknown", expected: { do: "rest" } },
  {
    title: "under way: waited for, with a bound",
    run: cleaning(100, { created: true }),
    sight: makeFacts(),
    expected: { do: "rest", wakeAfterSeconds: 500 },
  },
  {
    title: "not done in time: told, and then deleted",
    run: cleaning(600, { created: true }),
    sight: makeFacts(),
    expected: {
      do: "change",
      record: { live: true, run: { cleanUp: { failed: true } } },
      systemLogs: [expect.stringContaining("did not end in 600 s")],
    },
  },
  {
    title: "told: deleted",
    run: { ...cleaning(600, { created: true }), cleanUp: { since: secondsAgo(600), failed: true } },
    sight: makeFacts(),
    expected: { do: "delete" },
  },
  {
    title: "done: deleted",
    run: cleaning(9, { created: true }),
    sight: ended(0),
    expected: { do: "delete" },
  },
  {
    title: "deleted and gone: over",
    run: cleaning(9, { created: true }),
    expected: { do: "change", record: { live: false } },
  },
  {
    title: "on a volume of its own, with an upload that was not ended: owed",
    run: { ...killed, uploads },
    sharedClaim: false,
    expected: { do: "change", record: { live: true, run: { uploads, cleanUp: expect.anything() } } },
  },
  {
    title: "with uploads that all ended: nothing is owed",
    run: { ...killed, uploads: [] },
    sharedClaim: false,
    expected: { do: "change", record: { live: false } },
  },
  {
    title: "owed for uploads alone: the pod is created",
    run: cleaning(1, { uploads }),
    sharedClaim: false,
    expected: { do: "create" },
  },
  {
    title: "folders are removed and an upload is left: only that is told",
    run: cleaning(9, { created: true, uploads }),
    sight: ended(UPLOADS_LEFT),
    expected: {
      do: "change",
      record: { run: { cleanUp: { failed: true } } },
      systemLogs: [
        expect.stringMatching(
          /Parts of an upload to "s3:\/\/bucket\/key" may be left: .* exit code 4; a lifecycle rule/,
        ),
      ],
    },
  },
  {
    title: "it was killed: folder and upload are told",
    run: cleaning(9, { created: true, uploads }),
    sight: ended(137),
    expected: {
      do: "change",
      systemLogs: [expect.stringContaining("Folder"), expect.stringContaining("s3://bucket/key")],
    },
  },
  {
    title: "many uploads are left: ten are named",
    run: cleaning(9, {
      created: true,
      uploads: Array.from({ length: 12 }, (_, n) => ({ url: `s3://bucket/${n}`, upload: `u${n}` })),
    }),
    sight: ended(137),
    sharedClaim: false,
    expected: {
      do: "change",
      systemLogs: [
        ...Array.from({ length: 10 }, (_, n) => expect.stringContaining(`s3://bucket/${n}"`)),
        expect.stringContaining("The same of 2 more uploads"),
      ],
    },
  },
])("a task that is over: $title", ({ run, sight = "absent", sharedClaim = true, expected }) => {
  const record = makeRecord({ state: "SYSTEM_ERROR", run });
  const policy = makePolicy({ sharedClaim });
  expect(decide({ record, sight, gone: false, now, policy })).toMatchObject(expected as object);
});
