// What every TaskStore promises, as one suite: called for each kind of store there is.
import { afterEach, describe, expect, test } from "bun:test";
import type { TaskPage, TaskStore } from "../../src/store/store.ts";
import { UnreadableTask } from "../../src/store/store-error.ts";
import type { TaskFilter } from "../../src/tes/filter.ts";
import { limits } from "../../src/tes/limits.ts";
import { newRecord, newRun, noAdditions, type Run, type TaskRecord } from "../../src/tes/record.ts";
import type { Task } from "../../src/tes/task.ts";
import { inSeconds, makeTask, now } from "../support/make.ts";

/** One store's place, empty at first, which can be opened more than once, one after the other. */
export interface Place {
  open(): TaskStore | Promise<TaskStore>;
  remove(): Promise<void>;
}

const tail = (executor: number, stdout = "o") => ({ executor, stdout, stderr: "e" });
const recordOf = (id: string, task: Partial<Task> = {}): TaskRecord => newRecord(makeTask(task), id, now);
const all = { filter: { tags: [] }, pageSize: 100 };
const idsOf = ({ items }: TaskPage<{ id: string }>): string[] => items.map(({ id }) => id);

const inputs: Task["inputs"] = [
  { path: "/in/a", type: "FILE", url: "s3://b/k" },
  { path: "/in/b", type: "FILE", content: "big ü😀\u2028" },
  { path: "/in/c", type: "FILE", content: "" },
];

/** Tasks whose names, states and tags are common, rare, old only, new only, and never together. */
const thousandth = (number: number): TaskRecord => ({
  ...recordOf(`t${number}`, {
    name: number % 1500 === 7 ? `rare-${number}` : `${number < 4500 ? "old" : "new"}-${number % 13}`,
    tags: {
      ...(number % 2 === 0 ? { even: `${number % 20}` } : { odd: "" }),
      ...(number < 3000 ? { early: "yes" } : {}),
    },
  }),
  state: number % 10 === 0 ? "RUNNING" : "QUEUED",
});

const nameOf = ({ task }: TaskRecord): string => task.name ?? "";
const filtersOfThousands: readonly {
  readonly filter: TaskFilter;
  readonly matches: (record: TaskRecord) => boolean;
}[] = [
  { filter: { tags: [] }, matches: () => true },
  { filter: { tags: [], state: "RUNNING" }, matches: ({ state }) => state === "RUNNING" },
  { filter: { tags: [], namePrefix: "rare-" }, matches: (record) => nameOf(record).startsWith("rare-") },
  { filter: { tags: [], namePrefix: "old" }, matches: (record) => nameOf(record).startsWith("old") },
  { filter: { tags: [], namePrefix: "new-1" }, matches: (record) => nameOf(record).startsWith("new-1") },
  {
    filter: { tags: [{ key: "even" }], namePrefix: "old-" },
    matches: (record) => nameOf(record).startsWith("old-") && "even" in (record.task.tags ?? {}),
  },
  {
    filter: { tags: [{ key: "even" }, { key: "early", value: "yes" }], state: "QUEUED" },
    matches: ({ state, task }) =>
      state === "QUEUED" && "even" in (task.tags ?? {}) && task.tags?.["early"] === "yes",
  },
  { filter: { tags: [{ key: "odd" }], state: "RUNNING" }, matches: () => false },
  { filter: { tags: [{ key: "early" }], namePrefix: "new" }, matches: () => false },
  {
    filter: { tags: [{ key: "even", value: "10" }], state: "RUNNING", namePrefix: "new-" },
    matches: (record) =>
      record.state === "RUNNING" && record.task.tags?.["even"] === "10" && nameOf(record).startsWith("new-"),
  },
];

async function idsOfAllPages(
  store: TaskStore,
  filter: TaskFilter,
  pageSize: number,
  between: () => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  const ids: string[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await store.listLines({ filter, pageSize, ...(before === undefined ? {} : { before }) });
    ids.push(...idsOf(page));
    if (page.next === undefined) return ids;
    // A page that is short but not the last is for stores far larger than this one.
    expect(page.items).toHaveLength(pageSize);
    before = page.next;
    await between();
  }
}

