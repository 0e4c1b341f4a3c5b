// keyed: one job at a time per key.
import { expect, test } from "bun:test";
import { createKeyed } from "../../src/reconcile/keyed.ts";

const turn = () => new Promise(setImmediate);

test("jobs of one key run one after the other, in the order of the calls", async () => {
  const keyed = createKeyed();
  const seen: string[] = [];
  const job = (name: string) => async () => {
    seen.push(`${name} begins`);
    await turn();
    seen.push(`${name} ends`);
    return name;
  };
  expect(await Promise.all([keyed.run("k", job("a")), keyed.run("k", job("b"))])).toEqual(["a", "b"]);
  expect(seen).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});

test("jobs of two keys run side by side", async () => {
  const keyed = createKeyed();
  const met = Promise.withResolvers<void>();
  const waiting = keyed.run("k", () => met.promise);
  await keyed.run("l", () => Promise.resolve(met.resolve()));
  await waiting;
});

test("a job that fails rejects for its caller alone", async () => {
  const keyed = createKeyed();
  const failing = keyed.run("k", () => Promise.reject(new Error("no")));
  const next = keyed.run("k", () => Promise.resolve(1));
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe(1);
});

test("idle waits for all jobs, also for those that begin meanwhile", async () => {
  const keyed = createKeyed();
  let done = 0;
  const job = async () => {
    await turn();
    done++;
  };
  const first = keyed.run("k", async () => {
    void keyed.run("k", job);
    await job();
  });
  await keyed.idle();
  await first;
  expect(done).toBe(2);
  await keyed.idle();
});
