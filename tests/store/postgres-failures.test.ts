// What is PostgreSQL's own: a server that goes and comes back or hangs, replicas side by side, plans, TLS, passwords.
import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chownSync, copyFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { openPostgresStore } from "../../src/store/postgres.ts";
import { migrations } from "../../src/store/postgres-migrations.ts";
import type { TaskStore } from "../../src/store/store.ts";
import type { TaskFilter } from "../../src/tes/filter.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import type { Task } from "../../src/tes/task.ts";
import { makeTask, now } from "../support/make.ts";
import { findPostgres, runSql, startPostgres } from "../support/postgres.ts";
import { expectOldRecords, oldRecords } from "./old-records.ts";

const found = await findPostgres();
if ("missing" in found) console.error(`Tests of PostgreSQL's failures are skipped: ${found.missing}`);
else await testFailures(found.bin);

const recordOf = (id: string, task: Partial<Task> = {}) =>
  newRecord(makeTask({ tags: { id }, ...task }), id, now);
const all = { filter: { tags: [] }, pageSize: 2047 };

/** Creates one task after the other until told to stop; what was acknowledged and what was refused. */
function createUntil(store: TaskStore, name: string) {
  const acknowledged: string[] = [];
  const refused: string[] = [];
  let isOver = false;
  async function work(): Promise<void> {
    for (let number = 0; !isOver; number++) {
      const id = `${name}-${number}`;
      const [outcome] = await Promise.allSettled([store.create(recordOf(id), noAdditions)]);
      (outcome.status === "fulfilled" ? acknowledged : refused).push(id);
      if (outcome.status === "rejected") await Bun.sleep(5);
    }
  }
  const done = work();
  return {
    acknowledged,
    refused,
    end: () => {
      isOver = true;
      return done;
    },
  };
}

async function idsOf(store: TaskStore): Promise<Set<string>> {
  return new Set(await store.liveIds());
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; !(await isTrue()); attempt++) {
    if (attempt === 1000) throw new Error("Waited in vain");
    await Bun.sleep(10);
  }
}

