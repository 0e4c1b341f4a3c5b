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
      asked.push(/INDEXED BY (\w+)/.exec(sql)?.[1] ?? "none");
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

test("a name that 1024 tasks have is found by the name alone", async () => {
  using store = given(1024);
  expect(await store.page({ tags: [], namePrefix: "few" })).toEqual({
    found: 256,
    asked: ["none", "task_name", "task_name"],
  });
  expect(
    await store.page({ tags: [{ key: "k", value: "v" }], state: "COMPLETE", namePrefix: "few" }),
  ).toEqual({ found: 34, asked: ["none", "task_name", "task_name"] });
});

test("a name that 1025 tasks have is looked for block by block", async () => {
  using store = given(1025);
  const { found, asked } = await store.page({ tags: [], namePrefix: "few" });
  expect(found).toBe(256);
  expect(asked.slice(0, 3)).toEqual(["none", "task_name", "task_name_block"]);
});

test("a name that no task has costs no look at any task", async () => {
  using store = given(0);
  const tags = [{ key: "k", value: "v" }];
  for (const filter of [{ tags: [] }, { tags }, { tags, state: "COMPLETE" } as const])
    expect(await store.page({ ...filter, namePrefix: "none" })).toEqual({
      found: 0,
      asked: ["none", "task_name"],
    });
});

test("a name that most tasks have is looked up, task by task, and nothing is sorted", async () => {
  using store = given(0);
  expect(await store.page({ tags: [], namePrefix: "any" })).toEqual({
    found: 256,
    asked: ["none", "task_name", "task_name_block", "none"],
  });
});

test("a name that only the oldest tasks have is found at once, and only where it is", async () => {
  using store = given(1100);
  expect(await store.page({ tags: [], namePrefix: "few" })).toEqual({
    found: 256,
    asked: ["none", "task_name", "task_name_block", "none"],
  });
});

test("a page by a tag and a name of every 40th task takes two slices: the second is as large as the first one tells", async () => {
  using store = given(0);
  const { found, asked } = await store.page({ tags: [{ key: "k", value: "v" }], namePrefix: "some" });
  expect(found).toBe(256);
  expect(asked).toEqual([
    ...["none", "task_name"],
    ...["task_name_block", "none", "task_name_block"],
    ...["task_name_block", "task_name_block"],
  ]);
});