export function testTaskStore(kind: string, makePlace: () => Place): void {
  const places: { place: Place; stores: TaskStore[] }[] = [];

  async function openStore(): Promise<TaskStore> {
    const place = makePlace();
    const opened = { place, stores: [] as TaskStore[] };
    places.push(opened);
    const store = await place.open();
    opened.stores.push(store);
    return store;
  }

  afterEach(async () => {
    for (const { place, stores } of places.splice(0)) {
      for (const store of stores) await store.close();
      await place.remove();
    }
  });

  async function storeOf(...records: TaskRecord[]): Promise<TaskStore> {
    const store = await openStore();
    for (const record of records) await store.create(record, noAdditions);
    return store;
  }

  describe(`${kind}: one task`, () => {
    test("is read as it was stored", async () => {
      const record = recordOf("a", { name: "n", tags: { k: "v" }, volumes: ["/v"] });
      const store = await storeOf(record);
      expect(await store.get("a")).toEqual(record);
      expect(await store.getFull("a")).toEqual({ record, additions: noAdditions });
      expect(await store.getLine("a")).toEqual({ position: expect.any(Number), id: "a", state: "QUEUED" });
    });

    test("that is unknown is undefined", async () => {
      const store = await storeOf(recordOf("a"));
      expect(await store.get("b")).toBeUndefined();
      expect(await store.getFull("A")).toBeUndefined();
      expect(await store.getLine("")).toBeUndefined();
    });

    test("its content is in getFull only", async () => {
      const record = recordOf("a", { inputs });
      const store = await storeOf(record);
      expect((await store.get("a"))?.task.inputs).toEqual([
        { path: "/in/a", type: "FILE", url: "s3://b/k" },
        { path: "/in/b", type: "FILE" },
        { path: "/in/c", type: "FILE" },
      ]);
      expect((await store.getFull("a"))?.record).toEqual(record);
    });

    test("is stored with what is added at once", async () => {
      const store = await openStore();
      await store.create(recordOf("a"), { systemLogs: ["first", "second"], tails: [tail(0)] });
      expect((await store.getFull("a"))?.additions).toEqual({
        systemLogs: ["first", "second"],
        tails: [tail(0)],
      });
    });

    test("uploaded files are rows of their own, in the order of the saves, of several tasks at once", async () => {
      const store = await storeOf(recordOf("a"), recordOf("b"), recordOf("c"));
      const row = (key: string) =>
        JSON.stringify({ url: `s3://b/${key}`, path: `/\0"\\ü\ud800${key}`, size_bytes: "1" });
      const rows = Array.from({ length: 12 }, (_, index) => row(String(index)));
      await store.save(recordOf("a"), { ...noAdditions, outputs: rows.slice(0, 11) });
      await store.save({ ...recordOf("a"), version: 2 }, { ...noAdditions, outputs: rows.slice(11) });
      await store.save(recordOf("c"), { ...noAdditions, outputs: [row("c")] });
      // A save that comes too late adds nothing.
      expect(await store.save(recordOf("c"), { ...noAdditions, outputs: [row("late")] })).toBe(false);
      expect((await store.getFull("a"))?.additions).toEqual({ systemLogs: [], tails: [], outputs: rows });
      expect((await store.getFull("b"))?.additions).toEqual(noAdditions);
      expect(await store.outputsOf(["c", "b", "nobody", "a"])).toEqual(
        new Map([
          ["a", rows],
          ["c", [row("c")]],
        ]),
      );
    });

    test("given up, it is over, knows nothing of its run, and says why", async () => {
      const run = { ...newRun(2), created: true };
      const store = await storeOf({ ...recordOf("a"), state: "RUNNING", run });
      await store.create(
        { ...recordOf("b"), state: "COMPLETE", live: true },
        { ...noAdditions, systemLogs: ["first"] },
      );
      for (const id of ["a", "b", "nobody"]) await store.giveUp(id, `why "${id}"\0`);
      expect(await store.getFull("a")).toEqual({
        record: { ...recordOf("a"), state: "SYSTEM_ERROR", version: 2, live: false },
        additions: { ...noAdditions, systemLogs: ['why "a"\0'] },
      });
      expect(await store.getFull("b")).toEqual({
        record: { ...recordOf("b"), state: "COMPLETE", version: 2, live: false },
        additions: { ...noAdditions, systemLogs: ["first", 'why "b"\0'] },
      });
      expect(await store.liveIds()).toEqual([]);
      expect(await store.save({ ...recordOf("a"), state: "RUNNING" }, noAdditions)).toBe(false);
    });

    test("with a record larger than any, is told apart: others are listed beside it, and it can be given up", async () => {
      const run: Run = { ...newRun(1), disruption: "x".repeat(limits.runBytesMax) };
      const store = await storeOf(recordOf("a"), { ...recordOf("b"), run }, recordOf("c"));
      const words = `The record of task "b" cannot be read: it is larger than ${limits.runBytesMax} bytes`;
      await expect(store.get("b")).rejects.toThrow(words);
      await expect(store.getFull("b")).rejects.toBeInstanceOf(UnreadableTask);
      const { items } = await store.list(all);
      expect(items).toEqual([recordOf("c"), { ...recordOf("b"), task: { executors: [] } }, recordOf("a")]);
      await store.giveUp("b", words);
      expect(await store.get("b")).toEqual({
        ...recordOf("b"),
        state: "SYSTEM_ERROR",
        version: 2,
        live: false,
      });
    });

    test("what programs wrote is kept as it was, with NUL, quotes and backslashes", async () => {
      const wild = "\0'\"\\ü😀\u2028 $1 ? \\u0000";
      const store = await openStore();
      const additions = { systemLogs: [wild], tails: [{ executor: 0, stdout: wild, stderr: `${wild}\n` }] };
      await store.create(recordOf("a"), additions);
      await store.save(recordOf("a"), { ...noAdditions, systemLogs: [wild] });
      expect((await store.getFull("a"))?.additions).toEqual({ ...additions, systemLogs: [wild, wild] });
    });

    test("whose id is taken is refused, and the first stays", async () => {
      const store = await storeOf(recordOf("a", { name: "first" }));
      await expect(store.create(recordOf("a", { name: "second" }), noAdditions)).rejects.toThrow();
      expect((await store.get("a"))?.task.name).toBe("first");
    });
  });

  describe(`${kind}: save`, () => {
    test("replaces state and run, and counts the version", async () => {
      const record = recordOf("a", { inputs });
      const store = await storeOf(record);
      const changed: TaskRecord = {
        ...record,
        state: "RUNNING",
        run: { ...record.run, created: true, nodeName: "n", released: 1 },
      };
      expect(await store.save(changed, noAdditions)).toBe(true);
      expect((await store.getFull("a"))?.record).toEqual({ ...changed, version: 2 });
      expect(await store.getLine("a")).toMatchObject({ state: "RUNNING" });
    });

    test("of an old version is refused, and nothing of it is stored", async () => {
      const record = recordOf("a");
      const store = await storeOf(record);
      expect(await store.save({ ...record, state: "RUNNING" }, noAdditions)).toBe(true);
      const late = { systemLogs: ["late"], tails: [tail(0)] };
      expect(await store.save({ ...record, state: "SYSTEM_ERROR", live: false }, late)).toBe(false);
      expect(await store.getFull("a")).toEqual({
        record: { ...record, state: "RUNNING", version: 2 },
        additions: noAdditions,
      });
      expect(await store.liveIds()).toEqual(["a"]);
    });

    test("of many at once, on one version, is that of one", async () => {
      const record = recordOf("a");
      const store = await storeOf(record);
      const saves = Array.from({ length: 20 }, (_, number) =>
        store.save(record, { ...noAdditions, systemLogs: [`${number}`] }),
      );
      expect((await Promise.all(saves)).filter((saved) => saved)).toHaveLength(1);
      expect((await store.getFull("a"))?.additions.systemLogs).toHaveLength(1);
    });

    test("of an unknown task is refused", async () => {
      const store = await openStore();
      expect(await store.save(recordOf("a"), noAdditions)).toBe(false);
      expect(await store.get("a")).toBeUndefined();
    });

    test("adds to what was added: lines in their order, one tail for each executor", async () => {
      const record = recordOf("a");
      const store = await storeOf(record);
      await store.save(record, { systemLogs: ["1", "2"], tails: [tail(1, "one")] });
      await store.save(
        { ...record, version: 2 },
        { systemLogs: ["3"], tails: [tail(0, "zero"), tail(1, "new")] },
      );
      expect((await store.getFull("a"))?.additions).toEqual({
        systemLogs: ["1", "2", "3"],
        tails: [tail(0, "zero"), tail(1, "new")],
      });
    });
  });

  describe(`${kind}: a write that fails`, () => {
    test("takes back only itself, though others are committed with it", async () => {
      const store = await storeOf(recordOf("taken"));
      const results = await Promise.allSettled([
        store.create(recordOf("before"), noAdditions),
        store.create(recordOf("taken", { tags: { lost: "x" } }), { systemLogs: ["lost"], tails: [] }),
        // Fails after its first rows: a value that cannot be stored.
        store.create(recordOf("half", { tags: { k: undefined as unknown as string } }), noAdditions),
        store.create(recordOf("after"), noAdditions),
      ]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
      expect(idsOf(await store.listLines(all))).toEqual(["after", "before", "taken"]);
      expect(await store.get("half")).toBeUndefined();
      expect(idsOf(await store.listLines({ ...all, filter: { tags: [{ key: "lost" }] } }))).toEqual([]);
    });
  });

  describe(`${kind}: list`, () => {
    const tagged = [
      recordOf("t0"),
      recordOf("t1", { tags: { foo: "bar" } }),
      recordOf("t2", { tags: { foo: "bat" } }),
      recordOf("t3", { tags: { foo: "bar", baz: "bat" } }),
      recordOf("t4", { tags: { foo: "" } }),
    ];

    test.each<{ title: string; tags: TaskFilter["tags"]; ids: string[] }>([
      { title: "no filter: newest first", tags: [], ids: ["t4", "t3", "t2", "t1", "t0"] },
      { title: "a value", tags: [{ key: "foo", value: "bar" }], ids: ["t3", "t1"] },
      { title: "any value, the empty one too", tags: [{ key: "foo" }], ids: ["t4", "t3", "t2", "t1"] },
      {
        title: "two tags: both",
        tags: [
          { key: "foo", value: "bar" },
          { key: "baz", value: "bat" },
        ],
        ids: ["t3"],
      },
      { title: "a value and any", tags: [{ key: "foo", value: "bar" }, { key: "baz" }], ids: ["t3"] },
      { title: "a key that no task has", tags: [{ key: "fo" }], ids: [] },
      { title: "a value of another key", tags: [{ key: "foo", value: "baz" }], ids: [] },
    ])("by tags: $title", async ({ tags, ids }) => {
      const store = await storeOf(...tagged);
      expect(idsOf(await store.listLines({ ...all, filter: { tags } }))).toEqual(ids);
      expect(idsOf(await store.list({ ...all, filter: { tags } }))).toEqual(ids);
    });

    const named = ["", "a", "ab", "abc", "a%c", "a_c", "A", "b", "ä", "ab😀", "\u{10FFFF}"];

    test.each<{ prefix: string; names: string[] }>([
      { prefix: "a", names: ["ab😀", "a_c", "a%c", "abc", "ab", "a"] },
      { prefix: "ab", names: ["ab😀", "abc", "ab"] },
      { prefix: "a%", names: ["a%c"] },
      { prefix: "a_", names: ["a_c"] },
      { prefix: "A", names: ["A"] },
      { prefix: "ä", names: ["ä"] },
      { prefix: "ab😀", names: ["ab😀"] },
      { prefix: "x", names: [] },
      { prefix: "*", names: [] },
    ])("by name prefix, literally: $prefix", async ({ prefix, names }) => {
      const store = await storeOf(...named.map((name, index) => recordOf(`n${index}`, { name })));
      const { items } = await store.list({ ...all, filter: { tags: [], namePrefix: prefix } });
      expect(items.map(({ task }) => task.name)).toEqual(names);
    });

    test("by state, as it is now", async () => {
      const records = [recordOf("a"), recordOf("b"), recordOf("c")] as const;
      const store = await storeOf(...records);
      await store.save({ ...records[1], state: "RUNNING" }, noAdditions);
      const list = async (state: TaskRecord["state"]) =>
        idsOf(await store.listLines({ ...all, filter: { tags: [], state } }));
      expect([await list("QUEUED"), await list("RUNNING"), await list("COMPLETE")]).toEqual([
        ["c", "a"],
        ["b"],
        [],
      ]);
    });

    test("of thousands, every filter and all together, page by page, is what a look at each task gives", async () => {
      const records = Array.from({ length: 9000 }, (_, number) => thousandth(number));
      const store = await openStore();
      await Promise.all(records.map((record) => store.create(record, noAdditions)));
      for (const { filter, matches } of filtersOfThousands) {
        const expected = records.filter(matches).map(({ id }) => id);
        for (const pageSize of [300, 2047]) {
          expect({ filter, ids: await idsOfAllPages(store, filter, pageSize) }).toEqual({
            filter,
            ids: expected.toReversed(),
          });
        }
      }
    }, 60_000);

    const long = "ä😀".repeat(4000);
    test.each([
      { title: "a name", filter: { tags: [], namePrefix: "ä😀ä" } },
      { title: "a name as a whole", filter: { tags: [], namePrefix: long } },
      { title: "a tag's value", filter: { tags: [{ key: "k", value: long }] } },
      { title: "a tag's key", filter: { tags: [{ key: long }] } },
    ])("finds what is longer than an index takes: $title", async ({ filter }) => {
      const record = recordOf("a", { name: long, tags: { [long]: "v", k: long } });
      const store = await storeOf(
        record,
        recordOf("b", { name: "a", tags: { k: `${long}x`, [`${long}x`]: "" } }),
      );
      expect(await store.list({ ...all, filter })).toEqual({ items: [record] });
    });

    test("what is no Unicode is stored all the same", async () => {
      const record = recordOf("a", { name: "x\ud800", tags: { "\udc00": "\ud800" } });
      const store = await storeOf(record);
      expect((await store.list({ ...all, filter: { tags: [], namePrefix: "x" } })).items).toEqual([record]);
    });

    test("all filters are joined by and", async () => {
      const store = await storeOf(
        recordOf("a", { name: "x1", tags: { k: "v" } }),
        recordOf("b", { name: "x2", tags: { k: "w" } }),
        recordOf("c", { name: "y", tags: { k: "v" } }),
      );
      const filter = { namePrefix: "x", state: "QUEUED" as const, tags: [{ key: "k", value: "v" }] };
      expect(idsOf(await store.listLines({ ...all, filter }))).toEqual(["a"]);
      expect(idsOf(await store.listLines({ ...all, filter: { ...filter, state: "RUNNING" } }))).toEqual([]);
    });

    test("the records of a page are those of get", async () => {
      const store = await storeOf(recordOf("a", { inputs, tags: { k: "v" } }), recordOf("b"));
      expect(await store.list(all)).toEqual({
        items: [(await store.get("b")) as TaskRecord, (await store.get("a")) as TaskRecord],
      });
    });

    test.each([1, 2, 3, 6, 7])(
      "pages of %d of seven tasks neither repeat nor skip, while others arrive",
      async (pageSize) => {
        const ids = ["a", "b", "c", "d", "e", "f", "g"];
        const store = await storeOf(...ids.map((id) => recordOf(id)));
        const seen: string[] = [];
        let before: number | undefined;
        for (let pages = 0; pages < 10; pages++) {
          const page = await store.listLines({
            ...all,
            pageSize,
            ...(before === undefined ? {} : { before }),
          });
          expect(page.items.length).toBeLessThanOrEqual(pageSize);
          seen.push(...idsOf(page));
          await store.create(recordOf(`new-${pages}`), noAdditions);
          before = page.next;
          if (before === undefined) break;
        }
        expect(seen).toEqual(ids.toReversed());
      },
    );

    // Up to 1024 by one name are read at once; from the second page on there are more.
    test.each([1023, 1024, 1025])(
      "pages by a name of %d tasks neither repeat nor skip, while more of that name arrive",
      async (count) => {
        const store = await openStore();
        const named = Array.from({ length: count }, (_, number) => recordOf(`few${number}`, { name: "few" }));
        const others = named.map(({ id }) => recordOf(`other-${id}`, { name: "other" }));
        await Promise.all([...others, ...named].map((record) => store.create(record, noAdditions)));
        for (const state of [undefined, "QUEUED"] as const) {
          const filter = { tags: [], namePrefix: "few", ...(state === undefined ? {} : { state }) };
          const expected = await idsOfAllPages(store, filter, 2047);
          let arrived = 0;
          const seen = await idsOfAllPages(store, filter, 400, () =>
            store.create(recordOf(`few-${state}-${arrived++}`, { name: "few" }), noAdditions),
          );
          expect(seen).toEqual(expected);
          expect(seen.slice(-count)).toEqual(named.map(({ id }) => id).toReversed());
        }
      },
      60_000,
    );

    test("the last page says that it is the last, even when it is full", async () => {
      const store = await storeOf(recordOf("a"), recordOf("b"));
      expect(await store.listLines({ ...all, pageSize: 2 })).not.toHaveProperty("next");
      expect(await store.listLines({ ...all, pageSize: 1 })).toHaveProperty("next");
    });
  });

  describe(`${kind}: what is owed`, () => {
    test("liveIds are those that are live, oldest first", async () => {
      const records = [recordOf("z"), recordOf("a"), recordOf("m")] as const;
      const store = await storeOf(...records);
      await store.save({ ...records[1], state: "COMPLETE", live: false }, noAdditions);
      expect(await store.liveIds()).toEqual(["z", "m"]);
    });

    test("liveIds come page by page, also after a task that is over meanwhile", async () => {
      const ids = ["z", "a", "m", "n", "b"];
      const records = ids.map((id) => recordOf(id));
      const store = await storeOf(...records);
      const first = await store.liveIds({ limit: 2 });
      const [, second] = records;
      if (second !== undefined) await store.save({ ...second, state: "COMPLETE", live: false }, noAdditions);
      const next = await store.liveIds({ after: first.at(-1), limit: 2 });
      const last = await store.liveIds({ after: next.at(-1), limit: 2 });
      expect([first, next, last]).toEqual([["z", "a"], ["m", "n"], ["b"]]);
      expect(await store.liveIds({ after: "b", limit: 2 })).toEqual([]);
    });

    test("liveStates counts those that are live, by state", async () => {
      const records = [recordOf("z"), recordOf("a"), recordOf("m"), recordOf("n")] as const;
      const store = await storeOf(...records);
      await store.save({ ...records[1], state: "COMPLETE", live: false }, noAdditions);
      await store.save({ ...records[2], state: "COMPLETE" }, noAdditions);
      expect(await store.liveStates()).toEqual({ QUEUED: 2, COMPLETE: 1 });
    });
  });

  describe(`${kind}: settings`, () => {
    test("the first value stays", async () => {
      const store = await openStore();
      expect(await store.setting("key", () => "first")).toBe("first");
      expect(await store.setting("key", () => "second")).toBe("first");
      expect(await store.setting("other", () => "third")).toBe("third");
    });

    test("is one for all who ask at once", async () => {
      const store = await openStore();
      const values = await Promise.all(["a", "b", "c"].map((value) => store.setting("key", () => value)));
      expect(new Set(values).size).toBe(1);
    });
  });

  describe(`${kind}: durability`, () => {
    test("all is there after close and open", async () => {
      const place = makePlace();
      const first = await place.open();
      const record = recordOf("a", { inputs, name: "n", tags: { k: "v" } });
      await first.create(record, { systemLogs: ["1"], tails: [] });
      await first.save({ ...record, state: "RUNNING" }, { systemLogs: ["2"], tails: [tail(0)] });
      const page = await first.listLines({ ...all, pageSize: 1 });
      await first.setting("key", () => "value");
      await first.close();
      const second = await place.open();
      places.push({ place, stores: [second] });
      expect(await second.getFull("a")).toEqual({
        record: { ...record, state: "RUNNING", version: 2 },
        additions: { systemLogs: ["1", "2"], tails: [tail(0)] },
      });
      expect(await second.liveIds()).toEqual(["a"]);
      expect(await second.setting("key", () => "other")).toBe("value");
      await second.create(recordOf("b"), noAdditions);
      const after = await second.listLines(all);
      expect(idsOf(after)).toEqual(["b", "a"]);
      expect(after.items[1]?.position).toBe(page.items[0]?.position as number);
    });

    test("close waits for the writes before it", async () => {
      const place = makePlace();
      const first = await place.open();
      const writes = Array.from({ length: 2000 }, (_, number) =>
        first.create(recordOf(`t${number}`), noAdditions),
      );
      const results = Promise.all(writes);
      await first.close();
      await results;
      const second = await place.open();
      places.push({ place, stores: [second] });
      expect(await second.liveIds()).toHaveLength(2000);
    });

    test("a write after close rejects", async () => {
      const place = makePlace();
      const store = await place.open();
      places.push({ place, stores: [] });
      await store.close();
      await expect(store.create(recordOf("a"), noAdditions)).rejects.toThrow();
    });
  });

  test(`${kind}: times and unicode come back as they were`, async () => {
    const record = {
      ...recordOf("a", { name: "ü😀\u2028'\"\\", tags: { "k'": "%" } }),
      creationTime: inSeconds(1).toISOString(),
    };
    const store = await storeOf(record);
    expect(await store.get("a")).toEqual(record);
  });
}
