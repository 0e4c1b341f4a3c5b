// The query of ListTasks: filters, page size, page tokens, view.
import { describe, expect, test } from "bun:test";
import { TesError } from "../../src/tes/errors.ts";
import {
  type ListQuery,
  pageToken,
  parseListQuery,
  parseView,
  type TaskFilter,
} from "../../src/tes/filter.ts";

const key = "token key";
const parse = (query: string): ListQuery => parseListQuery(new URLSearchParams(query), key);

function faultsOf(run: () => unknown): readonly unknown[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof TesError && error.kind === "invalid") return error.faults;
    throw error;
  }
}

const plain = { filter: { tags: [] }, pageSize: 256, view: "MINIMAL" };

describe("reads", () => {
  test.each<{ title: string; query: string; expected: object }>([
    { title: "nothing", query: "", expected: plain },
    {
      title: "empty values as absent ones",
      query: "name_prefix=&state=&page_size=&page_token=&view=&tag_key=&tag_value=",
      expected: plain,
    },
    { title: "unknown parameters as absent ones", query: "project=x&offset=3", expected: plain },
    {
      title: "the state",
      query: "state=CANCELING",
      expected: { ...plain, filter: { tags: [], state: "CANCELING" } },
    },
    {
      title: "a prefix with what SQL gives a meaning",
      query: "name_prefix=100%25_a",
      expected: { ...plain, filter: { tags: [], namePrefix: "100%_a" } },
    },
    { title: "the least page size", query: "page_size=1", expected: { ...plain, pageSize: 1 } },
    { title: "the greatest page size", query: "page_size=2047", expected: { ...plain, pageSize: 2047 } },
    { title: "the view", query: "view=FULL", expected: { ...plain, view: "FULL" } },
    {
      title: "tags by position",
      query: "tag_key=a&tag_value=1&tag_key=b&tag_value=2",
      expected: {
        ...plain,
        filter: {
          tags: [
            { key: "a", value: "1" },
            { key: "b", value: "2" },
          ],
        },
      },
    },
    {
      title: "a key without value matches any",
      query: "tag_key=a&tag_key=b&tag_value=x",
      expected: { ...plain, filter: { tags: [{ key: "a", value: "x" }, { key: "b" }] } },
    },
    {
      title: "an empty value matches any, in its position",
      query: "tag_key=a&tag_key=b&tag_value=&tag_value=x",
      expected: { ...plain, filter: { tags: [{ key: "a" }, { key: "b", value: "x" }] } },
    },
  ])("$title", ({ query, expected }) => {
    expect(parse(query) as object).toEqual(expected);
  });
});

const sizeFault = { path: "page_size", message: "Must be an integer from 1 to 2047" };
const tokenFault = {
  path: "page_token",
  message: "Must be a next_page_token of a list with the same filters",
};

describe("refuses", () => {
  test.each([
    { query: "page_size=0", fault: sizeFault },
    { query: "page_size=2048", fault: sizeFault },
    { query: "page_size=-1", fault: sizeFault },
    { query: "page_size=1.5", fault: sizeFault },
    { query: "page_size=1e3", fault: sizeFault },
    { query: "page_size=ten", fault: sizeFault },
    { query: "state=DONE", fault: { path: "state", message: expect.stringContaining("UNKNOWN, QUEUED") } },
    { query: "state=running", fault: { path: "state", message: expect.any(String) } },
    { query: "view=ALL", fault: { path: "view", message: "Must be one of MINIMAL, BASIC, FULL" } },
    {
      query: "tag_value=x",
      fault: { path: "tag_value", message: "Must not be more often than tag_key" },
    },
    { query: "page_token=garbage", fault: tokenFault },
    { query: "page_token=MTIz", fault: tokenFault },
    { query: `page_token=${Buffer.from("12.").toString("base64url")}`, fault: tokenFault },
    { query: `page_token=${Buffer.from("-1.x").toString("base64url")}`, fault: tokenFault },
  ])("$query", ({ query, fault }) => {
    expect(faultsOf(() => parse(query))).toEqual([fault]);
  });

  test("all faults at once", () => {
    const faults = faultsOf(() => parse("state=x&page_size=0&view=y&page_token=z&tag_value=v"));
    expect(faults.map((fault) => (fault as { path: string }).path).sort()).toEqual([
      "page_size",
      "page_token",
      "state",
      "tag_value",
      "view",
    ]);
  });
});

describe("page tokens", () => {
  const filter: TaskFilter = {
    namePrefix: "n",
    state: "QUEUED",
    tags: [{ key: "a", value: "1" }, { key: "b" }],
  };
  const query = "name_prefix=n&state=QUEUED&tag_key=a&tag_key=b&tag_value=1";
  const token = pageToken(42, filter, key);

  test("come back as the position", () => {
    expect(parse(`${query}&page_token=${token}`).before).toBe(42);
    // View and page size are not the filters': a client may change them between pages.
    expect(parse(`${query}&view=FULL&page_size=5&page_token=${token}`).before).toBe(42);
  });

  test("need no encoding in a URL", () => {
    expect(encodeURIComponent(token)).toBe(token);
  });

  test.each([
    { title: "another prefix", other: query.replace("name_prefix=n", "name_prefix=m") },
    { title: "another state", other: query.replace("QUEUED", "RUNNING") },
    { title: "no state", other: query.replace("&state=QUEUED", "") },
    { title: "another tag value", other: query.replace("tag_value=1", "tag_value=2") },
    { title: "tags in another order", other: query.replace("tag_key=a&tag_key=b", "tag_key=b&tag_key=a") },
    { title: "no filters", other: "" },
  ])("are bound to their filters: $title", ({ other }) => {
    expect(faultsOf(() => parse(`${other}&page_token=${token}`))).toEqual([tokenFault]);
  });

  test("of another position cannot be made up", () => {
    const [, signature] = Buffer.from(token, "base64url").toString().split(".");
    const forged = Buffer.from(`43.${signature}`).toString("base64url");
    expect(faultsOf(() => parse(`${query}&page_token=${forged}`))).toEqual([tokenFault]);
  });

  test("of another installation are refused", () => {
    const foreign = pageToken(42, filter, "other key");
    expect(faultsOf(() => parse(`${query}&page_token=${foreign}`))).toEqual([tokenFault]);
  });
});

describe("the view of one task", () => {
  test.each([
    { value: null, view: "MINIMAL" },
    { value: "", view: "MINIMAL" },
    { value: "MINIMAL", view: "MINIMAL" },
    { value: "BASIC", view: "BASIC" },
    { value: "FULL", view: "FULL" },
  ])("$value is $view", ({ value, view }) => {
    expect(parseView(value) as string).toBe(view);
  });

  test("another word is refused", () => {
    expect(faultsOf(() => parseView("full"))).toEqual([
      { path: "view", message: "Must be one of MINIMAL, BASIC, FULL" },
    ]);
  });
});
