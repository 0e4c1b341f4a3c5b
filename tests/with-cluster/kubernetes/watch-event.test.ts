// One line of a watch: pods, bookmarks, expiry, errors, and lines that are no events.
import { describe, expect, test } from "bun:test";
import { StatusError } from "../../../src/cluster/status-error.ts";
import { parseWatchEvent } from "../../../src/cluster/watch-event.ts";

const object = {
  kind: "Pod",
  metadata: {
    name: "p",
    resourceVersion: "12",
    creationTimestamp: "2026-03-01T10:00:00Z",
    managedFields: [{ manager: "kubelet" }],
  },
  status: { startTime: "2026-03-01T10:00:01Z" },
};

describe("a pod's event", () => {
  test.each([
    { type: "ADDED", change: "changed" },
    { type: "MODIFIED", change: "changed" },
    { type: "DELETED", change: "deleted" },
  ])("$type → $change, with times as Dates and without managedFields", ({ type, change }) => {
    const event = parseWatchEvent(JSON.stringify({ type, object }));
    expect(event).toMatchObject({
      resourceVersion: "12",
      change: {
        type: change,
        pod: {
          metadata: { name: "p", creationTimestamp: new Date("2026-03-01T10:00:00Z") },
          status: { startTime: new Date("2026-03-01T10:00:01Z") },
        },
      },
    });
    expect(JSON.stringify(event)).not.toContain("kubelet");
  });
});

test("BOOKMARK moves the version only", () => {
  const line = JSON.stringify({
    type: "BOOKMARK",
    object: { kind: "Pod", metadata: { resourceVersion: "99" } },
  });
  expect(parseWatchEvent(line)).toEqual({ change: undefined, resourceVersion: "99" });
});

test.each([
  { code: 410, reason: "Expired", message: "too old resource version: 1 (374)" },
  { code: 504, reason: "Timeout", message: "Too large resource version" },
])("ERROR $code is thrown with its message", (status) => {
  const line = JSON.stringify({ type: "ERROR", object: { kind: "Status", ...status } });
  expect(() => parseWatchEvent(line)).toThrow(StatusError);
  expect(() => parseWatchEvent(line)).toThrow(
    expect.objectContaining({ status: expect.objectContaining(status) }),
  );
});

describe("a line that is no event is an error", () => {
  test.each([
    { what: "no JSON", line: "<html>", message: "JSON" },
    { what: "no resourceVersion", line: '{"type":"ADDED","object":{}}', message: "no resourceVersion" },
    { what: "no object", line: '{"type":"ADDED"}', message: "no resourceVersion" },
    {
      what: "an unknown type",
      line: '{"type":"MOVED","object":{"metadata":{"resourceVersion":"1"}}}',
      message: "unknown type",
    },
  ])("$what", ({ line, message }) => {
    expect(() => parseWatchEvent(line)).toThrow(message);
  });
});
