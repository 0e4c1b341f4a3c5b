// The statements that one page of a list takes: what is asked first, and how often, whatever is stored.
import { expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { type Dialect, listPage } from "../../src/store/list.ts";
import type { Query } from "../../src/store/query.ts";
import type { LineRow } from "../../src/store/rows.ts";
import { migrations } from "../../src/store/sqlite-migrations.ts";
import type { TaskFilter } from "../../src/tes/filter.ts";

/** Of 60,000 tasks every 40th is named "some", the first `few` are "few", and every 30th has the tag. */
function given(few: number) {
  const database = new DatabaseSync(":memory:");
  for (const step of migrations) database.exec(step);
  database.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
      INSERT INTO task (id, state, version, live, name)
      SELECT 'task' || i, 'COMPLETE', 1, 0, CASE WHEN i <= ${few} THEN 'few' WHEN i % 40 = 0 THEN 'some' ELSE 'any' END FROM n;
    INSERT INTO tag (key, value, position) SELECT 'k', 'v', position FROM task WHERE position % 30 = 0`);
  const asked: string[] = [];
  const dialect: Dialect = {
    flavor: "sqlite",
    run: <Row>({ sql, values }: Query) => {
      const indexes = [...sql.matchAll(/INDEXED BY (\w+)/g)].map(([, index]) => index);
      asked.push([sql.includes("task.id") ? "tasks by" : "reach of", ...indexes].join(" "));
      return Promise.resolve(database.prepare(sql).all(...values) as unknown as Row[]);
    },
  };
  return {
    async page(filter: TaskFilter) {
      asked.length = 0;
      const { items } = await listPage<LineRow>(dialect, "line", { filter, pageSize: 256 });
      return { found: items.length, asked: [...asked] };
    },
    [Symbol.dispose]: () => database.close(),
  };
}

const reach = "reach of task_name task_name_block";

test("a name that 1024 tasks have is found by the name alone", async () => {
  using store = given(1024);
  expect(await store.page({ tags: [], namePrefix: "few" })).toEqual({
    found: 256,
    asked: [reach, "tasks by task_name"],
  });
  expect(
    await store.page({ tags: [{ key: "k", value: "v" }], state: "COMPLETE", namePrefix: "few" }),
  ).toEqual({ found: 34, asked: ["reach of task_name task_state task_name_block", "tasks by task_name"] });
});

test("a name that 1025 tasks have is looked for block by block", async () => {
  using store = given(1025);
  const { found, asked } = await store.page({ tags: [], namePrefix: "few" });
  expect(found).toBe(256);
  expect(asked[0]).toBe(reach);
  expect(asked).not.toContain("tasks by task_name");
});

test("a name that no task has costs no look at any task", async () => {
  using store = given(0);
  const tags = [{ key: "k", value: "v" }];
  for (const filter of [{ tags: [] }, { tags }, { tags, state: "COMPLETE" } as const]) {
    const { found, asked } = await store.page({ ...filter, namePrefix: "none" });
    expect([found, asked.length, asked[0]]).toEqual([0, 1, expect.stringContaining("reach of task_name ")]);
  }
});

test("a name that most tasks have is looked up, task by task, and nothing is sorted", async () => {
  using store = given(0);
  expect(await store.page({ tags: [], namePrefix: "any" })).toEqual({
    found: 256,
    asked: [reach, "tasks by"],
  });
});

test("a name that only the oldest tasks have is found at once, and only where it is", async () => {
  using store = given(1100);
  expect(await store.page({ tags: [], namePrefix: "few" })).toEqual({
    found: 256,
    asked: [reach, "tasks by"],
  });
});

test("a page by a tag and a name of every 40th task takes two slices: the second is as large as the first one tells", async () => {
  using store = given(0);
  const { found, asked } = await store.page({ tags: [{ key: "k", value: "v" }], namePrefix: "some" });
  expect(found).toBe(256);
  expect(asked).toEqual([
    ...[reach, "tasks by task_name_block"],
    ...["reach of task_name_block", "tasks by task_name_block"],
  ]);
});
