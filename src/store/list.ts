// One page of a list, at a bounded cost whatever is stored: filters are joined slice by slice, newest first.
import { setImmediate } from "node:timers/promises";
import {
  blockCountQuery,
  blockOf,
  blockStart,
  blocksMax,
  type Columns,
  depthQuery,
  type Flavor,
  nameCountQuery,
  newestQuery,
  type Posting,
  postings,
  type Query,
  type Window,
  windowQuery,
} from "./query.ts";
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
 * A page is looked for in at most so many slices: 4 million entries of the filter that fits least, or tens of millions of tasks
 * by a name. What is then found is the page, be it short, and `next` goes on from there.
 */
const slicesMax = 256;

/** A slice of scale n looks at n times so many entries of the driving posting list, or at n blocks of names. */
const entriesUnit = 1024;
const scaleMax = { entries: 16, blocks: blocksMax };
/** Names of a slice are sorted: with those of one more block, at most. Where no more have the prefix at all, one slice takes all. */
const namesMax = 1024;

/** A name that one task in so many has, or more, is looked up rather than read in its index and sorted. */
const densePart = 4;

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
      { driver: only, others: [], flavor: dialect.flavor },
      window,
      pageSize + 1,
    );
    return cut(await dialect.run<Row>(query), pageSize);
  }
  const [start, rare] = await Promise.all([before ?? afterNewest(dialect), rareName(dialect, wanted)]);
  return joinedPage(dialect, columns, wanted, { pageSize, before: start, rare });
}

/** One row more than the page has only tells that there is a next page. */
function cut<Row extends LineRow>(rows: readonly Row[], pageSize: number): Page<Row> {
  const items = rows.slice(0, pageSize);
  const last = items.at(-1);
  return rows.length > pageSize && last !== undefined ? { items, next: last.position } : { items };
}

async function afterNewest({ run }: Dialect): Promise<number> {
  const [row] = await run<{ position: number | null }>(newestQuery);
  return (row?.position ?? 0) + 1;
}

/**
 * Slice by slice: of each filter, how far back its next entries reach; the one that reaches farthest fits least just here,
 * so its entries are read, and looked up for the others. Between slices others may use the process.
 */
async function joinedPage<Row extends LineRow>(
  dialect: Dialect,
  columns: Columns,
  wanted: readonly Posting[],
  { pageSize, before: start, rare }: { pageSize: number; before: number; rare: Entries | undefined },
): Promise<Page<Row>> {
  const rows: Row[] = [];
  let before = start;
  let pace: Pace = { scale: 1, leaders: wanted };
  for (let slice = 0; before > 1 && rows.length <= pageSize; slice++) {
    if (slice === slicesMax) return { items: rows, next: before };
    if (slice > 0) await setImmediate();
    // One slice that goes back to the oldest task, if few have the name.
    const reach = rare ? { ...rare, window: { before, floor: 0 } } : await farthest(dialect, pace, before);
    const { window } = reach;
    const driver = reach.isDense ? undefined : reach.driver;
    const others = wanted.filter((posting) => posting !== driver);
    const limit = pageSize + 1 - rows.length;
    const query = windowQuery(columns, { driver, others, flavor: dialect.flavor }, window, limit);
    const found = reach.entries === 0 ? [] : await dialect.run<Row>(query); // names were counted, and there are none
    rows.push(...found);
    before = window.floor;
    pace = nextPace(pace, wanted, reach, { found: found.length, missing: limit - found.length });
  }
  return cut(rows, pageSize);
}

/** How much the next slice looks at, and which filters may lead it. */
interface Pace {
  readonly scale: number;
  readonly leaders: readonly Posting[];
}

/**
 * As much as fills the page, and a quarter more, if the next entries yield as those of this slice did: then who led goes on, and
 * nobody else is asked. Where one slice will not do, all are asked who reaches farthest; what yielded nothing is gone over in growing steps.
 */
