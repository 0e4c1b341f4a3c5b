// The schedule: many pokes are one look, failures are tried again ever more rarely.
import { expect, jest, test } from "bun:test";
import { createKeyed } from "../../src/reconcile/keyed.ts";
import { createSchedule } from "../../src/reconcile/schedule.ts";
import { silent } from "../support/make.ts";

function given(look: (id: string) => Promise<void>) {
  const keyed = createKeyed();
  const waits: unknown[] = [];
  const log = { ...silent, warn: (_: string, fields: object = {}) => void waits.push(fields) };
  return { schedule: createSchedule({ keyed, look, log }), keyed, waits };
}

test("pokes before a look are that look; one during it is another", async () => {
  let looks = 0;
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const { schedule, keyed } = given(async () => {
    looks++;
    begun.resolve();
    await go.promise;
  });
  schedule.start();
  for (let pokes = 0; pokes < 5; pokes++) schedule.poke("a");
  await begun.promise;
  expect(looks).toBe(1);
  for (let pokes = 0; pokes < 5; pokes++) schedule.poke("a");
  go.resolve();
  await keyed.idle();
  expect(looks).toBe(2);
});

test("a poke before the start or after the stop is none", async () => {
  const looks: string[] = [];
  const { schedule, keyed } = given((id) => Promise.resolve(void looks.push(id)));
  schedule.poke("early");
  schedule.start();
  schedule.poke("now");
  await keyed.idle();
  schedule.stop();
  schedule.poke("late");
  await keyed.idle();
  expect(looks).toEqual(["now"]);
});

test("a timer that is late by more than a second, as of a process that was stopped, leaves time to hear what happened", async () => {
  const looks: number[] = [];
  const start = performance.now();
  const { schedule } = given(() => Promise.resolve(void looks.push(performance.now() - start)));
  schedule.start();
  schedule.wake("a", 0.01);
  const events: string[] = [];
  // Stands in for the stop: nothing of this process runs meanwhile.
  Bun.sleepSync(1200);
  setTimeout(() => events.push("heard"), 200);
  while (looks.length === 0) await Bun.sleep(10);
  expect(events).toEqual(["heard"]);
  schedule.stop();
});

test("failures wait 1, 2, 4 … at most 30 s; a success begins anew", async () => {
  jest.useFakeTimers();
  try {
    let failing = true;
    let looks = 0;
    const { schedule, keyed, waits } = given(() => {
      looks++;
      if (failing) return Promise.reject(new Error("down"));
      schedule.settled("a");
      return Promise.resolve();
    });
    schedule.start();
    schedule.poke("a");
    await keyed.idle();
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      jest.advanceTimersByTime(seconds * 1000 - 1);
      await keyed.idle();
      const before = looks;
      jest.advanceTimersByTime(1);
      await keyed.idle();
      expect(looks).toBe(before + 1);
    }
    expect(waits.map((fields) => (fields as { seconds: number }).seconds)).toEqual([
      1, 2, 4, 8, 16, 30, 30, 30,
    ]);
    failing = false;
    jest.advanceTimersByTime(30_000);
    await keyed.idle();
    failing = true;
    schedule.poke("a");
    await keyed.idle();
    expect(waits.at(-1)).toMatchObject({ task: "a", seconds: 1 });
  } finally {
    jest.useRealTimers();
  }
});

test("a later wake takes the place of an earlier one; stop ends them all", async () => {
  jest.useFakeTimers();
  try {
    let looks = 0;
    const { schedule, keyed } = given(() => Promise.resolve(void looks++));
    schedule.start();
    schedule.wake("a", 1);
    schedule.wake("a", 5);
    jest.advanceTimersByTime(4999);
    await keyed.idle();
    expect(looks).toBe(0);
    jest.advanceTimersByTime(1);
    await keyed.idle();
    expect(looks).toBe(1);
    schedule.wake("a", 1);
    schedule.stop();
    jest.advanceTimersByTime(1000);
    await keyed.idle();
    expect(looks).toBe(1);
  } finally {
    jest.useRealTimers();
  }
});

test("what is settled without a word of later is not looked at later", async () => {
  jest.useFakeTimers();
  try {
    let looks = 0;
    const { schedule, keyed } = given((id) => {
      looks++;
      return Promise.resolve(schedule.settled(id));
    });
    schedule.start();
    schedule.wake("a", 10);
    schedule.poke("a");
    await keyed.idle();
    expect(looks).toBe(1);
    jest.advanceTimersByTime(10_000);
    await keyed.idle();
    expect(looks).toBe(1);
  } finally {
    jest.useRealTimers();
  }
});
