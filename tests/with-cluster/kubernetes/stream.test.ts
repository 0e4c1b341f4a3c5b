// Lines out of a body that comes in pieces, its silence and its end.
import { describe, expect, test } from "bun:test";
import { backoffSeconds } from "../../../src/cluster/backoff.ts";
import { createDeadline } from "../../../src/cluster/deadline.ts";
import { readChunks, readLines } from "../../../src/cluster/stream.ts";

async function* pieces(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  const all = new TextEncoder().encode(text);
  for (let at = 0; at < all.length; at += bytes) yield await Promise.resolve(all.subarray(at, at + bytes));
}

describe("lines", () => {
  test.each([1, 2, 3, 5, 1000])("are whole when the body comes in pieces of %d bytes", async (bytes) => {
    const lines = await Array.fromAsync(readLines(pieces('{"a":"é€😀"}\n\n{"b":1}\n', bytes), 100));
    expect(lines).toEqual(['{"a":"é€😀"}', "", '{"b":1}']);
  });

  test("a last line without its end was cut, and is dropped", async () => {
    expect(await Array.fromAsync(readLines(pieces("whole\ncut", 4), 100))).toEqual(["whole"]);
  });

  test("a line beyond the bound is an error, also if its end never comes", async () => {
    await expect(Array.fromAsync(readLines(pieces("x".repeat(1001), 10), 1000))).rejects.toThrow(RangeError);
    expect(await Array.fromAsync(readLines(pieces(`${"x".repeat(1000)}\n`, 10), 1000))).toHaveLength(1);
  });
});

/** A body that gives one piece and is then silent until it is cancelled. */
function silentBody(onCancel: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array([65])),
    cancel: onCancel,
  });
}

test("a body that its consumer leaves is cancelled", async () => {
  let cancelled = false;
  const body = silentBody(() => {
    cancelled = true;
  });
  using patience = createDeadline(new AbortController().signal);
  for await (const chunk of readChunks(body, patience, 1000)) {
    expect(chunk).toEqual(new Uint8Array([65]));
    break;
  }
  expect(cancelled).toBe(true);
  expect(patience.expired).toBe(false);
});

describe("a deadline", () => {
  test("ends by its timer, and says so", async () => {
    using deadline = createDeadline(new AbortController().signal);
    const ended = new Promise((resolve) => deadline.signal.addEventListener("abort", resolve));
    deadline.start(1);
    await ended;
    expect(deadline.expired).toBe(true);
    expect(deadline.signal.reason).toMatchObject({ name: "TimeoutError" });
  });

  test("ends with the outer signal and its reason", () => {
    const outer = new AbortController();
    using deadline = createDeadline(outer.signal);
    outer.abort("enough");
    expect(deadline.signal.reason).toBe("enough");
    expect(deadline.expired).toBe(false);
  });

  test("has ended already if the outer signal has", () => {
    using deadline = createDeadline(AbortSignal.abort("before"));
    expect(deadline.signal.reason).toBe("before");
  });

  test("takes its listener off the outer signal", () => {
    const outer = new AbortController();
    const added: unknown[] = [];
    const removed: unknown[] = [];
    const signal = Object.assign(outer.signal, {
      addEventListener: (_type: string, listener: unknown) => added.push(listener),
      removeEventListener: (_type: string, listener: unknown) => removed.push(listener),
    });
    createDeadline(signal)[Symbol.dispose]();
    expect(added).toHaveLength(1);
    expect(removed).toEqual(added);
  });
});

describe("the wait after a failure", () => {
  const bounds = { backoffSecondsMin: 0.2, backoffSecondsMax: 10 };
  test.each([
    { failures: 0, random: 0, seconds: 0.1 },
    { failures: 0, random: 1, seconds: 0.2 },
    { failures: 3, random: 1, seconds: 1.6 },
    { failures: 100, random: 1, seconds: 10 },
    { failures: 5000, random: 0, seconds: 5 },
  ])("after $failures failures, with $random as chance, is $seconds s", ({ failures, random, seconds }) => {
    expect(backoffSeconds(failures, bounds, undefined, () => random)).toBeCloseTo(seconds);
  });

  test("is never shorter than what the server asked for, within reason", () => {
    expect(backoffSeconds(0, bounds, 30, () => 1)).toBe(30);
    expect(backoffSeconds(0, bounds, 86_400, () => 1)).toBe(60);
  });
});
