// The filters of ListTasks and its page tokens, both ways.
import { createHmac } from "node:crypto";
import type { Fault } from "./errors.ts";
import { TesError } from "./errors.ts";
import { limits } from "./limits.ts";
import { type State, states } from "./state.ts";
import { type View, views } from "./view.ts";

/** A tag to match; without `value` any value will do, but the key must be there (TES 1.1, tag_value). */
interface TagFilter {
  readonly key: string;
  readonly value?: string;
}

export interface TaskFilter {
  readonly namePrefix?: string;
  readonly state?: State;
  readonly tags: readonly TagFilter[];
}

export interface ListQuery {
  readonly filter: TaskFilter;
  readonly pageSize: number;
  /** Only tasks stored before this one: the last position of the page before. */
  readonly before?: number;
  readonly view: View;
}

const oneOf = <T extends string>(choices: readonly T[], value: string): T | undefined =>
  choices.find((choice) => choice === value);

/** The view parameter; MINIMAL if absent or empty. Throws TesError "invalid" on another word. */
export function parseView(value: string | null): View {
  const view = value === null || value === "" ? "MINIMAL" : oneOf(views, value);
  if (view !== undefined) return view;
  throw new TesError("invalid", "Query is not valid", {
    faults: [{ path: "view", message: `Must be one of ${views.join(", ")}` }],
  });
}

/**
 * Reads the query of ListTasks. Empty values are as absent ones, as generated clients send them; unknown parameters are
 * ignored. Throws TesError "invalid" with every fault. `tokenKey` signs page tokens.
 */
export function parseListQuery(query: URLSearchParams, tokenKey: string): ListQuery {
  const faults: Fault[] = [];
  const filter = parseFilter(query, faults);
  const pageSize = parsePageSize(query.get("page_size"), faults);
  const view = oneOf(views, query.get("view") || "MINIMAL");
  if (view === undefined) faults.push({ path: "view", message: `Must be one of ${views.join(", ")}` });
  const token = query.get("page_token");
  const before = token ? readPageToken(token, filter, tokenKey) : undefined;
  if (token && before === undefined) {
    faults.push({ path: "page_token", message: "Must be a next_page_token of a list with the same filters" });
  }
  if (faults.length > 0 || view === undefined)
    throw new TesError("invalid", "Query is not valid", { faults });
  return before === undefined ? { filter, pageSize, view } : { filter, pageSize, view, before };
}

function parseFilter(query: URLSearchParams, faults: Fault[]): TaskFilter {
  for (const path of ["name_prefix", "tag_key", "tag_value"]) {
    // No task has one, and not every database takes it in a query.
    if (query.getAll(path).some((value) => value.includes("\0")))
      faults.push({ path, message: "Must not hold a NUL character" });
  }
  const values = query.getAll("tag_value");
  const keys = query.getAll("tag_key");
  const tags = keys.flatMap((key, index) => {
    const value = values[index];
    if (value !== undefined && value !== "") return [{ key, value }];
    // Both empty: a form field that nobody filled in.
    return key === "" ? [] : [{ key }];
  });
  if (keys.length > limits.tagFiltersMax)
    faults.push({ path: "tag_key", message: `Must be at most ${limits.tagFiltersMax} times` });
  if (values.length > keys.length)
    faults.push({ path: "tag_value", message: "Must not be more often than tag_key" });
  const namePrefix = query.get("name_prefix");
  const wanted = query.get("state");
  const state = wanted ? oneOf(states, wanted) : undefined;
  if (wanted && state === undefined)
    faults.push({ path: "state", message: `Must be one of ${states.join(", ")}` });
  return { tags, ...(namePrefix ? { namePrefix } : {}), ...(state === undefined ? {} : { state }) };
}

function parsePageSize(value: string | null, faults: Fault[]): number {
  if (value === null || value === "") return limits.pageSizeDefault;
  const size = /^\d+$/.test(value) ? Number(value) : 0;
  if (size >= 1 && size <= limits.pageSizeMax) return size;
  faults.push({ path: "page_size", message: `Must be an integer from 1 to ${limits.pageSizeMax}` });
  return limits.pageSizeDefault;
}

/** A page token: a position, signed together with the filters it belongs to. */
export function pageToken(before: number, filter: TaskFilter, key: string): string {
  return Buffer.from(`${before}.${signature(before, filter, key)}`).toString("base64url");
}

function readPageToken(token: string, filter: TaskFilter, key: string): number | undefined {
  const [position = "", signed] = Buffer.from(token, "base64url").toString("latin1").split(".");
  const before = Number(position);
  if (!/^\d{1,15}$/.test(position) || signed !== signature(before, filter, key)) return undefined;
  return before;
}

const signature = (before: number, filter: TaskFilter, key: string): string =>
  createHmac("sha256", key)
    .update(
      JSON.stringify([
        before,
        filter.namePrefix,
        filter.state,
        filter.tags.map(({ key, value }) => [key, value]),
      ]),
    )
    .digest("base64url")
    .slice(0, 22);
