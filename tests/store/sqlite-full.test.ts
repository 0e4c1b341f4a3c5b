// The embedded store on a disk that is full, and has room again.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import type { StoreError } from "../../src/store/store-error.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { makeTask, now } from "../support/make.ts";
import { mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";

const megabyte = 1024 * 1024;
const probe = mountSmallDisk(1);
if ("missing" in probe) console.error(`Tests of a full disk are skipped: ${probe.missing}`);
else {
  probe[Symbol.dispose]();
  testFullDisk();
}

const mount = (megabytes: number): SmallDisk => {
  const disk = mountSmallDisk(megabytes);
  if ("missing" in disk) throw new Error(disk.missing);
  return disk;
};

const open = (disk: SmallDisk) => openSqliteStore(join(disk.folder, "tes.db"));
const recordOf = (id: string, bytes: number) =>
  newRecord(makeTask({ inputs: [{ path: "/a", type: "FILE", content: "x".repeat(bytes) }] }), id, now);

type Outcome = "stored" | StoreError;
const create = (store: ReturnType<typeof open>, id: string, bytes = 1000): Promise<Outcome> =>
  store.create(recordOf(id, bytes), noAdditions).then(
    () => "stored" as const,
    (error: StoreError) => error,
  );

function testFullDisk(): void {
  test("creates are refused in words, reads go on; with room again creates go on by themselves, and nothing acknowledged is lost", async () => {
    using disk = mount(4);
    const store = open(disk);
    const stored: string[] = [];
    const refused: string[] = [];
    async function createSome(name: string): Promise<void> {
      const ids = Array.from({ length: 20 }, (_, index) => `${name}-${index}`);
      const outcomes = await Promise.all(ids.map((id) => create(store, id)));
      for (const [index, outcome] of outcomes.entries()) {
        (outcome === "stored" ? stored : refused).push(ids[index] ?? "");
        if (outcome !== "stored") expect([outcome.kind, outcome.message]).toEqual(full);
      }
    }
    await createSome("before");
    await store.check();
    disk.fill();
    // The log that is there has some room yet.
    for (let round = 0; refused.length === 0; round++) await createSome(`filling-${round}`);
    await expect(store.check()).rejects.toMatchObject({ kind: "full" });
    expect(await store.getLine("before-0")).toMatchObject({ id: "before-0" });
    expect(await store.liveIds()).toEqual(stored);
    disk.empty();
    await store.check();
    const before = stored.length;
    await createSome("after");
    expect(stored.length).toBe(before + 20);
    await store.close();
    const again = open(disk);
    expect(await again.liveIds()).toEqual(stored);
    await again.close();
  }, 60_000);

  test("opened while it is full, what is there can be read, and nothing more is stored", async () => {
    using disk = mount(4);
    const before = open(disk);
    await create(before, "before");
    disk.fill();
    await before.close();
    // The log that was closed has left its room.
    disk.fill();
    const store = open(disk);
    expect(await store.liveIds()).toEqual(["before"]);
    await expect(store.check()).rejects.toMatchObject({ kind: "full" });
    disk.empty();
    await store.check();
    await store.close();
  }, 60_000);

  test("a task that is too large for the room that is left takes no small one with it", async () => {
    using disk = mount(4);
    const store = open(disk);
    await create(store, "before");
    const [small, large, other] = await Promise.all([
      create(store, "small"),
      create(store, "large", 8 * megabyte),
      create(store, "other"),
    ]);
    expect([small, other]).toEqual(["stored", "stored"]);
    expect([(large as StoreError).kind, (large as StoreError).message]).toEqual(full);
    expect(await store.liveIds()).toEqual(["before", "small", "other"]);
    await store.close();
  }, 60_000);

  test("a write that another of its batch makes run again, on a full disk: the disk is named, and no savepoint", async () => {
    using disk = mount(4);
    const store = open(disk);
    await create(store, "before");
    const [twice, large] = await Promise.all([create(store, "before"), create(store, "large", 8 * megabyte)]);
    expect((twice as Error).message).toMatch(/UNIQUE/);
    expect([(large as StoreError).kind, (large as StoreError).message]).toEqual(full);
    await store.close();
  }, 60_000);
}

const full = ["full", "Cannot write the database: database or disk is full"];
