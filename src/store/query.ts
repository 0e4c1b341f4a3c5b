// The SQL of lists, for both databases: each filter is one range of one index, newest first, cut by position.
import type { TaskFilter } from "../tes/filter.ts";
import type { State } from "../tes/state.ts";

export interface Query {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** What one filter asks for. The tasks that match it are a posting list in the order of positions. */
export type Posting =
  | { readonly kind: "state"; readonly state: State }
  | { readonly kind: "tag"; readonly key: string; readonly value?: string }
  | { readonly kind: "name"; readonly prefix: string };

/** Positions `floor` ≤ p < `before`. Names are read of these blocks only, or, without, of all that are stored, where few match. */
export interface Window {
  readonly before?: number;
  readonly floor: number;
  readonly blocks?: readonly number[];
}

/**
 * Names are indexed alone, which finds the tasks of a rare prefix at once, whatever is stored; and by blocks of this many positions,
 * so that a page by a common prefix looks newest block first and sorts no more than a few blocks.
 */
const blockBits = 12;
export const blockOf = (position: number): number => Math.floor(position / 2 ** blockBits);
export const blockStart = (block: number): number => block * 2 ** blockBits;

/** One statement looks at so many blocks at most. */
export const blocksMax = 32;

/** Statements take 4, 16 or 32 blocks, so that few are prepared; -1 fills up, as it holds nothing. */
function slots(blocks: readonly number[]): readonly number[] {
  const length = [4, 16].find((count) => blocks.length <= count) ?? blocksMax;
  return Array.from({ length }, (_, index) => blocks[index] ?? -1);
}
const blockOfRow = `(task.position >> ${blockBits})`;

/** Names first: what they reach is counted, whatever it is. */
export const postings = ({ state, namePrefix, tags }: TaskFilter): readonly Posting[] => [
  ...(namePrefix === undefined ? [] : [{ kind: "name", prefix: namePrefix } as const]),
  ...tags.map((tag) => ({ kind: "tag", ...tag }) as const),
  ...(state === undefined ? [] : [{ kind: "state", state } as const]),
];

export const columnsOf = {
  line: "task.position, task.id, task.state",
  record:
    "task.position, task.id, task.state, task.version, task.live, document.creation_time, document.task, document.run",
} as const;
export type Columns = keyof typeof columnsOf;

/**
 * How a database is made to use the index that is meant. SQLite is told its name. PostgreSQL takes no such hint, and its planner
 * now and then rather walks all tasks by position; but an order by all columns of an index is only to be had from that index.
 */
export type Flavor = "sqlite" | "postgres";

/**
 * Where a column is compared with a bare parameter, SQLite may plan the statement anew for each value it is given, which costs
 * ten times as much as to find a row. Behind a sign it looks at no parameter.
 */
export const plannedOnce = (sql: string): string => sql.replaceAll("?", "+?");

/** Where a posting list is read from: its tables, what picks it out, and the column that holds its positions. */
interface Source {
  readonly from: string;
  readonly index?: string;
  readonly position: string;
  /** The leading columns of the index, and their values. */
  readonly keys: readonly (readonly [column: string, value: string])[];
  readonly condition?: Query;
}

function source(posting: Posting | undefined, flavor: Flavor, blocks?: readonly number[]): Source {
  const position = "task.position";
  switch (posting?.kind) {
    case undefined:
      // SQLite would rather sort all that have a name that is looked up.
      return { from: flavor === "sqlite" ? "task NOT INDEXED" : "task", position, keys: [] };
    case "state":
      return { from: "task", index: "task_state", position, keys: [["task.state", posting.state]] };
    case "tag":
      return {
        from: "tag AS driver",
        position: tagPosition("driver", posting, flavor),
        keys: tagKeys("driver", posting),
      };
    case "name": {
      const names = nameCondition(posting.prefix);
      // As an expression the position leads to no index, so only those of the names are left.
      const from = { from: "task", position: "(task.position + 0)", keys: [] };
      if (blocks === undefined) return { ...from, index: "task_name", condition: names };
      const values = slots(blocks);
      const sql = `${blockOfRow} IN (${values.map(() => "?").join(", ")}) AND ${names.sql}`;
      return { ...from, index: "task_name_block", condition: { sql, values: [...values, ...names.values] } };
    }
  }
}

const tagKeys = (alias: string, { key, value }: { key: string; value?: string }): Source["keys"] =>
  value === undefined
    ? [[`${alias}.key`, key]]
    : [
        [`${alias}.key`, key],
        [`${alias}.value`, value],
      ];

/** In PostgreSQL the index of keys alone holds the position as an expression, so that none with a value is looked for in it. */
const tagPosition = (alias: string, { value }: { value?: string }, flavor: Flavor): string =>
  flavor === "postgres" && value === undefined ? `(${alias}.position + 0)` : `${alias}.position`;

const tables = ({ from, index }: Pick<Source, "from" | "index">, flavor: Flavor): string =>
  flavor === "sqlite" && index !== undefined ? `${from} INDEXED BY ${index}` : from;

/** The part of the posting list that lies in the window. */
const within = (
  { keys, position, condition }: Source,
  { before, floor }: Window,
  flavor: Flavor,
): Query[] => [
  ...(condition === undefined ? [] : [condition]),
  ...keys.map(([column, value], index) => ({
    // An array of one is not seen through: the column stays a part of the order, as only this index has it.
    sql: flavor === "postgres" && index === 0 ? `${column} = ANY (ARRAY[?])` : `${column} = ?`,
    values: [value],
  })),
  ...(before === undefined ? [] : [{ sql: `${position} < ?`, values: [before] }]),
  ...(floor > 0 ? [{ sql: `${position} >= ?`, values: [floor] }] : []),
];

const newestFirst = ({ keys, position }: Source, flavor: Flavor): string =>
  [...(flavor === "postgres" ? keys.map(([column]) => column) : []), position]
    .map((column) => `${column} DESC`)
    .join(", ");

/** A literal prefix as a range of the index, so that `%` and `_` mean nothing; U+10FFFF is the last character there is. */
const nameCondition = (prefix: string, name = "task.name"): Query => ({
  sql: `${name} >= ? AND ${name} < ?`,
  values: [prefix, `${prefix}\u{10FFFF}`],
});

/** Whether the task of the row at hand has it, found by the primary key. */
function residual(posting: Posting, flavor: Flavor): Query {
  switch (posting.kind) {
    case "state":
      return { sql: "task.state = ?", values: [posting.state] };
    case "name":
      // As an expression it leads PostgreSQL to no index: it would read all that have the name again for each row.
      return nameCondition(posting.prefix, flavor === "postgres" ? "(task.name || '')" : "task.name");
    case "tag": {
      const keys = tagKeys("tag", posting);
      const match = [
        ...keys.map(([column]) => `${column} = ?`),
        `${tagPosition("tag", posting, flavor)} = task.position`,
      ];
      const found = `FROM tag WHERE ${match.join(" AND ")}`;
      // A mere EXISTS may become a join that begins with the tag. One with an offset does not in PostgreSQL, where it is a tenth faster.
      return {
        sql: flavor === "postgres" ? `EXISTS (SELECT 1 ${found} OFFSET 0)` : `(SELECT count(*) ${found}) > 0`,
        values: keys.map(([, value]) => value),
      };
    }
  }
}

const joined = (conditions: readonly Query[]): Query => ({
  sql: conditions.length === 0 ? "" : ` WHERE ${conditions.map(({ sql }) => sql).join(" AND ")}`,
  values: conditions.flatMap(({ values }) => values),
});

/** Rows of the window that match `driver`, in whose index they are found, and all of `others`; newest first. */
export function windowQuery(
  columns: Columns,
  { driver, others, flavor }: { driver: Posting | undefined; others: readonly Posting[]; flavor: Flavor },
  window: Window,
  limit: number,
): Query {
  const from = source(driver, flavor, window.blocks);
  const joins = [
    ...(driver?.kind === "tag" ? [["task", "task.position = driver.position"]] : []),
    ...(columns === "record" ? [["document", "document.position = task.position"]] : []),
  ];
  const where = joined([
    ...within(from, window, flavor),
    ...joins.map(([, sql = ""]) => ({ sql, values: [] })),
    ...others.map((posting) => residual(posting, flavor)),
  ]);
  // In SQLite, CROSS JOIN also means: in this order.
  const all = [tables(from, flavor), ...joins.map(([table]) => table)].join(" CROSS JOIN ");
  return {
    sql: `SELECT ${columnsOf[columns]} FROM ${all}${where.sql} ORDER BY ${newestFirst(from, flavor)} LIMIT ?`,
    values: [...where.values, limit],
  };
}

/** One row, the position of entry number `depth` of the posting list before `before`; none if there are fewer. */
export function depthQuery(
  posting: Exclude<Posting, { kind: "name" }>,
  before: number,
  depth: number,
  flavor: Flavor,
): Query {
  const from = source(posting, flavor);
  const where = joined(within(from, { before, floor: 0 }, flavor));
  return {
    sql: `SELECT ${from.position} AS position FROM ${tables(from, flavor)}${where.sql} ORDER BY ${newestFirst(from, flavor)} LIMIT 1 OFFSET ?`,
    values: [...where.values, depth - 1],
  };
}

/** Counts names in an index of theirs, which is read no farther than `most`. */
function nameCount(index: string, { sql, values }: Query, most: number, flavor: Flavor): Query {
  const from = tables({ from: "task", index }, flavor);
  return {
    sql: `(SELECT count(*) FROM (SELECT 1 FROM ${from} WHERE ${sql} LIMIT ?) AS name) AS count`,
    values: [...values, most],
  };
}

/** One row: how many names there are with the prefix, but no more than `most`. */
export function nameCountQuery(prefix: string, most: number, flavor: Flavor): Query {
  const { sql, values } = nameCount("task_name", nameCondition(prefix), most, flavor);
  return { sql: `SELECT ${sql}`, values };
}

/** A row for each of the blocks: how many names in it have the prefix, but no more than `most`. */
export function blockCountQuery(
  prefix: string,
  blocks: readonly number[],
  most: number,
  flavor: Flavor,
): Query {
  const names = nameCondition(prefix);
  const ofBlock = { ...names, sql: `${blockOfRow} = block.column1 AND ${names.sql}` };
  const { sql, values } = nameCount("task_name_block", ofBlock, most, flavor);
  const filled = slots(blocks);
  // PostgreSQL would take them for text; SQLite finds no block in its index by the result of a cast.
  const slot = flavor === "postgres" ? "(?::bigint)" : "(?)";
  return {
    sql: `SELECT block.column1 AS block, ${sql} FROM (VALUES ${filled.map(() => slot).join(", ")}) AS block`,
    values: [...values, ...filled],
  };
}

export const newestQuery: Query = { sql: "SELECT max(position) AS position FROM task", values: [] };
