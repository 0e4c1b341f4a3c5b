// What each create of a batch is told when a second statement fails, on a stand-in: no server fails just there when asked to.
import { expect, test } from "bun:test";
import type { PostgresPool } from "../../src/store/postgres-pool.ts";
import { createPostgresWrites } from "../../src/store/postgres-writes.ts";
import type { Query } from "../../src/store/query.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { makeTask, now } from "../support/make.ts";

/** Answers each statement by what it begins with. */
function poolOf(answer: (sql: string) => readonly object[] | Error): PostgresPool {
  const run = <Row>({ sql }: Query): Promise<readonly Row[]> => {
    const rows = answer(sql.trim());
    return rows instanceof Error ? Promise.reject(rows) : Promise.resolve(rows as readonly Row[]);
  };
  return {
    run,
    start: <Row>(query: Query) => ({ rows: run<Row>(query), backend: () => undefined }),
    statementSecondsMax: 1,
    migrate: () => Promise.reject(new Error("not asked for")),
    close: () => Promise.resolve(),
  };
}

const claim = { key: "k", digest: "d", time: now, forgetBefore: new Date(0) };

test("those that are stored are told so, also if the key of another cannot be looked up", async () => {
  const pool = poolOf((sql) => {
    if (sql.startsWith("SELECT (extract")) return [{ now: now.getTime() }];
    if (sql.startsWith("WITH locked")) return [{ n: 0 }];
    return Object.assign(new Error("gone"), { code: "ECONNREFUSED" });
  });
  const writes = createPostgresWrites(pool, 1);
  const outcomes = await Promise.allSettled([
    writes.create(newRecord(makeTask(), "a", now), noAdditions),
    writes.create(newRecord(makeTask(), "b", now), noAdditions, claim),
  ]);
  expect(outcomes).toMatchObject([
    { status: "fulfilled", value: { id: "a" } },
    { status: "rejected", reason: { kind: "unavailable" } },
  ]);
});

test("a server whose clock was set is asked for its time anew, and then stores it", async () => {
  let asked = 0;
  const pool = poolOf((sql) => {
    if (sql.startsWith("SELECT (extract")) {
      asked += 1;
      return [{ now: asked }];
    }
    if (sql.startsWith("WITH locked")) return asked < 2 ? [] : [{ n: 0 }];
    return [];
  });
  const writes = createPostgresWrites(pool, 1);
  expect(await writes.create(newRecord(makeTask(), "a", now), noAdditions)).toEqual({ id: "a" });
  expect(asked).toBe(2);
});

test("one that the server came to too late is told that it was not stored", async () => {
  const pool = poolOf((sql) => (sql.startsWith("SELECT (extract") ? [{ now: 0 }] : []));
  const creating = createPostgresWrites(pool, 1).create(newRecord(makeTask(), "a", now), noAdditions);
  await expect(creating).rejects.toMatchObject({ kind: "unavailable" });
});
