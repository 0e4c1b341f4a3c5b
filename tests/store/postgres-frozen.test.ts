// Processes of PostgreSQL that are stopped during a create, as by a host that is frozen: what was said of the task stays true.
import { afterAll, expect, test } from "bun:test";
import process from "node:process";
import { openPostgresStore } from "../../src/store/postgres.ts";
import type { TaskStore } from "../../src/store/store.ts";
import type { StoreError } from "../../src/store/store-error.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { makeTask, now } from "../support/make.ts";
import { findPostgres, runSql, startPostgres } from "../support/postgres.ts";

/** TESPOD_FROZEN_CREATES=20 is the full size. */
const times = Number(process.env["TESPOD_FROZEN_CREATES"] ?? 2);

const found = await findPostgres();
if ("missing" in found) console.error(`Tests of a frozen PostgreSQL are skipped: ${found.missing}`);
else await testFrozen(found.bin);

const ours = "FROM pg_stat_activity WHERE application_name = 'tespod' AND datname = current_database()";

async function testFrozen(bin: string): Promise<void> {
  const server = await startPostgres(bin);
  afterAll(server.remove, 60_000);

  const pidsOf = async (url: string): Promise<number[]> =>
    (await runSql(url, `SELECT pid ${ours}`)).map((row) => row["pid"] as number);

  /** Stops the store's processes, runs the work, and lets them go on until none of them is left. */
  async function whileFrozen<T>(url: string, work: () => Promise<T>): Promise<T> {
    const pids = await pidsOf(url);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    let result: T;
    try {
      result = await work();
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    for (let attempt = 0; (await pidsOf(url)).some((pid) => pids.includes(pid)); attempt++) {
      if (attempt === 1000) throw new Error("The processes do not end");
      await Bun.sleep(10);
    }
    return result;
  }

  const open = (url: string, lostSecondsMax: number): Promise<TaskStore> =>
    openPostgresStore({ url, connectionsMax: 2, statementSecondsMax: 1, lostSecondsMax });

  const create = (store: TaskStore, id: string): Promise<StoreError | undefined> =>
    store.create(newRecord(makeTask(), id, now), noAdditions).then(
      () => undefined,
      (error: StoreError) => error,
    );

  test(`stopped before it begins with the create (${times} times): "not stored" is told, and nothing is stored when it goes on`, async () => {
    const url = await server.makeDatabase();
    const store = await open(url, 10);
    for (let time = 0; time < times; time++) {
      await create(store, `before-${time}`);
      const error = await whileFrozen(url, () => create(store, `frozen-${time}`));
      expect(error?.kind).toBe("unavailable");
      expect(await store.getLine(`frozen-${time}`)).toBeUndefined();
      expect(await store.getLine(`before-${time}`)).toBeDefined();
    }
    await store.close();
    await server.returnDatabase(url);
  }, 300_000);

  test("of creates in one batch each is told so", async () => {
    const url = await server.makeDatabase();
    const store = await open(url, 10);
    await create(store, "before");
    const ids = Array.from({ length: 20 }, (_, index) => `many-${index}`);
    const errors = await whileFrozen(url, () => Promise.all(ids.map((id) => create(store, id))));
    expect(errors.map((error) => error?.kind)).toEqual(ids.map(() => "unavailable"));
    expect(await store.liveIds()).toEqual(["before"]);
    await store.close();
    await server.returnDatabase(url);
  }, 60_000);

  test("stopped where it has the lock: it is not known, and told so; the server takes the late statement back", async () => {
    const url = await server.makeDatabase();
    const store = await open(url, 1);
    await create(store, "before");
    await runSql(
      url,
      `CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.id = 'slow' THEN PERFORM pg_sleep(0.5); END IF; RETURN NEW; END $$;
      CREATE TRIGGER dawdle AFTER INSERT ON task FOR EACH ROW EXECUTE FUNCTION dawdle()`,
    );
    const creating = create(store, "slow");
    for (;;) {
      const rows = await runSql(url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted");
      if (rows.length > 0) break;
    }
    const error = await whileFrozen(url, () => creating);
    expect(error?.kind).toBe("outcome-unknown");
    expect(await store.getLine("slow")).toBeUndefined();
    await store.close();
    await server.returnDatabase(url);
  }, 60_000);
}
