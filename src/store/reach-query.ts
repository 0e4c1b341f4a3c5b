// The SQL that tells how far the next entries of each filter reach, all in one statement of one row.
import {
  blockAt,
  blockBits,
  blocksFrom,
  type Flavor,
  joined,
  nameCondition,
  namesByBlock,
  newestFirst,
  type Posting,
  plain,
  type Query,
  source,
  tasksBy,
  within,
} from "./query.ts";

/** How far is looked. */
export interface Look {
  /** Entries before this position; absent: from the newest task on. */
  readonly before?: number;
  /** So many entries of each list, so many names, in so many blocks. */
  readonly entries: number;
  readonly names: number;
  readonly blocks: number;
  /** Names are looked for block by block only if more than so many have the prefix; absent: they do. */
  readonly rareMax?: number;
}

/** Null is what there is not, and what was not asked for is absent. */
export interface ReachRow {
  /** The position of the newest task, if `before` was absent. */
  readonly newest?: number | null;
  /** How many names have the prefix, if `rareMax` was given: no more than one above it. */
  readonly named?: number;
  /** How many there are in the blocks that were looked at, and the newest and the oldest of these that has any. */
  readonly names?: number;
  readonly newest_block?: number | null;
  readonly oldest_block?: number | null;
  /** The position of entry number `entries` of the nth posting, if that is none of names. */
  readonly [depth: `depth_${number}`]: number | null;
}

/** What is looked at is bounded by `look`, whatever is stored. */
export function reachQuery(leaders: readonly Posting[], look: Look, flavor: Flavor): Query {
  const name = leaders.find((posting) => posting.kind === "name");
  const tables = name === undefined ? undefined : nameTables(name.prefix, look, flavor);
  const columns: Query[] = [
    ...(look.before === undefined ? [column(newestTask, "newest")] : []),
    ...(tables?.columns ?? []),
    ...leaders.flatMap((posting, index) =>
      posting.kind === "name" ? [] : [column(depthOf(posting, look, flavor), `depth_${index}`)],
    ),
  ];
  return {
    sql: `${tables?.with.sql ?? ""}SELECT ${columns.map(({ sql }) => sql).join(", ")}${tables?.from.sql ?? ""}`,
    values: [tables?.with, ...columns, tables?.from].flatMap((part) => part?.values ?? []),
  };
}

const newestTask = plain("SELECT max(position) FROM task");

const column = ({ sql, values }: Query, name: string): Query => ({ sql: `(${sql}) AS ${name}`, values });

function depthOf(
  posting: Exclude<Posting, { kind: "name" }>,
  { before, entries }: Look,
  flavor: Flavor,
): Query {
  const from = source(posting, flavor);
  const where = joined(within(from, before === undefined ? { floor: 0 } : { before, floor: 0 }, flavor));
  return {
    sql: `SELECT ${from.position} FROM ${from.from.sql}${where.sql} ORDER BY ${newestFirst(from, flavor)} LIMIT 1 OFFSET ?`,
    values: [...where.values, entries - 1],
  };
}

function nameTables(prefix: string, { before, names, blocks, rareMax }: Look, flavor: Flavor) {
  const condition = nameCondition(prefix);
  const newest =
    before === undefined
      ? plain(`(SELECT max(position) >> ${blockBits} FROM task)`)
      : blockAt(before - 1, flavor);
  const named =
    rareMax === undefined ? undefined : namedTable(condition, rareMax + 1, tasksBy("task_name", flavor).sql);
  const ifMany = named && { sql: " WHERE (SELECT count FROM named) > ?", values: [rareMax ?? 0] };
  const block = blocksFrom(newest, blocks, flavor, ifMany);
  const byBlock = namesByBlock(condition, flavor);
  const where = joined(byBlock.condition === undefined ? [] : [byBlock.condition]);
  return {
    with: {
      sql: `WITH RECURSIVE ${named === undefined ? "" : `${named.sql}, `}${block.sql} `,
      values: [...(named?.values ?? []), ...block.values],
    },
    columns: [
      ...(named === undefined ? [] : [column(plain("SELECT count FROM named"), "named")]),
      ...["names", "newest_block", "oldest_block"].map(plain),
    ],
    from: {
      sql:
        " FROM (SELECT count(*) AS names, max(number) AS newest_block, min(number) AS oldest_block" +
        ` FROM (SELECT block.number FROM ${byBlock.from.sql}${where.sql} LIMIT ?) AS entry) AS found`,
      values: [...byBlock.from.values, ...where.values, names],
    },
  };
}

const namedTable = (names: Query, most: number, tasks: string): Query => ({
  sql: `named (count) AS MATERIALIZED (SELECT count(*) FROM (SELECT 1 FROM ${tasks} WHERE ${names.sql} LIMIT ?) AS name)`,
  values: [...names.values, most],
});
