// The plans of list queries in PostgreSQL, on a table whose statistics mislead: each by its index, no sort without a bound.
import { afterAll, expect, test } from "bun:test";
import { openPostgresStore } from "../../src/store/postgres.ts";
import { createPostgresPool } from "../../src/store/postgres-pool.ts";
import { type Columns, columnsOf, type Posting, type Query, windowQuery } from "../../src/store/query.ts";
import { reachQuery } from "../../src/store/reach-query.ts";
import { findPostgres, runSql, startPostgres } from "../support/postgres.ts";

interface Row {
  readonly title: string;
  readonly driver: Posting | undefined;
  readonly byBlock?: true;
  readonly others: readonly Posting[];
  readonly plan: string[];
}

const found = await findPostgres();
if ("missing" in found) console.error(`Tests of PostgreSQL's plans are skipped: ${found.missing}`);
else await testPlans(found.bin);

async function testPlans(bin: string): Promise<void> {
  const server = await startPostgres(bin);
  afterAll(server.remove, 60_000);
  const url = await server.makeDatabase();
  await (await openPostgresStore({ url })).close();
  // Nearly all tasks are COMPLETE and have the tag, so the planner would like to walk the tasks themselves.
  await runSql(
    url,
    `INSERT INTO task (id, state, version, live, name)
       SELECT 'id' || i, CASE WHEN i < 50 THEN 'RUNNING' ELSE 'COMPLETE' END, 1, 0, 'n' || i FROM generate_series(1, 50000) i;
     INSERT INTO document SELECT position, '', '{}', '{}' FROM task;
     INSERT INTO tag SELECT 'k', 'v', position FROM task WHERE position < 49000;
     -- Nor is a plan by several processes at once worth their start.
     ALTER ROLE tespod SET parallel_setup_cost = 0;
     ALTER ROLE tespod SET parallel_tuple_cost = 0;
     ALTER ROLE tespod SET min_parallel_table_scan_size = 0;
     ALTER ROLE tespod SET min_parallel_index_scan_size = 0;
     ANALYZE`,
  );
  const pool = createPostgresPool({ url, connectionsMax: 1 });
  afterAll(pool.close);
  let statements = 0;

  /** The nodes of the plan that a prepared statement has whatever its values are. */
  async function planOf({ sql, values }: Query): Promise<string[]> {
    const name = `plan_${++statements}`;
    await pool.run({ sql: `PREPARE ${name} AS ${sql}`, values: [] });
    const literals = values.map((value) => (typeof value === "number" ? value : `'${value}'`)).join(", ");
    const rows = await pool.run<{ "QUERY PLAN": string }>({
      sql: `EXPLAIN (COSTS OFF) EXECUTE ${name}(${literals})`,
      values: [],
    });
    return rows
      .map((row) => row["QUERY PLAN"].replace(/^[ ->]+/, ""))
      .filter((line) => /Scan|Sort$|Hash|Merge/.test(line));
  }

  const flavor = "postgres";
  const state: Posting = { kind: "state", state: "RUNNING" };
  const name: Posting = { kind: "name", prefix: "n" };
  const key: Posting = { kind: "tag", key: "k" };
  const value: Posting = { kind: "tag", key: "k", value: "v" };
  const byPosition = "Index Scan Backward using task_pkey on task";
  const byState = "Index Scan Backward using task_state on task";
  const byId = "Index Scan using task_pkey on task";
  const byBlock = [
    ...["WorkTable Scan on block block_1", "Sort", "CTE Scan on block"],
    ...["Subquery Scan on task", "Index Scan using task_name_block on task task_1"],
  ];
  const byName = "Index Scan using task_name on task";
  const look = { before: 9000, entries: 1024, names: 512, blocks: 32 };
  const floored = { before: 40_000, floor: 100 };
  const byKey = "Index Only Scan Backward using tag_key on tag driver";
  const byValue = "Index Only Scan Backward using tag_pkey on tag driver";

  test.each([
    { title: "no filter", driver: undefined, others: [], plan: [byPosition] },
    { title: "no filter, by a name", driver: undefined, others: [name], plan: [byPosition] },
    { title: "state", driver: state, others: [], plan: [byState] },
    { title: "tag", driver: value, others: [], plan: [byValue, byId] },
    { title: "tag key", driver: key, others: [], plan: [byKey, byId] },
    // Sorted, but never more than the blocks of one query.
    { title: "name, by blocks", driver: name, byBlock: true, others: [], plan: byBlock },
    { title: "name, rare", driver: name, others: [], plan: ["Sort", byName] },
    { title: "state, by the others", driver: state, others: [name], plan: [byState] },
    { title: "tag, by the others", driver: value, others: [state, name], plan: [byValue, byId] },
    { title: "tag key, by the others", driver: key, others: [state, name], plan: [byKey, byId] },
  ] satisfies Row[])("a page by $title", async ({ driver, byBlock, others, plan }: Row) => {
    for (const columns of Object.keys(columnsOf) as Columns[]) {
      const window = byBlock === undefined ? floored : { ...floored, byBlock };
      const lines = await planOf(
        windowQuery(columns, { driver, others, short: new Set(), flavor }, window, 257),
      );
      expect({
        columns,
        plan: lines.filter((line) => !line.endsWith("document_pkey on document")),
      }).toEqual({ columns, plan });
    }
  });

  test.each([
    { title: "no filter", driver: undefined, window: floored, first: [byPosition] },
    { title: "state", driver: state, window: floored, first: [byState] },
    {
      title: "name, by blocks",
      driver: name,
      window: { ...floored, byBlock: true },
      first: byBlock,
    },
    { title: "name, rare", driver: name, window: floored, first: ["Sort", byName] },
  ])("a tag of the tasks found by $title is looked up in an index", async ({ driver, window, first }) => {
    const lines = await planOf(
      windowQuery("line", { driver, others: [key, value], short: new Set(), flavor }, window, 257),
    );
    expect(lines.slice(0, first.length)).toEqual([...first]);
    expect(lines.slice(-2).join()).toMatch(
      /^Index (Only )?Scan using tag_key on tag,Index (Only )?Scan using tag_pkey on tag tag_1$/,
    );
    expect(lines.join()).not.toMatch(/Seq Scan|Bitmap|Hash|Merge/);
  });

  test("a tag that few have is looked up before the task is read", async () => {
    const join = { driver: key, others: [value], short: new Set([value]), flavor } as const;
    expect(await planOf(windowQuery("line", join, floored, 257))).toEqual([
      byKey,
      "Index Only Scan using tag_pkey on tag",
      byId,
    ]);
  });

  test("tasks of a state with a name that most have are read in their order, with no sort", async () => {
    const lines = await planOf(
      windowQuery(
        "line",
        { driver: undefined, others: [name, state], short: new Set(), flavor },
        floored,
        257,
      ),
    );
    expect([[byPosition], [byState]]).toContainEqual(lines);
  });

  test.each([
    {
      title: "state",
      query: reachQuery([state], look, flavor),
      plan: "Index Only Scan Backward using task_state on task",
    },
    { title: "tag", query: reachQuery([value], look, flavor), plan: byValue },
    { title: "tag key", query: reachQuery([key], look, flavor), plan: byKey },
  ])("how far back entries reach, by $title, is read of its index alone", async ({ query, plan }) => {
    expect(await planOf(query)).toEqual([plan]);
  });

  test("names are counted in their indexes, and the newest task is the end of one", async () => {
    const first = { entries: 1024, names: 512, blocks: 32, rareMax: 1024 };
    // What is the same table and an alias of the planner's, and whether a scan of an index looks at its rows, does not matter.
    const scans = async (query: Query) =>
      (await planOf(query)).map((line) => line.replace("Index Only", "Index").replace(/ \w+_\d+$/, ""));
    const byBlocks = [
      "WorkTable Scan on block",
      "CTE Scan on block",
      "Index Scan using task_name_block on task",
    ];
    expect((await scans(reachQuery([name, value, state], first, flavor))).toSorted()).toEqual(
      [
        ...["Index Scan using task_name on task", "CTE Scan on named", "CTE Scan on named"],
        ...[...byBlocks, "Subquery Scan on found"],
        ...[byValue.replace("Index Only", "Index"), byState],
        ...[byPosition, byPosition],
      ].toSorted(),
    );
    expect(await scans(reachQuery([name], look, flavor))).toEqual(byBlocks);
  });
}
