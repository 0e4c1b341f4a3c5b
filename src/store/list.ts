// One page of a list, at a bounded cost whatever is stored: filters are joined slice by slice, newest first.
import { setImmediate } from "node:timers/promises";
import {
  blockOf,
  blockStart,
  type Columns,
  type Flavor,
  type Posting,
  postings,
  type Query,
  type Window,
  windowQuery,
} from "./query.ts";
import { type Look, type ReachRow, reachQuery } from "./reach-query.ts";
import type { LineRow } from "./rows.ts";
import type { PageRequest } from "./store.ts";

/** How a database runs a query. */
export interface Dialect {
  readonly flavor: Flavor;
  readonly run: <Row>(query: Query) => Promise<readonly Row[]>;
}

export interface Page<Row> {
  readonly items: readonly Row[];
  readonly next?: number;
}

/**
 * A page is looked for in at most so many slices: 4 million entries of the filter that fits least, or half a million names.
 * What is then found is the page, be it short, and `next` goes on from there.
 */
const slicesMax = 256;

/** So many entries of the driving posting list a slice looks at; of names, which are sorted, those of one more block at most. */
const entriesMax = { list: 16_384, names: 2048 };
/** Where no more have the prefix at all, one slice takes all. */
const rareMax = 1024;
/** So many the first slice looks at. Fewer are not worth one. */
const entriesFirst = { list: 1024, names: 512 };
const entriesMin = 512;

/** In so many blocks a slice looks for its names. */
const blocks = { first: 32, max: 256 };

/** A name that one task in so many has, or more, is looked up rather than read in its index and sorted. */
const densePart = 8;

/** The rows of a page, newest first. */
export async function listPage<Row extends LineRow>(
  dialect: Dialect,
  columns: Columns,
  { filter, pageSize, before }: PageRequest,
): Promise<Page<Row>> {
  const wanted = postings(filter);
  const [only, ...rest] = wanted;
  if (rest.length === 0 && only?.kind !== "name") {
    const window = before === undefined ? { floor: 0 } : { before, floor: 0 };
    const query = windowQuery(
      columns,
      { driver: only, others: [], short: new Set(), flavor: dialect.flavor },
      window,
      pageSize + 1,
    );
    return cut(await dialect.run<Row>(query), pageSize);
  }
  return joinedPage(dialect, columns, wanted, { pageSize, before });
}

/** One row more than the page has only tells that there is a next page. */
function cut<Row extends LineRow>(rows: readonly Row[], pageSize: number): Page<Row> {
  const items = rows.slice(0, pageSize);
  const last = items.at(-1);
  return rows.length > pageSize && last !== undefined ? { items, next: last.position } : { items };
}

/**
 * Slice by slice: of each filter, how far back its next entries reach; the one that reaches farthest fits least just here,
 * so its entries are read, and looked up for the others. Between slices others may use the process.
 */
async function joinedPage<Row extends LineRow>(
  dialect: Dialect,
  columns: Columns,
  wanted: readonly Posting[],
  { pageSize, before: start }: { pageSize: number; before: number | undefined },
): Promise<Page<Row>> {
  const rows: Row[] = [];
  let before = start;
  let pace = firstPace(wanted, pageSize);
  for (let slice = 0; (before === undefined || before > 1) && rows.length <= pageSize; slice++) {
    if (slice === slicesMax) return { items: rows, next: before ?? 1 };
    if (slice > 0) await setImmediate();
    const { reach, short } = await farthest(dialect, pace, before);
    const { window } = reach;
    const driver = reach.isDense ? undefined : reach.driver;
    const others = wanted.filter((posting) => posting !== driver);
    const limit = pageSize + 1 - rows.length;
    const query = windowQuery(columns, { driver, others, short, flavor: dialect.flavor }, window, limit);
    const found = reach.entries === 0 ? [] : await dialect.run<Row>(query); // names were counted, and there are none
    rows.push(...found);
    before = window.floor;
    pace = nextPace(pace, wanted, reach, { found: found.length, missing: limit - found.length });
  }
  return cut(rows, pageSize);
}

/** How much the next slice looks at, and which filters may lead it. */
interface Pace {
  readonly entries: number;
  readonly blocks: number;
  readonly leaders: readonly Posting[];
  /** Whether it is not known yet how many tasks have the name. */
  readonly isFirst?: true;
}

