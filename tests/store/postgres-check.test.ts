// Whether creates can be stored in PostgreSQL, and how one that cannot is refused: away, read-only, a full disk.
import { afterAll, expect, test } from "bun:test";
import { chownSync, statSync } from "node:fs";
import { join } from "node:path";
import { openPostgresStore } from "../../src/store/postgres.ts";
import type { TaskStore } from "../../src/store/store.ts";
import type { StoreErrorKind } from "../../src/store/store-error.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { makeTask, now } from "../support/make.ts";
import { findPostgres, type PostgresServer, runSql, startPostgres } from "../support/postgres.ts";
import { mountSmallDisk } from "../support/small-disk.ts";

const found = await findPostgres();
if ("missing" in found) console.error(`Tests of PostgreSQL's readiness are skipped: ${found.missing}`);
else testChecks(await startPostgres(found.bin));

const kindOf = (work: Promise<unknown>): Promise<StoreErrorKind | undefined> =>
  work.then(
    () => undefined,
    (error: { kind?: StoreErrorKind }) => error.kind,
  );

const create = (store: TaskStore, id: string, content = "x"): Promise<void> =>
  store.create(
    newRecord(makeTask({ inputs: [{ path: "/a", type: "FILE", content }] }), id, now),
    noAdditions,
  );

function testChecks(server: PostgresServer): void {
  afterAll(server.remove, 60_000);

  test("a server that is made read-only: creates and the check say so, reads go on; it ends by itself", async () => {
    const url = await server.makeDatabase();
    const store = await openPostgresStore({ url });
    await create(store, "a");
    await store.check();
    const setReadOnly = async (value: string) => {
      await runSql(url, `ALTER SYSTEM SET default_transaction_read_only = ${value}`);
      await runSql(url, "SELECT pg_reload_conf()");
    };
    await setReadOnly("on");
    while ((await kindOf(store.check())) === undefined) await Bun.sleep(10);
    expect([await kindOf(store.check()), await kindOf(create(store, "b"))]).toEqual([
      "read-only",
      "read-only",
    ]);
    expect(await store.getLine("a")).toMatchObject({ id: "a" });
    await setReadOnly("off");
    while ((await kindOf(store.check())) !== undefined) await Bun.sleep(10);
    await create(store, "b");
    expect(await store.liveIds()).toEqual(["a", "b"]);
    await store.close();
    await server.returnDatabase(url);
  }, 30_000);

  test("a server that is away: nothing is stored, in words, until it is back", async () => {
    const url = await server.makeDatabase();
    const store = await openPostgresStore({ url });
    await create(store, "a");
    await server.stop("SIGINT");
    for (const call of [
      () => create(store, "b"),
      () => store.check(),
      () => store.getLine("a"),
      () => store.list(all),
    ]) {
      expect(await kindOf(call())).toBe("unavailable");
    }
    await server.start();
    while ((await kindOf(store.check())) !== undefined) await Bun.sleep(10);
    expect(await store.liveIds()).toEqual(["a"]);
    await store.close();
    await server.returnDatabase(url);
  }, 60_000);

  test("a disk that is full: the same, and what is small is stored again as soon as there is room", async () => {
    const disk = mountSmallDisk(24);
    if ("missing" in disk) return console.error(`Not tried: ${disk.missing}`);
    using _ = disk;
    const { uid, gid } = statSync(join(server.folder, "data"));
    chownSync(disk.folder, uid, gid);
    const url = await server.makeDatabase();
    const small = new URL(url);
    small.pathname = "/small";
    await runSql(url, `CREATE TABLESPACE small LOCATION '${disk.folder}'`);
    await runSql(url, "CREATE DATABASE small TABLESPACE small");
    const store = await openPostgresStore({ url: small.href });
    await create(store, "a");
    disk.fill();
    const incompressible = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536))).toString("base64");
    let kind: StoreErrorKind | undefined;
    for (let n = 0; kind === undefined && n < 200; n++)
      kind = await kindOf(create(store, `b${n}`, incompressible));
    expect(kind).toBe("full");
    expect(await store.getLine("a")).toMatchObject({ id: "a" });
    disk.empty();
    await store.check();
    await create(store, "c", incompressible);
    await store.close();
    await runSql(url, "DROP DATABASE small WITH (FORCE)");
    await runSql(url, "DROP TABLESPACE small");
    await server.returnDatabase(url);
  }, 60_000);
}

const all = { filter: { tags: [] }, pageSize: 10 };
