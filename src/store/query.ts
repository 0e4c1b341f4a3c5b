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

/** Positions `floor` ≤ p < `before`; a block for each of `blocks`, if the name index is to be used. */
export interface Window {
  readonly before?: number;
  readonly floor: number;
  readonly blocks?: readonly number[];
}

/**
 * Names are indexed by blocks of this many positions. So a page by name prefix looks newest block first and sorts no more than
 * a few blocks, and a prefix that is rare costs one descent for each block: 245 of them, 0.2 ms, for a million tasks.
 */
const blockBits = 12;
export const blockOf = (position: number): number => Math.floor(position / 2 ** blockBits);
export const blockStart = (block: number): number => block * 2 ** blockBits;

/** Statements take always this many blocks, so that few statements are prepared; -1 fills up, as it holds nothing. */
export const blocksMax = 16;
const blockCondition = `(task.position >> ${blockBits}) IN (${Array(blocksMax).fill("?").join(", ")})`;
const blockValues = (blocks: readonly number[]): number[] =>
  Array.from({ length: blocksMax }, (_, index) => blocks[index] ?? -1);

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

/** Where a posting list is read from: its tables, what picks it out, and the column that holds its positions. */
interface Source {
  readonly from: string;
  readonly index?: string;
  readonly position: string;
  /** The leading columns of the index, and their values. */
  readonly keys: readonly (readonly [column: string, value: string])[];
  readonly condition?: Query;
}

function source(posting: Posting | undefined, flavor: Flavor, blocks: readonly number[] = []): Source {
  const position = "task.position";
  switch (posting?.kind) {
    case undefined:
      return { from: "task", position, keys: [] };
    case "state":
      return { from: "task", index: "task_state", position, keys: [["task.state", posting.state]] };
    case "tag":
      return {
        from: "tag AS driver",
        position: tagPosition("driver", posting, flavor),
        keys: tagKeys("driver", posting),
      };
    case "name": {
      const { sql, values } = nameCondition(posting.prefix);
      // As an expression the position leads to no index, so only that of the names is left.
      return {
        from: "task",
        index: "task_name_block",
        position: "(task.position + 0)",
        keys: [],
        condition: { sql: `${blockCondition} AND ${sql}`, values: [...blockValues(blocks), ...values] },
      };
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

const tables = ({ from, index }: Source, flavor: Flavor): string =>
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
const nameCondition = (prefix: string): Query => ({
  sql: "task.name >= ? AND task.name < ?",
  values: [prefix, `${prefix}\u{10FFFF}`],
});

/** Whether the task of the row at hand has it, found by the primary key. */
function residual(posting: Posting, flavor: Flavor): Query {
  switch (posting.kind) {
    case "state":
      return { sql: "task.state = ?", values: [posting.state] };
    case "name":
      return nameCondition(posting.prefix);
    case "tag": {
      const keys = tagKeys("tag", posting);
      const match = keys.map(([column]) => `${column} = ?`).join(" AND ");
      // Counted, one or none, for an EXISTS may become a join that begins with the tag.
      return {
        sql: `(SELECT count(*) FROM tag WHERE ${match} AND ${tagPosition("tag", posting, flavor)} = task.position) > 0`,
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

/** How many names in each of the blocks have the prefix; no row for a block without one. */
export function blockCountQuery(prefix: string, blocks: readonly number[], flavor: Flavor): Query {
  const from = source({ kind: "name", prefix }, flavor, blocks);
  const where = joined(from.condition === undefined ? [] : [from.condition]);
  return {
    sql: `SELECT task.position >> ${blockBits} AS block, count(*) AS count FROM ${tables(from, flavor)}${where.sql} GROUP BY 1`,
    values: where.values,
  };
}

export const newestQuery: Query = { sql: "SELECT max(position) AS position FROM task", values: [] };