function nextPace(
  { scale }: Pace,
  wanted: readonly Posting[],
  reach: Reach,
  { found, missing }: { found: number; missing: number },
): Pace {
  const enough = found === 0 ? 4 * scale : Math.ceil((scaleOf(reach) * missing * 1.25) / found);
  const most = reach.driver.kind === "name" ? scaleMax.blocks : scaleMax.entries;
  const isNearlyFull = found > 0 && enough <= most;
  return { scale: Math.min(enough, blocksMax), leaders: isNearlyFull ? [reach.driver] : wanted };
}

/** So many entries of a posting list, newest first. */
interface Entries {
  readonly driver: Posting;
  readonly entries: number;
}

/** Where a posting list gets with so many of its entries. */
interface Reach extends Entries {
  readonly window: Window & { readonly before: number };
  /** So many of the tasks there are in the list that they are better looked at one by one, with no sort, until the page is full. */
  readonly isDense?: boolean;
}

/** What of a slice of scale 1 this reach is: the newest block is seldom full. */
const scaleOf = ({ driver, entries, window: { before, floor } }: Reach): number =>
  driver.kind === "name" ? (before - floor) / blockStart(1) : entries / entriesUnit;

/** To lead, a list must get as far as the best so far with no more entries: so none is looked at for longer than it is worth. */
async function farthest(dialect: Dialect, { scale, leaders }: Pace, before: number): Promise<Reach> {
  let best: Reach | undefined;
  for (const posting of leaders) {
    const depth: number = best?.entries ?? entriesUnit * Math.min(scale, scaleMax.entries);
    if (depth === 0 || best?.window.floor === 0) break; // nothing gets farther
    const reach =
      posting.kind === "name"
        ? await nameReach(dialect, posting, before, scale)
        : await entryReach(dialect, posting, before, depth);
    if (best === undefined || reach.window.floor < best.window.floor) best = reach;
  }
  if (best === undefined) throw new Error("There is no filter to join");
  return best;
}

async function entryReach(
  { run, flavor }: Dialect,
  driver: Exclude<Posting, Name>,
  before: number,
  entries: number,
): Promise<Reach> {
  const [row] = await run<{ position: number }>(depthQuery(driver, before, entries, flavor));
  return { driver, entries, window: { before, floor: row?.position ?? 0 } };
}

type Name = Extract<Posting, { kind: "name" }>;

/** All entries of the name, if they are few enough to be sorted. */
async function rareName({ run, flavor }: Dialect, wanted: readonly Posting[]): Promise<Entries | undefined> {
  const driver = wanted.find((posting) => posting.kind === "name");
  if (driver === undefined) return undefined;
  const [row] = await run<{ count: number }>(nameCountQuery(driver.prefix, namesMax + 1, flavor));
  const entries = row?.count ?? 0;
  return entries > namesMax ? undefined : { driver, entries };
}

/** As many blocks as hold enough names, or as one query may look at. */
async function nameReach(
  { run, flavor }: Dialect,
  driver: Name,
  before: number,
  count: number,
): Promise<Reach> {
  const newest = blockOf(before - 1);
  const blocks = Array.from({ length: count }, (_, index) => newest - index).filter((block) => block >= 0);
  const query = blockCountQuery(driver.prefix, blocks, namesMax, flavor);
  const counts = new Map((await run<BlockCount>(query)).map((row) => [row.block, row.count]));
  let entries = 0;
  const enough = blocks.findIndex((block) => {
    entries += counts.get(block) ?? 0;
    return entries >= namesMax;
  });
  const used = enough === -1 ? blocks : blocks.slice(0, enough + 1);
  const window = { before, floor: blockStart(used.at(-1) ?? 0), blocks: used };
  return { driver, entries, window, isDense: entries >= (before - window.floor) / densePart };
}

interface BlockCount {
  readonly block: number;
  readonly count: number;
}
