// Which failures are tried again, and how often.
import { expect, test } from "bun:test";
import { retry } from "../../sidecar/filer/retry.ts";
import { retryAfterOf, StorageError, storageError } from "../../sidecar/filer/storage.ts";

const settings = {
  signal: new AbortController().signal,
  firstPauseMilliseconds: 1,
  lastPauseMilliseconds: 2,
};

/** Fails with these errors, one after the other, then succeeds. */
function failing(...errors: unknown[]): { operation: () => Promise<string>; calls: () => number } {
  let calls = 0;
  return {
    operation: () => {
      calls += 1;
      const error = errors[calls - 1];
      return error === undefined ? Promise.resolve("done") : Promise.reject(error);
    },
    calls: () => calls,
  };
}

test("transient failures are tried again", async () => {
  const { operation, calls } = failing(new StorageError("transient", "busy"), new TypeError("fetch failed"));
  expect(await retry(operation, settings)).toBe("done");
  expect(calls()).toBe(3);
});

test.each(["not-found", "denied", "permanent"] as const)("%s is not", async (kind) => {
  const { operation, calls } = failing(new StorageError(kind, "no"));
  await expect(retry(operation, settings)).rejects.toMatchObject({ kind });
  expect(calls()).toBe(1);
});

test("in the end the failure is permanent, so that an outer retry does not begin anew", async () => {
  const { operation, calls } = failing(...Array(20).fill(new StorageError("transient", "busy")));
  await expect(retry(() => retry(operation, settings), settings)).rejects.toMatchObject({
    kind: "permanent",
    message: "busy (after 5 attempts)",
  });
  expect(calls()).toBe(5);
});

test("an abort ends the pause", async () => {
  const stop = new AbortController();
  const { operation } = failing(...Array(20).fill(new StorageError("transient", "busy")));
  const result = retry(operation, {
    signal: stop.signal,
    firstPauseMilliseconds: 60_000,
    lastPauseMilliseconds: 60_000,
  });
  setTimeout(() => stop.abort(new Error("told to stop")), 10);
  await expect(result).rejects.toThrow("told to stop");
});

test.each([
  ["ENOSPC", "permanent"],
  ["EACCES", "permanent"],
  ["ECONNRESET", "transient"],
  [undefined, "transient"],
] as const)("an error with code %p is %s", (code, kind) => {
  expect(storageError(Object.assign(new Error("what happened"), { code }))).toMatchObject({
    kind,
    message: "what happened",
  });
});

test("what a URL in an error's message hides stays hidden", () => {
  const told = new Error(
    'EPIPE fetching "https://me:secret@host/a?X-Amz-Signature=abc". And s3://b/k?v, ftp://u:p@h/f',
  );
  expect(storageError(told).message).toBe('EPIPE fetching "https://host/a". And s3://b/k?v, ftp://h/f');
});

test("a server's Retry-After is kept, up to a bound", async () => {
  const asking = (milliseconds: number) =>
    new StorageError("transient", "busy", { retryAfterMilliseconds: milliseconds });
  const pause = async (error: Error): Promise<number> => {
    const { operation } = failing(error);
    const start = performance.now();
    await retry(operation, { ...settings, lastPauseMilliseconds: 20 });
    return performance.now() - start;
  };
  expect(await pause(asking(60))).toBeGreaterThanOrEqual(55);
  // An hour would be six times the longest pause of our own.
  expect(await pause(asking(3_600_000))).toBeGreaterThanOrEqual(115);
});

test.each([
  ["120", 120_000],
  ["Tue, 24 Nov 2026 00:00:10 GMT", 10_000],
  ["Tue, 24 Nov 2025 00:00:10 GMT", undefined],
  ["soon", undefined],
] as const)("Retry-After: %s", (text, milliseconds) => {
  const now = Date.parse("2026-11-24T00:00:00Z");
  expect(retryAfterOf(new Headers({ "retry-after": text }), now)).toBe(milliseconds);
});
