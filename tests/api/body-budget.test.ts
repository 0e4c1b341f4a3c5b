// The budget of request bodies: who has room, who waits for nobody, and who makes room for others.
import { expect, test } from "bun:test";
import { createBodyBudget, type Lease, smallBytesMax } from "../../src/api/body-budget.ts";
import { TesError } from "../../src/tes/errors.ts";

const mebibyte = 1024 * 1024;

function place() {
  let milliseconds = 0;
  const budget = createBodyBudget(32 * mebibyte, () => milliseconds);
  /** A request that goes on until it is released. */
  async function open(): Promise<{ lease: Lease; release: () => Promise<void> }> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const { promise, resolve } = Promise.withResolvers<Lease>();
    const work = budget.run((lease) => {
      resolve(lease);
      return over;
    });
    const release = async (): Promise<void> => {
      end();
      await work;
    };
    return { lease: await promise, release };
  }
  const pass = (seconds: number): void => {
    milliseconds += seconds * 1000;
  };
  return { budget, open, pass };
}

const refused = (lease: Lease, bytes: number): unknown => {
  try {
    lease.take(bytes);
  } catch (error) {
    return error instanceof TesError && [error.kind, error.message];
  }
  return undefined;
};
const full = ["unavailable", "Too many large requests are under way; nothing was stored"];
const slow = ["unavailable", "The body came too slowly while others needed the room"];

test("large bodies have three quarters, small ones all; what ends gives its room back", async () => {
  const { open } = place();
  const large = await open();
  expect(refused(large.lease, 24 * mebibyte)).toBeUndefined();
  const other = await open();
  expect(refused(other.lease, smallBytesMax + 1)).toEqual(full);
  // Once refused it stays so.
  expect(refused(other.lease, 1)).toEqual(full);
  for (let count = 0; count < 128; count++)
    expect(refused((await open()).lease, smallBytesMax)).toBeUndefined();
  expect(refused((await open()).lease, 1)).toEqual(full);
  await large.release();
  expect(refused((await open()).lease, smallBytesMax)).toBeUndefined();
});

test("a body is counted as it comes, and no more of it than came", async () => {
  const { open } = place();
  const growing = await open();
  for (let part = 0; part < 24; part++) expect(refused(growing.lease, mebibyte)).toBeUndefined();
  expect(refused(growing.lease, 1)).toEqual(full);
  // All of it is given back at once.
  expect(refused((await open()).lease, 24 * mebibyte)).toBeUndefined();
});

test("thirty senders that stop in the middle keep others out for five seconds", async () => {
  const { open, pass } = place();
  const stopped = await Promise.all(Array.from({ length: 30 }, open));
  for (const { lease } of stopped) expect(refused(lease, 0.75 * mebibyte)).toBeUndefined();
  expect(refused((await open()).lease, 2 * mebibyte)).toEqual(full);
  const waiting = stopped.map(({ lease }) => lease.unlessCut(new Promise<never>(() => undefined)));
  pass(6);
  expect(refused((await open()).lease, 2 * mebibyte)).toBeUndefined();
  // The oldest goes, and no more than have to.
  const [first, second] = stopped;
  await expect(waiting[0]).rejects.toThrow("The body came too slowly");
  expect(first && refused(first.lease, 1)).toEqual(slow);
  expect(second && refused(second.lease, 0)).toBeUndefined();
});

test("who keeps up, who has sent all, and who alone wants room, is not cut", async () => {
  const { open, pass } = place();
  const [steady, whole, alone] = [await open(), await open(), await open()];
  steady.lease.take(4 * mebibyte);
  whole.lease.take(mebibyte);
  whole.lease.end();
  alone.lease.take(mebibyte);
  pass(10);
  expect(refused((await open()).lease, 20 * mebibyte)).toEqual(full);
  expect([steady, whole].map(({ lease }) => refused(lease, 0))).toEqual([undefined, undefined]);
  expect(refused(alone.lease, 0)).toEqual(slow);
  const slowest = await open();
  slowest.lease.take(1);
  pass(1000);
  expect(refused(slowest.lease, mebibyte)).toBeUndefined();
});

test("what is read alone follows one another, whatever becomes of it, and others have a turn in between", async () => {
  const { budget } = place();
  const order: string[] = [];
  const work = (name: string, fails = false) =>
    budget.alone(async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  setImmediate(() => order.push("others"));
  const all = await Promise.allSettled([work("a"), work("b", true), work("c")]);
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(order).toEqual(["a begins", "a ends", "others", "b begins", "b ends", "c begins", "c ends"]);
});
