// The embedded store: the suite of all stores, and what is SQLite's own: a kill in the middle, versions, damage.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { migrations } from "../../src/store/sqlite-migrations.ts";
import type { TaskFilter } from "../../src/tes/filter.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { makeTask, now } from "../support/make.ts";
import { testCreateOnce } from "./create-once.ts";
import { expectOldRecords, oldRecords } from "./old-records.ts";
import { type Place, testTaskStore } from "./suite.ts";

const makeFolder = (): string => mkdtempSync(join(tmpdir(), "tespod-store-"));

const makePlace = (): Place => {
  const folder = makeFolder();
  return {
    open: () => openSqliteStore(join(folder, "tes.db")),
    remove: () => rm(folder, { recursive: true }),
  };
};
testTaskStore("SQLite", makePlace);
testCreateOnce("SQLite", makePlace);

function scratch(): Disposable & { readonly file: string } {
  const folder = makeFolder();
  return { file: join(folder, "tes.db"), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test.each([1, 2, 3])(
  "killed in the middle of creates, all that was acknowledged is there (time %d)",
  async (time) => {
    using place = scratch();
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "create-for-ever.ts"), place.file], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      // Not at the same line each time.
      if (text.length > time * 3000) child.kill("SIGKILL");
    }
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    const acknowledged = text.slice(0, text.lastIndexOf("\n")).split("\n");
    expect(acknowledged.length).toBeGreaterThan(100);
    const store = openSqliteStore(place.file);
    const live = new Set(await store.liveIds());
    expect(acknowledged.filter((id) => !live.has(id))).toEqual([]);
    // Nothing half: whatever is there is there as a whole.
    for (const id of live) expect((await store.getFull(id))?.record.task.tags).toEqual({ id });
    await store.close();
  },
);

test("a file of a newer version is refused, and left as it is", async () => {
  using place = scratch();
  await openSqliteStore(place.file).close();
  const newer = new DatabaseSync(place.file);
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  expect(() => openSqliteStore(place.file)).toThrow(
    `Cannot open "${place.file}": its schema is version 99, this program knows ${migrations.length}`,
  );
  const after = new DatabaseSync(place.file);
  expect(after.prepare("PRAGMA user_version").get()).toEqual({ user_version: 99 });
  after.close();
});

test.each(migrations.map((_, index) => index).slice(1))(
  "a file of version %d keeps its tasks and is brought to the newest",
  async (version) => {
    using place = scratch();
    const old = new DatabaseSync(place.file);
    for (const step of migrations.slice(0, version)) old.exec(step);
    old.exec(`PRAGMA user_version = ${version}`);
    const { task, run, creationTime } = newRecord(makeTask({ name: "n" }), "a", now);
    // More by the name than are taken at once, so that it is looked for by either index.
    old.exec(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO task (id, state, version, live, name)
        SELECT 'many' || i, 'COMPLETE', 1, 0, CASE i WHEN 7 THEN 'one' ELSE 'many' END FROM n;
      INSERT INTO tag (key, value, position) SELECT 'k', 'v', position FROM task WHERE position % 2 = 1;
      INSERT INTO task (id, state, version, live, name) VALUES ('a', 'QUEUED', 1, 1, 'n')`);
    old
      .prepare("INSERT INTO document (position, creation_time, task, run) VALUES (3001, ?, ?, ?)")
      .run(creationTime, JSON.stringify(task), JSON.stringify(run));
    for (const { id, creationTime, task, run } of oldRecords) {
      old
        .prepare("INSERT INTO task (id, state, version, live, name) VALUES (?, 'RUNNING', 1, 1, '')")
        .run(id);
      old
        .prepare(
          "INSERT INTO document (position, creation_time, task, run) VALUES (last_insert_rowid(), ?, ?, ?)",
        )
        .run(creationTime, task, run);
    }
    old.close();
    const store = openSqliteStore(place.file);
    await expectOldRecords(store);
    expect(await store.get("a")).toEqual(newRecord(makeTask({ name: "n" }), "a", now));
    const byName = (namePrefix: string, tags: TaskFilter["tags"] = []) =>
      store.listLines({ filter: { tags, namePrefix }, pageSize: 1, before: 3002 });
    expect(await byName("n")).toEqual({ items: [{ position: 3001, id: "a", state: "QUEUED" }] });
    expect(await byName("many")).toEqual({
      items: [{ position: 3000, id: "many3000", state: "COMPLETE" }],
      next: 3000,
    });
    for (const tag of [{ key: "k" }, { key: "k", value: "v" }]) {
      expect((await byName("many", [tag])).items.map(({ id }) => id)).toEqual(["many2999"]);
      expect((await byName("one", [tag])).items.map(({ id }) => id)).toEqual(["many7"]);
    }
    await store.close();
    expect(schemaOf(place.file)).toEqual(await newestSchema());
  },
);

function schemaOf(file: string): object {
  const database = new DatabaseSync(file);
  const schema = database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all();
  const version = database.prepare("PRAGMA user_version").get();
  database.close();
  return { schema, version };
}

async function newestSchema(): Promise<object> {
  using place = scratch();
  await openSqliteStore(place.file).close();
  return schemaOf(place.file);
}

test("a file that is no database is refused", () => {
  using place = scratch();
  writeFileSync(place.file, "this is not a database, but it is long enough to be looked at".repeat(100));
  expect(() => openSqliteStore(place.file)).toThrow(/not a database/);
});

test("what was committed is fsynced: WAL with synchronous FULL", async () => {
  using place = scratch();
  const store = openSqliteStore(place.file);
  await store.create(newRecord(makeTask(), "a", now), noAdditions);
  const other = new DatabaseSync(place.file);
  expect(other.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  other.close();
  await store.close();
});