/** A quarter more than should do, so that one slice mostly does. */
const worthwhile = (entries: number): number => Math.max(entriesMin, Math.ceil(entries * 1.25));

function firstPace(wanted: readonly Posting[], pageSize: number): Pace {
  const pace = { blocks: blocks.first, leaders: wanted, isFirst: true } as const;
  if (wanted[0]?.kind !== "name") return { ...pace, entries: entriesFirst.list };
  // A page by a name alone is full with as many names as it has room for.
  return { ...pace, entries: wanted.length === 1 ? worthwhile(pageSize + 1) : entriesFirst.names };
}

/**
 * As much as fills the page if the next entries yield as those of this slice did: then who led goes on, and nobody else is asked.
 * Where one slice will not do, all are asked who reaches farthest; what yielded nothing is gone over in growing steps.
 */
function nextPace(
  pace: Pace,
  wanted: readonly Posting[],
  { driver, entries }: Reach,
  { found, missing }: { found: number; missing: number },
): Pace {
  if (found === 0) {
    return {
      entries: Math.min(4 * pace.entries, entriesMax.list),
      blocks: Math.min(8 * pace.blocks, blocks.max),
      leaders: wanted,
    };
  }
  const enough = worthwhile((entries * missing) / found);
  return {
    blocks: pace.blocks,
    entries: enough,
    leaders: enough <= mostOf(driver) ? [driver] : wanted,
  };
}

const mostOf = ({ kind }: Posting): number => (kind === "name" ? entriesMax.names : entriesMax.list);

/** Where a posting list gets with so many of its entries. */
interface Reach {
  readonly driver: Posting;
  readonly entries: number;
  readonly window: Window & { readonly before: number };
  /** So many of the tasks there are in the list that they are better looked at one by one, with no sort, until the page is full. */
  readonly isDense?: boolean;
}

/**
 * The list that gets farthest with each of its entries leads: of those of others, more are looked at for as much of the way.
 * And which lists are known to have no more entries than were looked at.
 */
async function farthest(
  { run, flavor }: Dialect,
  pace: Pace,
  before: number | undefined,
): Promise<{ reach: Reach; short: ReadonlySet<Posting> }> {
  const { leaders, isFirst } = pace;
  const look: Look = {
    ...(before === undefined ? {} : { before }),
    entries: Math.min(pace.entries, entriesMax.list),
    names: Math.min(pace.entries, entriesMax.names),
    blocks: pace.blocks,
    ...(isFirst ? { rareMax } : {}),
  };
  const [row = {}] = await run<ReachRow>(reachQuery(leaders, look, flavor));
  const reached = { ...look, before: before ?? (row.newest ?? 0) + 1 };
  const reaches = leaders.map((posting, index): Reach => {
    if (posting.kind === "name") return nameReach(posting, reached, row);
    const window = { before: reached.before, floor: row[`depth_${index}`] ?? 0 };
    return { driver: posting, entries: look.entries, window };
  });
  const step = ({ window, entries }: Reach) => (reached.before - window.floor) / entries;
  return {
    reach: reaches.reduce((best, reach) => (step(reach) > step(best) ? reach : best)),
    short: new Set(leaders.filter((_, index) => row[`depth_${index}`] === null)),
  };
}

/** As many blocks as hold so many names, or all that were looked at; those that hold none are not looked at again. */
function nameReach(
  driver: Posting,
  { before, names: most, blocks: count, rareMax: few = -1 }: Look & { readonly before: number },
  { named = few + 1, names = 0, newest_block, oldest_block }: ReachRow,
): Reach {
  // Few have the name: one slice that goes back to the oldest task.
  if (named <= few) return { driver, entries: named, window: { before, floor: 0 } };
  const newest = blockOf(before - 1);
  const oldest = Math.max(0, newest - count + 1);
  const window = {
    before: Math.min(before, blockStart((newest_block ?? newest) + 1)),
    floor: blockStart(names < most ? oldest : (oldest_block ?? oldest)),
    byBlock: true,
  };
  const tasks = window.before - window.floor;
  return names >= tasks / densePart
    ? { driver, window, isDense: true, entries: tasks }
    : { driver, window, entries: names };
}
