// Fills a store with many tasks by SQL, as the service would after long use.
import { DatabaseSync } from "node:sqlite";
import { tagNeedle } from "../../src/store/tag-text.ts";
import { newRun } from "../../src/tes/record.ts";
import { run as runProgram } from "../cluster/shell.ts";
import { runSql } from "../support/postgres.ts";

const task = `{"executors":[{"image":"debian:stable-slim","command":["sort","/data/in.txt"],"stdout":"/data/out.txt"}],"inputs":[{"path":"/data/in.txt","type":"FILE","url":"s3://bucket/in.txt"}]}`;
const run = JSON.stringify(newRun(1));

/**
 * Of every 1000 tasks one is RUNNING, of every 50,000 one CANCELED; names begin with "wf-", ten with "rare-", the first hundredth
 * with "old-"; each has one of ten projects and one of a thousand users. A project "p1" is never RUNNING.
 *
 * And as many of whatever is stored, evenly spread, so that what grows with the store is seen apart from what grows with the
 * matches: 200 tasks have a set "a", 200 others a set "b", 200 others are EXECUTOR_ERROR, and about 100 others have names that
 * begin with "few-". Each "rare-" name is one of set "b".
 */
const columns = (count: number) => ({
  state: `CASE WHEN i % 50000 = 2 THEN 'CANCELED' WHEN i % 1000 = 0 THEN 'RUNNING' WHEN i % ${count / 200} = 4 THEN 'EXECUTOR_ERROR' ELSE 'COMPLETE' END`,
  name: `CASE WHEN i % ${count / 10} = 3 THEN 'rare-' || i WHEN i <= ${count / 100} THEN 'old-' || i WHEN i % ${count / 100} = 6 THEN 'few-' || i ELSE 'wf-' || (i % 1000) || '-step-' || (i % 17) END`,
});

/** The tags below as one text, as the service stores it. */
const tagTexts = (count: number): string => {
  const of = (key: string, number: string): string =>
    `'${tagNeedle({ key, value: "" }).slice(1, -1)}' || ${number} || '&'`;
  return [
    `'&' || CASE WHEN i % 10000 = 4 THEN ${of("note", "'n'")} ELSE '' END`,
    `CASE i % ${count / 200} WHEN 1 THEN ${of("set", "'a'")} WHEN 3 THEN ${of("set", "'b'")} ELSE '' END`,
    of("project", "'p' || (i % 10)"),
    of("user", "'u' || (i % 1000)"),
  ].join(" || ");
};

const inserts = (numbers: string, count: number): string => `
  INSERT INTO task (position, id, state, version, live, name, tags)
    SELECT i, 'task' || i, ${columns(count).state}, 5, 0, ${columns(count).name}, ${tagTexts(count)} FROM ${numbers};
  INSERT INTO document (position, creation_time, task, run) SELECT i, '2026-01-02T03:04:05.678Z', '${task}', '${run}' FROM ${numbers};
  INSERT INTO tag (key, value, position)
    SELECT 'note', 'n', i FROM ${numbers} WHERE i % 10000 = 4
    UNION ALL SELECT 'set', 'a', i FROM ${numbers} WHERE i % ${count / 200} = 1
    UNION ALL SELECT 'set', 'b', i FROM ${numbers} WHERE i % ${count / 200} = 3
    UNION ALL SELECT 'project', 'p' || (i % 10), i FROM ${numbers}
    UNION ALL SELECT 'user', 'u' || (i % 1000), i FROM ${numbers};`;

/**
 * Brings an empty store, which the service has made, to so many tasks, a multiple of 1000; and then to rest: what a database and
 * a kernel do in the minute after a million rows came at once is not what a list costs.
 */
export async function fill(database: string, count: number): Promise<void> {
  if (database.startsWith("postgres://")) await fillPostgres(database, count);
  else fillSqlite(database, count);
  await runProgram("sync", []);
}

async function fillPostgres(database: string, count: number): Promise<void> {
  // Only these rows may be lost by a crash of the machine; what is measured afterwards is as durable as ever.
  await runSql(
    database,
    `SET synchronous_commit = off; ${inserts(`generate_series(1, ${count}) AS i`, count)}
     SELECT setval(pg_get_serial_sequence('task', 'position'), ${count})`,
  );
  // What autovacuum would do once it sees the rows. Index-only scans look at nothing else once the rows are known to be visible
  // to all, and what is not yet on disk is not yet known to be.
  await runSql(database, "CHECKPOINT");
  await runSql(database, "VACUUM ANALYZE");
  await runSql(database, "CHECKPOINT");
}

function fillSqlite(file: string, count: number): void {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA synchronous = OFF;
    CREATE TEMP TABLE number (i INTEGER PRIMARY KEY);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) INSERT INTO number SELECT i FROM n;
    BEGIN; ${inserts("number", count)} COMMIT;
    PRAGMA wal_checkpoint(TRUNCATE);`);
  database.close();
}
