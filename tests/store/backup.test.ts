// Backup of the embedded store under load, and what is restored from it.
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { backupSqlite } from "../../src/store/backup.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { makeTask, now } from "../support/make.ts";

function scratch(): Disposable & { readonly folder: string; readonly file: string; readonly copy: string } {
  const folder = mkdtempSync(join(tmpdir(), "tespod-backup-"));
  return {
    folder,
    file: join(folder, "tes.db"),
    copy: join(folder, "copy.db"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

const recordOf = (id: string) => newRecord(makeTask({ tags: { id }, name: id }), id, now);

test("a backup while another process creates has all that was acknowledged before, whole, and the service goes on", async () => {
  using place = scratch();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "create-for-ever.ts"), place.file], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const decoder = new TextDecoder();
  let text = "";
  let before: string[] = [];
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (before.length === 0 && text.length > 5000) {
      before = text.slice(0, text.lastIndexOf("\n")).split("\n");
      backupSqlite(place.file, place.copy);
    }
    if (before.length > 0 && text.length > 50_000) child.kill("SIGKILL");
  }
  await child.exited;
  expect(before.length).toBeGreaterThan(100);
  const check = new DatabaseSync(place.copy);
  expect(check.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  check.close();
  const store = openSqliteStore(place.copy);
  const there = new Set(await store.liveIds());
  expect(before.filter((id) => !there.has(id))).toEqual([]);
  for (const id of there) expect((await store.getFull(id))?.record.task.tags).toEqual({ id });
  await store.close();
});

test("restored over a store that went on, its tasks are those of the backup, and new ones follow", async () => {
  using place = scratch();
  const store = openSqliteStore(place.file);
  await store.create(recordOf("kept"), { systemLogs: ["line"], tails: [] });
  await store.setting("key", () => "value");
  backupSqlite(place.file, place.copy);
  await store.create(recordOf("lost"), noAdditions);
  await store.close();
  // As the README says: the files of the log belong to the old database.
  for (const end of ["-wal", "-shm"]) rmSync(`${place.file}${end}`, { force: true });
  copyFileSync(place.copy, place.file);
  const restored = openSqliteStore(place.file);
  await restored.create(recordOf("new"), noAdditions);
  const page = await restored.listLines({ filter: { tags: [], namePrefix: "" }, pageSize: 10 });
  expect(page.items.map(({ id }) => id)).toEqual(["new", "kept"]);
  expect((await restored.getFull("kept"))?.additions.systemLogs).toEqual(["line"]);
  expect(await restored.setting("key", () => "other")).toBe("value");
  await restored.close();
});

test("a file that is there is never replaced", async () => {
  using place = scratch();
  await openSqliteStore(place.file).close();
  writeFileSync(place.copy, "mine");
  expect(() => backupSqlite(place.file, place.copy)).toThrow(
    `Cannot back up to "${place.copy}": the file is there already`,
  );
  expect(await Bun.file(place.copy).text()).toBe("mine");
});

test("of a store that is not there, nothing is made", () => {
  using place = scratch();
  expect(() => backupSqlite(place.file, place.copy)).toThrow(
    `Cannot back up "${place.file}": there is no such file`,
  );
  expect(readdirSync(place.folder)).toEqual([]);
});

test("a backup that fails leaves nothing", async () => {
  using place = scratch();
  await openSqliteStore(place.file).close();
  const to = join(place.folder, "no-folder", "copy.db");
  expect(() => backupSqlite(place.file, to)).toThrow(`Cannot back up "${place.file}" to "${to}": `);
  expect(existsSync(to)).toBe(false);
});

describe("tespod --backup FILE", () => {
  function run(database: string, ...args: string[]) {
    const { exitCode, stderr } = Bun.spawnSync(
      [process.execPath, join(import.meta.dir, "../../src/main.ts"), "--backup", ...args],
      {
        env: { TESPOD_DATABASE: database },
        stdout: "ignore",
        stderr: "pipe",
      },
    );
    return { exitCode, stderr: stderr.toString() };
  }

  test("backs up the file of TESPOD_DATABASE", async () => {
    using place = scratch();
    const store = openSqliteStore(place.file);
    await store.create(recordOf("a"), noAdditions);
    expect(run(place.file, place.copy)).toEqual({ exitCode: 0, stderr: "" });
    await store.close();
    const copy = openSqliteStore(place.copy);
    expect(await copy.get("a")).toEqual(recordOf("a"));
    await copy.close();
  });

  test.each([
    { title: "no file", database: "tes.db", args: [], message: "name the file to write" },
    {
      title: "PostgreSQL",
      database: "postgres://u:s3cret@h/d",
      args: ["x.db"],
      message: "Cannot back up PostgreSQL: use pg_dump",
    },
  ])("says what is wrong, and shows no password: $title", ({ database, args, message }) => {
    const { exitCode, stderr } = run(database, ...args);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("s3cret");
  });
});

test("a service whose PostgreSQL is away says so, ends, and shows no password", () => {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, join(import.meta.dir, "../../src/main.ts")], {
    env: {
      TESPOD_AUTH: "none",
      TESPOD_SIDECAR_IMAGE: "x",
      TESPOD_DATABASE: "postgres://u@127.0.0.1:1/d",
      PGPASSWORD: "s3cret",
    },
    stderr: "pipe",
  });
  expect(exitCode).toBe(1);
  expect(stderr.toString()).toStartWith('tespod failed: Cannot open the database "127.0.0.1:1/d": ');
  expect(stderr.toString()).not.toContain("s3cret");
});
