// The look for pending tasks that nobody follows: page by page, again and again, whatever the store does.
import { expect, test } from "bun:test";
import { followOrphans } from "../../src/reconcile/orphans.ts";
import { silent } from "../support/make.ts";

const pageSize = 1000;
const ids = Array.from({ length: 2 * pageSize + 1 }, (_, index) => `task-${index}`);

/** Runs the look until it has read the store so many times. */
async function follow(reads: number, options: { known?: string; failFirst?: boolean } = {}) {
  const stopping = new AbortController();
  const poked: string[] = [];
  const asked: (string | undefined)[] = [];
  const store = {
    liveIds: (page?: { after?: string | undefined; limit: number }) => {
      asked.push(page?.after);
      if (asked.length === reads) stopping.abort();
      if (options.failFirst && asked.length === 1) return Promise.reject(new Error("away"));
      const start = ids.indexOf(page?.after ?? "") + 1;
      return Promise.resolve(ids.slice(start, start + (page?.limit ?? ids.length)));
    },
  };
  const isKnown = (id: string) => id === options.known;
  const poke = (id: string) => void poked.push(id);
  await followOrphans({ store, log: silent, isKnown, poke, seconds: 0.001 }, stopping.signal);
  return { poked, asked };
}

test("every pending task that is not known is looked at, a thousand to a page", async () => {
  const { poked, asked } = await follow(3, { known: "task-7" });
  expect(asked).toEqual([undefined, "task-999", "task-1999"]);
  expect(poked).toEqual(ids.filter((id) => id !== "task-7"));
});

test("then it begins again", async () => {
  const { asked } = await follow(5);
  expect(asked.slice(3)).toEqual([undefined, "task-999"]);
});

test("a store that cannot be read is read again", async () => {
  const { poked } = await follow(4, { failFirst: true });
  expect(poked).toEqual(ids);
});
