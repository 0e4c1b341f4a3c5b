// noteImages: the digests of images, whenever the kubelet tells them.
import { expect, test } from "bun:test";
import { decide } from "../../src/reconcile/decide.ts";
import { makeFacts, makePolicy, makeRecord, now } from "../support/make.ts";

const images = { 0: "busybox@sha256:1" };

const change = (record: ReturnType<typeof makeRecord>, facts: Parameters<typeof makeFacts>[0]) =>
  decide({ record, sight: makeFacts(facts), gone: false, now, policy: makePolicy() });

test("what the pod tells of them at the task's end is kept with the end", () => {
  const record = makeRecord({ state: "RUNNING", run: { created: true, outcome: { outcome: "complete" } } });
  expect(change(record, { images })).toMatchObject({
    do: "change",
    record: { state: "COMPLETE", run: { images } },
  });
});

test("what it tells after the end is kept before the pod is taken away, once", () => {
  const record = makeRecord({ state: "COMPLETE", run: { created: true } });
  const decision = change(record, { images });
  expect(decision).toMatchObject({ do: "change", record: { state: "COMPLETE", run: { images } } });
  if (decision.do !== "change") throw new Error("not a change");
  expect(change(decision.record, { images }).do).toBe("delete");
});

test("those that are known stay, and others come to them", () => {
  const run = { created: true, images };
  const later = { 0: "", 1: "alpine@sha256:2" };
  const decision = change(makeRecord({ state: "COMPLETE", run }), { images: later });
  expect(decision).toMatchObject({ record: { run: { images: { ...later, ...images } } } });
});

test("a pod that only cleans up has none that count", () => {
  const run = { created: true, cleanUp: { since: now.toISOString() } };
  const decision = change(makeRecord({ state: "COMPLETE", run }), { images });
  expect(decision).not.toMatchObject({ record: { run: { images } } });
});
