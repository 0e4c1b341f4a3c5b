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
 * A page is looked for in at most so many slices: 4 million entries of the filter that fits least, or 16 million tasks
 * by a rare name. What is then found is the page, be it short, and `next` goes on from there.
 */
const slicesMax = 256;

/** Entries of the driving posting list in a slice. The first slices are small: most pages fill at once. */
const sliceEntries = (slice: number): number => Math.min(1024 * 4 ** slice, 16_384);
const sliceBlocks = (slice: number): number => Math.min(4 ** slice, blocksMax);
/** Names of a slice are sorted: with those of one more block, at most. */
const namesMax = 1024;

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
  return joinedPage(dialect, columns, wanted, { pageSize, before: before ?? (await afterNewest(dialect)) });
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
  { pageSize, before: start }: { pageSize: number; before: number },
): Promise<Page<Row>> {
  const rows: Row[] = [];
  let before = start;
  for (let slice = 0; before > 1 && rows.length <= pageSize; slice++) {
    if (slice === slicesMax) return { items: rows, next: before };
    if (slice > 0) await setImmediate();
    const { driver, entries, window } = await farthest(dialect, wanted, before, slice);
    before = window.floor;
    if (entries === 0) continue; // names were counted, and there are none
    const others = wanted.filter((posting) => posting !== driver);
    const limit = pageSize + 1 - rows.length;
    const query = windowQuery(columns, { driver, others, flavor: dialect.flavor }, window, limit);
    rows.push(...(await dialect.run<Row>(query)));
  }
  return cut(rows, pageSize);
}

/** Where a posting list gets with so many of its entries. */
interface Reach {
  readonly driver: Posting;
  readonly entries: number;
  readonly window: Window & { readonly before: number };
}

/** To lead, a list must get as far as the best so far with no more entries: so none is looked at for longer than it is worth. */
async function farthest(
  dialect: Dialect,
  wanted: readonly Posting[],
  before: number,
  slice: number,
): Promise<Reach> {
  let best: Reach | undefined;
  for (const posting of wanted) {
    const depth = best?.entries ?? sliceEntries(slice);
    if (depth === 0) break;
    const reach =
      posting.kind === "name"
        ? await nameReach(dialect, posting, before, sliceBlocks(slice))
        : await entryReach(dialect, posting, before, depth);
    if (best === undefined || reach.window.floor < best.window.floor) best = reach;
  }
  if (best === undefined) throw new Error("There is no filter to join");
  return best;
}

async function entryReach(
  { run, flavor }: Dialect,
  driver: Exclude<Posting, { kind: "name" }>,
  before: number,
  entries: number,
): Promise<Reach> {
  const [row] = await run<{ position: number }>(depthQuery(driver, before, entries, flavor));
  return { driver, entries, window: { before, floor: row?.position ?? 0 } };
}

/** As many blocks as hold enough names, or as one query may look at. */
async function nameReach(
  { run, flavor }: Dialect,
  driver: Extract<Posting, { kind: "name" }>,
  before: number,
  count: number,
): Promise<Reach> {
  const newest = blockOf(before - 1);
  const blocks = Array.from({ length: count }, (_, index) => newest - index).filter((block) => block >= 0);
  const rows = await run<{ block: number; count: number }>(blockCountQuery(driver.prefix, blocks, flavor));
  const counts = new Map(rows.map((row) => [row.block, row.count]));
  let entries = 0;
  const enough = blocks.findIndex((block) => {
    entries += counts.get(block) ?? 0;
    return entries >= namesMax;
  });
  const used = enough === -1 ? blocks : blocks.slice(0, enough + 1);
  return { driver, entries, window: { before, floor: blockStart(used.at(-1) ?? 0), blocks: used } };
}
