// The statements that store a whole batch of creates or saves: one round trip, one transaction, one fsync.

import { terminalSql } from "./rows.ts";

/**
 * The lock makes one batch of creates after the other, over all replicas, from the moment it takes positions until it is
 * committed and seen. Without it a position could become visible after a greater one, and a reader who had gone past it would
 * miss it. The last to know the number is the database: any program that stores tasks must take it.
 */
export const createLock = 8_372_001;

/** Old claims that one batch removes: they go, and no create waits for them. */
const forgottenMax = 256;

const addedRows = `
  system_logs AS (
    INSERT INTO system_log (position, line)
    SELECT stored.position, line.line FROM stored CROSS JOIN json_to_recordset(?::text::json) AS line (n int, k int, line text)
    WHERE line.n = stored.n ORDER BY line.n, line.k),
  tails AS (
    INSERT INTO tail (position, executor, stdout, stderr)
    SELECT stored.position, tail.executor, tail.stdout, tail.stderr
    FROM stored CROSS JOIN json_to_recordset(?::text::json) AS tail (n int, executor int, stdout text, stderr text)
    WHERE tail.n = stored.n
    ON CONFLICT (position, executor) DO UPDATE SET stdout = excluded.stdout, stderr = excluded.stderr)`;

/**
 * Answers the number in the batch of each task that was stored: all but those whose claim is another's. Fails as a whole if an
 * id is taken, or if two of the batch have one claim. Stores nothing if it gets the lock after the time that it carries: then
 * whoever gets the lock later knows that what is not there will never be.
 */
export const createSql = `
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(${createLock})),
  timely AS MATERIALIZED (SELECT 1 FROM locked WHERE extract(epoch FROM clock_timestamp()) * 1000 < ?::float8),
  given AS MATERIALIZED (
    SELECT given.* FROM json_to_recordset(?::text::json)
      AS given (n int, id text, state text, version int, live int, name text, tags text,
        creation_time text, task text, run text)),
  claims AS MATERIALIZED (
    SELECT claims.* FROM json_to_recordset(?::text::json)
      AS claims (key text, digest text, time bigint, forget bigint, id text)),
  claimed AS (
    INSERT INTO claim (key, digest, time, id) SELECT key, digest, time, id FROM timely CROSS JOIN claims
    ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, time = excluded.time, id = excluded.id
      WHERE claim.time < (SELECT claims.forget FROM claims WHERE claims.key = claim.key)
    RETURNING id),
  forgotten AS (
    DELETE FROM claim WHERE key IN (
      SELECT claim.key FROM claim WHERE claim.time < (SELECT min(forget) FROM claims)
        AND NOT EXISTS (SELECT 1 FROM claims WHERE claims.key = claim.key) ORDER BY claim.time LIMIT ${forgottenMax})),
  made AS (
    INSERT INTO task (id, state, version, live, name, tags)
    SELECT id, state, version, live, name, tags FROM timely CROSS JOIN given
    WHERE NOT EXISTS (SELECT 1 FROM claims WHERE claims.id = given.id)
      OR EXISTS (SELECT 1 FROM claimed WHERE claimed.id = given.id)
    ORDER BY n RETURNING position, id),
  stored AS MATERIALIZED (SELECT made.position, given.n FROM made JOIN given ON given.id = made.id),
  documents AS (
    INSERT INTO document (position, creation_time, task, run)
    SELECT stored.position, given.creation_time, given.task, given.run FROM stored JOIN given ON given.n = stored.n),
  contents AS (
    INSERT INTO content (position, input, content)
    SELECT stored.position, content.input, content.content
    FROM stored CROSS JOIN json_to_recordset(?::text::json) AS content (n int, input int, content text)
    WHERE content.n = stored.n),
  tags AS (
    INSERT INTO tag (key, value, position)
    SELECT tag.key, tag.value, stored.position
    FROM stored CROSS JOIN json_to_recordset(?::text::json) AS tag (n int, key text, value text)
    WHERE tag.n = stored.n),
  ${addedRows}
SELECT n FROM stored`;

/** Answers the number in the batch of each save that was stored: those that had the newest version. */
export const saveSql = `
WITH given AS MATERIALIZED (
    SELECT given.* FROM json_to_recordset(?::text::json) AS given (n int, id text, version int, state text, live int, run text)),
  stored AS (
    UPDATE task SET state = given.state, version = task.version + 1, live = given.live FROM given
    WHERE task.id = given.id AND task.version = given.version RETURNING task.position, given.n),
  documents AS (
    UPDATE document SET run = given.run FROM stored JOIN given ON given.n = stored.n
    WHERE document.position = stored.position),
  ${addedRows},
  outputs AS (
    INSERT INTO output (position, files)
    SELECT stored.position, output.files FROM stored CROSS JOIN json_to_recordset(?::text::json) AS output (n int, k int, files text)
    WHERE output.n = stored.n ORDER BY output.n, output.k)
SELECT n FROM stored`;

/** Takes the id, a run and a line of system_logs. */
export const giveUpSql = `
WITH ended AS (
    UPDATE task SET state = CASE WHEN state IN (${terminalSql}) THEN state ELSE 'SYSTEM_ERROR' END, version = version + 1, live = 0
    WHERE id = ? RETURNING position),
  documents AS (
    UPDATE document SET run = ? FROM ended WHERE document.position = ended.position)
INSERT INTO system_log (position, line) SELECT position, ? FROM ended`;
