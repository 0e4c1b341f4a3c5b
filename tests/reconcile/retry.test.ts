// What another pod of the task begins with.
import { expect, test } from "bun:test";
import { replan } from "../../src/reconcile/retry.ts";
import type { Held } from "../../src/tes/record.ts";
import { makePolicy, makeRecord, now } from "../support/make.ts";

test("what is held of the task counts over all of its pods", () => {
  const held: Held = {
    files: 1,
    fileBytes: 2,
    filesLeft: 3,
    lines: 4,
    lineBytes: 5,
    linesLeft: 6,
    tailBytes: 7,
  };
  const record = makeRecord({ state: "INITIALIZING", run: { held } });
  const decision = replan({
    record,
    sight: "absent",
    policy: makePolicy(),
    now,
    gone: false,
    looked: undefined,
    last: undefined,
  });
  expect(decision).toMatchObject({ do: "change", record: { run: { attempt: 2, held } } });
});
