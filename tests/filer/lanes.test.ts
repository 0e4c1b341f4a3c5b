// Lanes hold no more than they may, take up what waits, and are idle only once all has ended.
import { expect, test } from "bun:test";
import { openLanes } from "../../sidecar/filer/lanes.ts";

test("no more than three are busy, each takes what is next, and all have ended when they are idle", async () => {
  const lanes = openLanes(3);
  const begun: (() => void)[] = [];
  let ended = 0;
  const entering = (async () => {
    for (let index = 0; index < 5; index += 1) {
      await lanes.enter(async () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        begun.push(resolve);
        await promise;
        ended += 1;
      });
    }
  })();
  let isIdle = false;
  const idle = entering
    .then(() => lanes.idle())
    .then(() => {
      isIdle = true;
    });
  await Bun.sleep(0);
  expect(begun.length).toBe(3);
  begun[1]?.();
  await Bun.sleep(0);
  expect([begun.length, ended]).toEqual([4, 1]);
  for (let index = 0; index < 5; index += 1) {
    expect(isIdle).toBe(false);
    begun[index]?.();
    await Bun.sleep(0);
  }
  await idle;
  expect([begun.length, ended, isIdle]).toEqual([5, 5, true]);
});
