// What every TaskStore promises of creates that may be sent again: called for each kind of store there is.
import { afterEach, describe, expect, test } from "bun:test";
import type { Claim, TaskStore } from "../../src/store/store.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { inSeconds, makeTask, now } from "../support/make.ts";
import type { Place } from "./suite.ts";

const daySeconds = 24 * 3600;
const claimOf = (key: string, digest = "d", seconds = 0): Claim => ({
  key,
  digest,
  time: inSeconds(seconds),
  forgetBefore: inSeconds(seconds - daySeconds),
});

export function testCreateOnce(kind: string, makePlace: () => Place): void {
  const opened: { place: Place; store: TaskStore }[] = [];

  async function openStore(): Promise<TaskStore> {
    const place = makePlace();
    const store = await place.open();
    opened.push({ place, store });
    return store;
  }

  function once(store: TaskStore, id: string, claim: Claim): Promise<{ id: string } | "conflict"> {
    const additions = { systemLogs: ["line"], tails: [] };
    return store.createOnce(newRecord(makeTask({ tags: { id } }), id, now), additions, claim);
  }

  afterEach(async () => {
    for (const { place, store } of opened.splice(0)) {
      await store.close();
      await place.remove();
    }
  });

  describe(`${kind}: createOnce`, () => {
    test("stores the first, whole, and answers its id from then on", async () => {
      const store = await openStore();
      expect(await once(store, "a", claimOf("k"))).toEqual({ id: "a" });
      expect(await once(store, "b", claimOf("k", "d", 1))).toEqual({ id: "a" });
      expect((await store.getFull("a"))?.additions.systemLogs).toEqual(["line"]);
      expect(await store.liveIds()).toEqual(["a"]);
    });

    test("another digest is a conflict and stores nothing; another key is another task", async () => {
      const store = await openStore();
      await once(store, "a", claimOf("k"));
      expect(await once(store, "b", claimOf("k", "other"))).toBe("conflict");
      expect(await once(store, "c", claimOf("K"))).toEqual({ id: "c" });
      expect(await store.liveIds()).toEqual(["a", "c"]);
    });

    test("of many at once, one stores and all get its id", async () => {
      const store = await openStore();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, number) => once(store, `t${number}`, claimOf("k"))),
      );
      const ids = await store.liveIds();
      expect(ids).toHaveLength(1);
      expect(answers).toEqual(answers.map(() => ({ id: ids[0] ?? "" })));
    });

    test("a create that fails leaves its key free", async () => {
      const store = await openStore();
      await store.create(newRecord(makeTask(), "taken", now), noAdditions);
      await expect(once(store, "taken", claimOf("k"))).rejects.toThrow();
      expect(await once(store, "a", claimOf("k", "other"))).toEqual({ id: "a" });
    });

    test("counts until the day is over, and then stands for the next", async () => {
      const store = await openStore();
      await once(store, "a", claimOf("k"));
      expect(await once(store, "b", claimOf("k", "d", daySeconds))).toEqual({ id: "a" });
      expect(await once(store, "c", claimOf("k", "other", daySeconds + 1))).toEqual({ id: "c" });
      expect(await once(store, "d", claimOf("k", "other", daySeconds + 2))).toEqual({ id: "c" });
      expect(await store.liveIds()).toEqual(["a", "c"]);
    });

    test("counts after close and open", async () => {
      const place = makePlace();
      const first = await place.open();
      await once(first, "a", claimOf("k"));
      await first.close();
      const store = await place.open();
      opened.push({ place, store });
      expect(await once(store, "b", claimOf("k"))).toEqual({ id: "a" });
    });
  });
}