async function testFailures(bin: string): Promise<void> {
  const server = await startPostgres(bin);
  afterAll(server.remove, 60_000);

  test.each(["SIGQUIT", "SIGINT"] as const)(
    "a server that ends by %s and comes back: what was acknowledged is there, what was refused is not",
    async (signal) => {
      const url = await server.makeDatabase();
      const store = await openPostgresStore({ url });
      const workers = [0, 1, 2, 3].map((worker) => createUntil(store, `w${worker}`));
      await until(() => workers.every(({ acknowledged }) => acknowledged.length > 20));
      await server.stop(signal);
      await expect(store.getLine("a")).rejects.toThrow();
      await server.start();
      const before = workers.map(({ acknowledged }) => acknowledged.length);
      await until(() =>
        workers.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0) + 5),
      );
      await Promise.all(workers.map(({ end }) => end()));
      const there = await idsOf(store);
      expect(workers.flatMap(({ acknowledged }) => acknowledged).filter((id) => !there.has(id))).toEqual([]);
      expect(workers.flatMap(({ refused }) => refused).filter((id) => there.has(id))).toEqual([]);
      await store.close();
      await server.returnDatabase(url);
    },
    60_000,
  );

  test("a connection that is cut again and again loses no answer", async () => {
    const url = await server.makeDatabase();
    const store = await openPostgresStore({ url });
    const workers = [0, 1, 2, 3].map((worker) => createUntil(store, `w${worker}`));
    for (let cut = 1; cut <= 20; cut++) {
      const enough = workers.map(({ acknowledged }) => acknowledged.length + 3);
      await until(() =>
        workers.every(({ acknowledged }, index) => acknowledged.length >= (enough[index] ?? 0)),
      );
      await runSql(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tespod' AND datname = current_database()",
      );
    }
    await Promise.all(workers.map(({ end }) => end()));
    const there = await idsOf(store);
    expect(workers.flatMap(({ acknowledged }) => acknowledged).filter((id) => !there.has(id))).toEqual([]);
    expect(workers.flatMap(({ refused }) => refused).filter((id) => there.has(id))).toEqual([]);
    await store.close();
    await server.returnDatabase(url);
  }, 60_000);

  test("a server that hangs is given up, and asked anew on another connection", async () => {
    const url = await server.makeDatabase();
    const store = await openPostgresStore({ url, connectionsMax: 1, statementSecondsMax: 1 });
    await store.create(recordOf("a"), noAdditions);
    const [row] = await runSql(
      url,
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'tespod' AND datname = current_database()",
    );
    const pid = row?.["pid"] as number;
    process.kill(pid, "SIGSTOP");
    try {
      await expect(store.getLine("a")).rejects.toThrow("PostgreSQL did not answer within 2 s");
      expect(await store.getLine("a")).toMatchObject({ id: "a" });
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await store.close();
    await until(async () => {
      const rows = await runSql(url, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'tespod'");
      return rows.length === 0;
    });
    await server.returnDatabase(url);
  }, 30_000);

  test("a statement that waits too long is ended by the server", async () => {
    const url = await server.makeDatabase();
    const store = await openPostgresStore({ url, statementSecondsMax: 1 });
    const blocker = runSql(
      url,
      "BEGIN; LOCK TABLE task IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT",
    );
    await until(
      async () => (await runSql(url, "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock'")).length > 0,
    );
    await expect(store.create(recordOf("a"), noAdditions)).rejects.toThrow(/statement timeout/);
    await blocker;
    expect(await store.getLine("a")).toBeUndefined();
    await store.close();
    await server.returnDatabase(url);
  }, 30_000);

  test("a create whose position was taken first is seen first, even if it is long in committing", async () => {
    const url = await server.makeDatabase();
    const store = await openPostgresStore({ url });
    await store.create(recordOf("a"), noAdditions);
    const [lock] = await runSql(
      url,
      "SELECT count(*)::int AS count FROM pg_locks WHERE locktype = 'advisory'",
    );
    expect(lock?.["count"]).toBe(0);
    // Another replica, stopped in the middle of its create.
    await runSql(
      url,
      `CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.id = 'slow' THEN PERFORM pg_sleep(0.5); END IF; RETURN NEW; END $$;
      CREATE TRIGGER dawdle AFTER INSERT ON task FOR EACH ROW EXECUTE FUNCTION dawdle()`,
    );
    const replica = await openPostgresStore({ url });
    const slow = replica.create(recordOf("slow"), noAdditions);
    await until(
      async () => (await runSql(url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")).length > 0,
    );
    const fast = store.create(recordOf("fast"), noAdditions);
    const seen: string[][] = [];
    await Promise.race(
      [slow, fast].map(async (create) => {
        await create;
        seen.push((await store.listLines(all)).items.map(({ id }) => id));
      }),
    );
    await Promise.all([slow, fast]);
    expect(["slow,a", "fast,slow,a"]).toContain(seen[0]?.join() ?? "");
    expect((await store.listLines(all)).items.map(({ id }) => id)).toEqual(["fast", "slow", "a"]);
    await replica.close();
    await store.close();
    await server.returnDatabase(url);
  }, 30_000);

  test("nothing ever appears below what a reader has seen, while replicas create side by side", async () => {
    const url = await server.makeDatabase();
    const replicas = await Promise.all([0, 1, 2].map(() => openPostgresStore({ url })));
    const [reader] = replicas;
    const workers = replicas.flatMap((store, replica) =>
      [0, 1, 2, 3].map((worker) => createUntil(store, `r${replica}-${worker}`)),
    );
    let seen: number[] = [];
    while (seen.length < 500) {
      const page = await reader?.listLines(all);
      const positions = (page?.items ?? []).map(({ position }) => position).toReversed();
      const newest = seen.at(-1) ?? 0;
      const oldest = Math.max(positions[0] ?? 0, seen[0] ?? 0);
      const again = positions.filter((position) => position <= newest && position >= oldest);
      expect(again).toEqual(seen.filter((position) => position >= oldest));
      seen = positions;
    }
    await Promise.all(workers.map(({ end }) => end()));
    expect(workers.flatMap(({ refused }) => refused)).toEqual([]);
    for (const store of replicas) await store.close();
    await server.returnDatabase(url);
  }, 60_000);

  test("a save by one replica makes that of another on the same version fail", async () => {
    const url = await server.makeDatabase();
    const [one, two] = [await openPostgresStore({ url }), await openPostgresStore({ url })];
    const record = recordOf("a");
    await one.create(record, noAdditions);
    const saved = await Promise.all(
      [one, two].map((store) => store.save(record, { ...noAdditions, systemLogs: ["x"] })),
    );
    expect(saved.toSorted()).toEqual([false, true]);
    expect((await two.getFull("a"))?.additions.systemLogs).toEqual(["x"]);
    await one.close();
    await two.close();
    await server.returnDatabase(url);
  });

  test("replicas that start at once make the schema once", async () => {
    const url = await server.makeDatabase();
    const stores = await Promise.all(
      Array.from({ length: 5 }, () => openPostgresStore({ url, connectionsMax: 1 })),
    );
    expect([...(await runSql(url, "SELECT version FROM schema_version"))]).toEqual([
      { version: migrations.length },
    ]);
    for (const store of stores) await store.close();
    await server.returnDatabase(url);
  });

  test.each(migrations.map((_, version) => version))(
    "a database of version %d keeps its tasks and is brought to the newest",
    async (version) => {
      const url = await server.makeDatabase();
      if (version > 0) {
        await runSql(
          url,
          `CREATE TABLE schema_version (version integer NOT NULL); INSERT INTO schema_version VALUES (${version})`,
        );
        for (const step of migrations.slice(0, version)) await runSql(url, step);
        // More by the name than are taken at once, so that it is looked for by either index.
        await runSql(
          url,
          `INSERT INTO task (id, state, version, live, name)
             SELECT 'many' || i, 'COMPLETE', 1, 0, CASE i WHEN 7 THEN 'one' ELSE 'many' END FROM generate_series(1, 3000) AS i;
           INSERT INTO tag (key, value, position) SELECT 'k', 'v', position FROM task WHERE position % 2 = 1`,
        );
        for (const { id, creationTime, task, run } of oldRecords) {
          const quoted = [creationTime, task, run].map((text) => `'${text.replaceAll("'", "''")}'`);
          await runSql(
            url,
            `INSERT INTO task (id, state, version, live, name) VALUES ('${id}', 'RUNNING', 1, 1, '');
             INSERT INTO document (position, creation_time, task, run) SELECT max(position), ${quoted.join(", ")} FROM task`,
          );
        }
      }
      const store = await openPostgresStore({ url });
      if (version > 0) await expectOldRecords(store);
      const newest = recordOf("a", { name: "n", tags: { k: "v" } });
      await store.create(newest, noAdditions);
      expect(await store.get("a")).toEqual(newest);
      const listed = async (namePrefix: string, tags: TaskFilter["tags"]) =>
        (await store.listLines({ filter: { tags, namePrefix }, pageSize: 1 })).items.map(({ id }) => id);
      expect(await listed("n", [])).toEqual(["a"]);
      const ofBefore = (id: string) => (version > 0 ? [id] : []);
      expect(await listed("many", [])).toEqual(ofBefore("many3000"));
      for (const tag of [{ key: "k" }, { key: "k", value: "v" }]) {
        expect(await listed("n", [tag])).toEqual(["a"]);
        expect(await listed("many", [tag])).toEqual(ofBefore("many2999"));
        expect(await listed("one", [tag])).toEqual(ofBefore("many7"));
      }
      expect(await listed("many", [{ key: "k", value: "w" }])).toEqual([]);
      expect([...(await runSql(url, "SELECT version FROM schema_version"))]).toEqual([
        { version: migrations.length },
      ]);
      await store.close();
      expect(await schemaOf(url)).toEqual(await newestSchema());
      await server.returnDatabase(url);
    },
  );

  const schemaOf = async (url: string): Promise<readonly object[]> => [
    ...(await runSql(url, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname")),
  ];

  async function newestSchema(): Promise<readonly object[]> {
    const url = await server.makeDatabase();
    await (await openPostgresStore({ url })).close();
    const schema = await schemaOf(url);
    await server.returnDatabase(url);
    return schema;
  }

  test("a database of a newer version is refused, and left as it is", async () => {
    const url = await server.makeDatabase();
    await runSql(
      url,
      "CREATE TABLE schema_version (version integer NOT NULL); INSERT INTO schema_version VALUES (99)",
    );
    const name = `127.0.0.1:${server.port}${new URL(url).pathname}`;
    await expect(openPostgresStore({ url })).rejects.toThrow(
      `Cannot open the database "${name}": its schema is version 99, this program knows ${migrations.length}`,
    );
    expect([...(await runSql(url, "SELECT version FROM schema_version"))]).toEqual([{ version: 99 }]);
    await server.returnDatabase(url);
  });

  test("by TLS: the server's certificate is held against the authority that the URL names", async () => {
    const [key, certificate, other] = ["key", "crt", "other"].map((name) =>
      join(server.folder, `server.${name}`),
    );
    if (key === undefined || certificate === undefined || other === undefined) throw new Error("No names");
    const made = spawnSync("openssl", [
      ..."req -new -x509 -days 2 -nodes -newkey rsa:2048 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(
        " ",
      ),
      ...["-keyout", key, "-out", certificate],
    ]);
    expect(made.status).toBe(0);
    const { uid, gid } = statSync(join(server.folder, "data"));
    for (const file of [key, certificate]) chownSync(file, uid, gid);
    copyFileSync("/etc/ssl/certs/ca-certificates.crt", other);
    const url = await server.makeDatabase();
    await runSql(url, `ALTER SYSTEM SET ssl_key_file = '${key}'`);
    await runSql(url, `ALTER SYSTEM SET ssl_cert_file = '${certificate}'`);
    await runSql(url, "ALTER SYSTEM SET ssl = on");
    await runSql(url, "SELECT pg_reload_conf()");
    const local = url.replace("127.0.0.1", "localhost");
    await until(() => openAndClose(`${local}?sslmode=require`));
    expect(await openAndClose(`${local}?sslmode=verify-full&sslrootcert=${certificate}`)).toBe(true);
    expect(await openAndClose(`${local}?sslmode=verify-full`)).toBe(false);
    expect(await openAndClose(`${local}?sslmode=verify-full&sslrootcert=${other}`)).toBe(false);
    await runSql(url, "ALTER SYSTEM RESET ALL");
    await runSql(url, "SELECT pg_reload_conf()");
    await server.returnDatabase(url);
  }, 30_000);

  /** Whether it can, and speaks TLS then. */
  async function openAndClose(url: string): Promise<boolean> {
    try {
      const store = await openPostgresStore({ url, connectionsMax: 1, statementSecondsMax: 2 });
      const plain = url.replace("localhost", "127.0.0.1").replace(/\?.*/, "");
      const [row] = await runSql(
        plain,
        "SELECT bool_and(ssl) AS tls FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tespod'",
      );
      await store.close();
      return row?.["tls"] === true;
    } catch {
      return false;
    }
  }
}

test.each([
  { title: "an unreachable server", url: "postgres://user:s3cret-pass@127.0.0.1:1/db" },
  { title: "an unknown host", url: "postgres://user:s3cret-pass@nowhere.invalid/db" },
  { title: "a URL that is none", url: "postgres://user:s3cret-pass@[db/x" },
  {
    title: "an authority that is not there",
    url: "postgres://user:s3cret-pass@127.0.0.1/db?sslrootcert=/nowhere",
  },
])(
  "an error never shows the password: $title",
  async ({ url }) => {
    const error = await openPostgresStore({ url, statementSecondsMax: 2 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    expect(Bun.inspect(error)).not.toContain("s3cret");
    expect((error as Error).message).toMatch(/^Cannot open the database/);
  },
  30_000,
);
