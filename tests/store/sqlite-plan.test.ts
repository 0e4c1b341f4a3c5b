// The plans of list queries in SQLite: each by the index it is meant for, no scan of a table, no sort without a bound.
import { expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { type Columns, columnsOf, type Posting, plannedOnce, windowQuery } from "../../src/store/query.ts";
import { reachQuery } from "../../src/store/reach-query.ts";
import { migrations } from "../../src/store/sqlite-migrations.ts";

const flavor = "sqlite";
const state: Posting = { kind: "state", state: "RUNNING" };
const name: Posting = { kind: "name", prefix: "n" };
const key: Posting = { kind: "tag", key: "k" };
const value: Posting = { kind: "tag", key: "k", value: "v" };

function planOf(sql: string, values: readonly (string | number)[]): string[] {
  const database = new DatabaseSync(":memory:");
  for (const step of migrations) database.exec(step);
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${plannedOnce(sql)}`).all(...values) as {
    detail: string;
  }[];
  database.close();
  return plan.map(({ detail }) => detail);
}

const byId = "SEARCH task USING INTEGER PRIMARY KEY (rowid=?)";
const sorted = "USE TEMP B-TREE FOR ORDER BY";
const blocks = [
  "CO-ROUTINE block",
  "SETUP",
  "SCAN CONSTANT ROW",
  "RECURSIVE STEP",
  "SCAN block",
  "SCAN block",
];
const byBlock = "SEARCH task USING INDEX task_name_block (<expr>=? AND name>? AND name<?)";
const byName = "SEARCH task USING INDEX task_name (name>? AND name<?)";
const hasKey = "SEARCH tag USING COVERING INDEX tag_key (key=? AND position=?)";
const hasValue = "SEARCH tag USING PRIMARY KEY (key=? AND value=? AND position=?)";
const look = { before: 9000, entries: 1024, names: 512, blocks: 32 };
const floored = { before: 9000, floor: 100 };

interface Row {
  readonly title: string;
  readonly driver: Posting | undefined;
  readonly byBlock?: true;
  readonly others: readonly Posting[];
  readonly plan: string[];
}

test.each([
  {
    title: "no filter",
    driver: undefined,
    others: [],
    plan: ["SEARCH task USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
  },
  {
    title: "no filter, by the others",
    driver: undefined,
    others: [name, state, key],
    plan: ["SEARCH task USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", hasKey],
  },
  {
    title: "state",
    driver: state,
    others: [],
    plan: ["SEARCH task USING INDEX task_state (state=? AND position>? AND position<?)"],
  },
  {
    title: "tag",
    driver: value,
    others: [],
    plan: ["SEARCH driver USING PRIMARY KEY (key=? AND value=? AND position>? AND position<?)", byId],
  },
  {
    title: "tag key",
    driver: key,
    others: [],
    plan: ["SEARCH driver USING COVERING INDEX tag_key (key=? AND position>? AND position<?)", byId],
  },
  // Sorted, but never more than the blocks of one query.
  { title: "name, by blocks", driver: name, byBlock: true, others: [], plan: [...blocks, byBlock, sorted] },
  { title: "name, rare", driver: name, others: [], plan: [byName, sorted] },
  {
    title: "state, by all others",
    driver: state,
    others: [value, name],
    plan: ["SEARCH task USING INDEX task_state (state=? AND position>? AND position<?)", hasValue],
  },
  {
    title: "tag, by all others",
    driver: value,
    others: [state, name, key],
    plan: ["SEARCH driver USING PRIMARY KEY (key=? AND value=? AND position>? AND position<?)", byId, hasKey],
  },
  {
    title: "tag key, by all others",
    driver: key,
    others: [state, name, value],
    plan: [
      "SEARCH driver USING COVERING INDEX tag_key (key=? AND position>? AND position<?)",
      byId,
      hasValue,
    ],
  },
  {
    title: "name, by blocks, by all others",
    driver: name,
    byBlock: true,
    others: [state, value],
    plan: [...blocks, byBlock, hasValue, sorted],
  },
  {
    title: "name, rare, by all others",
    driver: name,
    others: [state, value, key],
    plan: [byName, hasValue, hasKey, sorted],
  },
] satisfies Row[])("a page by $title", ({ driver, byBlock, others, plan }: Row) => {
  for (const columns of Object.keys(columnsOf) as Columns[]) {
    const window = byBlock === undefined ? floored : { ...floored, byBlock };
    const { sql, values } = windowQuery(columns, { driver, others, short: new Set(), flavor }, window, 257);
    const found = planOf(sql, values).filter(
      (line) => !/^SEARCH document USING INTEGER PRIMARY KEY|^CORRELATED/.test(line),
    );
    expect({ columns, plan: found }).toEqual({ columns, plan });
  }
});

test("a tag that few have is looked up before the task is read, and one that many have in the task", () => {
  const planWith = (short: readonly Posting[]) => {
    const query = windowQuery(
      "line",
      { driver: value, others: [key], short: new Set(short), flavor },
      floored,
      9,
    );
    return planOf(query.sql, query.values).filter(
      (line) => line.startsWith("SEARCH") && !line.includes("driver"),
    );
  };
  expect(planWith([key])).toEqual([hasKey, byId]);
  expect(planWith([])).toEqual([byId, hasKey]);
});

test.each([
  {
    title: "state",
    query: reachQuery([state], look, flavor),
    plan: "SEARCH task USING COVERING INDEX task_state (state=? AND position<?)",
  },
  {
    title: "tag",
    query: reachQuery([value], look, flavor),
    plan: "SEARCH driver USING PRIMARY KEY (key=? AND value=? AND position<?)",
  },
  {
    title: "tag key",
    query: reachQuery([key], look, flavor),
    plan: "SEARCH driver USING COVERING INDEX tag_key (key=? AND position<?)",
  },
])("how far back entries reach, by $title, is read of its index alone", ({ query, plan }) => {
  expect(planOf(query.sql, query.values)).toEqual(["SCAN CONSTANT ROW", "SCALAR SUBQUERY 1", plan]);
});

test("names are counted in their indexes alone, and nothing is sorted for it", () => {
  const ofBlocks = reachQuery([name], look, flavor);
  const ofAll = reachQuery([name], { ...look, rareMax: 1024 }, flavor);
  const read = [ofBlocks, ofAll].map(({ sql, values }) =>
    planOf(sql, values).filter((line) => /task|TEMP/.test(line)),
  );
  const block = "SEARCH task USING COVERING INDEX task_name_block (<expr>=? AND name>? AND name<?)";
  expect(read).toEqual([[block], ["SEARCH task USING COVERING INDEX task_name (name>? AND name<?)", block]]);
});

test("the newest task is found at the end of the table", () => {
  const { sql, values } = reachQuery([value], { entries: 1024, names: 512, blocks: 32 }, flavor);
  expect(planOf(sql, values).filter((line) => line.includes("task"))).toEqual(["SEARCH task"]);
});
