// The SQL of lists, for both databases: each filter is one range of one index, newest first, cut by position.
import type { TaskFilter } from "../tes/filter.ts";
import { limits } from "../tes/limits.ts";
import type { State } from "../tes/state.ts";
import { tagNeedle } from "./tag-text.ts";

export interface Query {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** What one filter asks for. The tasks that match it are a posting list in the order of positions. */
export type Posting =
  | { readonly kind: "state"; readonly state: State }
  | { readonly kind: "tag"; readonly key: string; readonly value?: string }
  | { readonly kind: "name"; readonly prefix: string };

/** Positions `floor` ≤ p < `before`. Names are read block by block; or, where few match, all that are stored. */
export interface Window {
  readonly before?: number;
  readonly floor: number;
  readonly byBlock?: boolean;
}

/**
 * Names are indexed alone, which finds the tasks of a rare prefix at once, whatever is stored; and by blocks of this many positions,
 * so that a page by a common prefix looks newest block first and sorts no more than a few blocks.
 */
export const blockBits = 12;
export const blockOf = (position: number): number => Math.floor(position / 2 ** blockBits);
export const blockStart = (block: number): number => block * 2 ** blockBits;

/** Names first: what they reach is counted, whatever it is. */
export const postings = ({ state, namePrefix, tags }: TaskFilter): readonly Posting[] => [
  ...(namePrefix === undefined ? [] : [{ kind: "name", prefix: namePrefix } as const]),
  ...tags.map((tag) => ({ kind: "tag", ...tag }) as const),
  ...(state === undefined ? [] : [{ kind: "state", state } as const]),
];

export const columnsOf = {
  line: "task.position, task.id, task.state",
  /** The length of a text is known without a look at it. */
  record:
    "task.position, task.id, task.state, task.version, task.live, document.creation_time, document.task, " +
    `CASE WHEN octet_length(document.run) <= ${limits.runBytesMax} THEN document.run END AS run`,
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
  readonly with?: Query;
  readonly from: Query;
  readonly position: string;
  /** The leading columns of the index, and their values. */
  readonly keys: readonly (readonly [column: string, value: string])[];
  readonly condition?: Query;
}

export function source(posting: Posting | undefined, flavor: Flavor, window?: Window): Source {
  const position = "task.position";
  switch (posting?.kind) {
    case undefined:
      // SQLite would rather sort all that have a name that is looked up.
      return { from: plain(flavor === "sqlite" ? "task NOT INDEXED" : "task"), position, keys: [] };
    case "state":
      return { from: tasksBy("task_state", flavor), position, keys: [["task.state", posting.state]] };
    case "tag":
      return {
        from: plain("tag AS driver"),
        position: tagPosition("driver", posting, flavor),
        keys: tagKeys("driver", posting),
      };
    case "name": {
      const names = nameCondition(posting.prefix);
      // As an expression the position leads to no index, so only those of the names are left.
      const expression = { position: "(task.position + 0)", keys: [] };
      if (window?.before === undefined || !window.byBlock)
        return { from: tasksBy("task_name", flavor), condition: names, ...expression };
      const newest = window.before - 1;
      const count = blockOf(newest) - blockOf(window.floor) + 1;
      const blocks = blocksFrom(blockAt(newest, flavor), count, flavor);
      const recursive = { sql: `WITH RECURSIVE ${blocks.sql} `, values: blocks.values };
      return { with: recursive, ...namesByBlock(names, flavor), ...expression };
    }
  }
}

export const plain = (sql: string): Query => ({ sql, values: [] });

export const tasksBy = (index: string, flavor: Flavor): Query =>
  plain(flavor === "sqlite" ? `task INDEXED BY ${index}` : "task");

/** The blocks from `first` down, so many of them, as a table `block` of numbers; none unless `condition`. */
export const blocksFrom = (
  first: Query,
  count: number,
  flavor: Flavor,
  condition: Query = plain(""),
): Query => ({
  sql:
    `block (number, rest) AS (SELECT ${first.sql}, ${flavor === "postgres" ? "?::integer" : "?"}${condition.sql}` +
    " UNION ALL SELECT number - 1, rest - 1 FROM block WHERE rest > 1 AND number > 0)",
  values: [...first.values, count, ...condition.values],
});

/** PostgreSQL would take it for text; SQLite finds no block in its index by the result of a cast. */
export const blockAt = (position: number, flavor: Flavor): Query => ({
  sql: flavor === "postgres" ? "?::bigint" : "?",
  values: [blockOf(position)],
});

/** The names of the table `block`, block by block. */
export function namesByBlock(names: Query, flavor: Flavor): Pick<Source, "from" | "condition"> {
  const condition = { ...names, sql: `(task.position >> ${blockBits}) = block.number AND ${names.sql}` };
  if (flavor === "sqlite") {
    return { from: plain("block CROSS JOIN task INDEXED BY task_name_block"), condition };
  }
  // With an offset the inner query stays what it is: else the planner may begin with all that have the name.
  const sql = `block CROSS JOIN LATERAL (SELECT * FROM task WHERE ${condition.sql} OFFSET 0) AS task`;
  return { from: { sql, values: names.values } };
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

/** The part of the posting list that lies in the window. */
export const within = (
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

export const newestFirst = ({ keys, position }: Source, flavor: Flavor): string =>
  [...(flavor === "postgres" ? keys.map(([column]) => column) : []), position]
    .map((column) => `${column} DESC`)
    .join(", ");

/** A literal prefix as a range of the index, so that `%` and `_` mean nothing; U+10FFFF is the last character there is. */
export const nameCondition = (prefix: string): Query => ({
  sql: "task.name >= ? AND task.name < ?",
  values: [prefix, `${prefix}\u{10FFFF}`],
});

const isTrue = ({ sql, values }: Query): Query => ({ sql: `(${sql}) IS TRUE`, values });

/**
 * Whether the task of the row at hand has it. What few tasks have is looked up at `position`, which may be known before the task
 * is read: then most tasks need not be.
 */
function residual(posting: Posting, flavor: Flavor, position?: string): Query {
  switch (posting.kind) {
    case "state":
      return { sql: "task.state = ?", values: [posting.state] };
    case "name":
      // As what may be true it leads PostgreSQL to no index: it would read all that have the name again for each row.
      return flavor === "postgres" ? isTrue(nameCondition(posting.prefix)) : nameCondition(posting.prefix);
    case "tag": {
      const keys = tagKeys("tag", posting);
      const match = [
        ...keys.map(([column]) => `${column} = ?`),
        `${tagPosition("tag", posting, flavor)} = ${position ?? "task.position"}`,
      ];
      const found = `SELECT 1 FROM tag WHERE ${match.join(" AND ")}`;
      const values = keys.map(([, value]) => value);
      // An EXISTS may become a join that begins with the tag, but in PostgreSQL not if it has an offset.
      const [isIn, isFound] =
        flavor === "postgres"
          ? ["strpos(task.tags, ?) > 0", `EXISTS (${found} OFFSET 0)`]
          : ["instr(task.tags, ?) > 0", `(${found}) IS NOT NULL`];
      if (position !== undefined) return { sql: isFound, values };
      // A look at the text takes a tenth of the time that one into the index does, and there is text for most tasks.
      return {
        sql: `(${isIn} OR (task.tags IS NULL AND ${isFound}))`,
        values: [tagNeedle(posting), ...values],
      };
    }
  }
}

export const joined = (conditions: readonly Query[]): Query => ({
  sql: conditions.length === 0 ? "" : ` WHERE ${conditions.map(({ sql }) => sql).join(" AND ")}`,
  values: conditions.flatMap(({ values }) => values),
});

interface Join {
  readonly driver: Posting | undefined;
  readonly others: readonly Posting[];
  /** Those that few tasks have. */
  readonly short: ReadonlySet<Posting>;
  readonly flavor: Flavor;
}

/** Rows of the window that match `driver`, in whose index they are found, and all of `others`; newest first. */
export function windowQuery(
  columns: Columns,
  { driver, others, short, flavor }: Join,
  window: Window,
  limit: number,
): Query {
  const from = source(driver, flavor, window);
  const joins = [
    ...(driver?.kind === "tag" ? [["task", "task.position = driver.position"]] : []),
    ...(columns === "record" ? [["document", "document.position = task.position"]] : []),
  ];
  const where = joined([
    ...within(from, window, flavor),
    ...joins.map(([, sql = ""]) => ({ sql, values: [] })),
    ...others.map((posting) =>
      driver?.kind === "tag" && short.has(posting)
        ? residual(posting, flavor, tagPosition("driver", driver, flavor))
        : residual(posting, flavor),
    ),
  ]);
  // In SQLite, CROSS JOIN also means: in this order.
  const all = [from.from.sql, ...joins.map(([table]) => table)].join(" CROSS JOIN ");
  return {
    sql: `${from.with?.sql ?? ""}SELECT ${columnsOf[columns]} FROM ${all}${where.sql} ORDER BY ${newestFirst(from, flavor)} LIMIT ?`,
    values: [...(from.with?.values ?? []), ...from.from.values, ...where.values, limit],
  };
}
