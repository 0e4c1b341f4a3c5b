// The order of executors, as a table.
import { expect, test } from "bun:test";
import { exitCodeOf, nextAction } from "../../sidecar/supervisor/supervise.ts";

const must = { ignoreError: false };
const may = { ignoreError: true };

test.each([
  ["the first is released first", [must, must], [], { action: "release", executor: 0 }],
  ["the next after a success", [must, must], [0], { action: "release", executor: 1 }],
  ["the next after an ignored failure", [may, must], [9], { action: "release", executor: 1 }],
  ["none after a failure", [must, must, must], [1], { action: "finish", outcome: "executor-error" }],
  ["none after a signal", [must, must], [137], { action: "finish", outcome: "executor-error" }],
  ["none after the last", [must, must], [0, 0], { action: "finish", outcome: "complete" }],
  [
    "the last may fail if that is to be ignored",
    [must, may],
    [0, 1],
    { action: "finish", outcome: "complete" },
  ],
  [
    "only the failure itself is ignored",
    [may, must],
    [1, 1],
    { action: "finish", outcome: "executor-error" },
  ],
] as const)("%s", (_, executors, codes, next) => {
  expect(nextAction(executors, codes)).toEqual(next as ReturnType<typeof nextAction>);
});

test.each([
  [0, 0],
  [3, 3],
  ["gone", 137],
] as const)("an executor that ended with %p has exit code %d", (ending, code) => {
  expect(exitCodeOf(ending)).toBe(code);
});
