// Sets of directories, against comparing each path with each.
import { expect, test } from "bun:test";
import { isWithin, normalizePath, type TaskPath } from "../../sidecar/contract/path.ts";
import {
  anyWithin,
  holderAmong,
  outermostKeys,
  overlappingKeys,
  pathOfKey,
  sortKey,
} from "../../src/pod/directory-set.ts";
import { rollDice } from "../support/random-tasks.ts";

/** Names that sort before and after a slash, and begin alike. */
const names = ["a", "b", "a b", "a-", "a.", "a!", "aa", "é", "😀", "A"];

function randomPaths(seed: number): TaskPath[] {
  const dice = rollDice(seed);
  const path = () => Array.from({ length: 1 + dice.integer(4) }, () => `/${dice.pick(names)}`).join("");
  return Array.from({ length: 1 + dice.integer(12) }, () => normalizePath(path()));
}

test("what is outermost, what holds a path and what overlaps is what comparing each with each finds", () => {
  for (let seed = 0; seed < 2000; seed += 1) {
    const paths = randomPaths(seed);
    const asked = randomPaths(-1 - seed);
    const holds = (path: TaskPath) => paths.some((other) => other !== path && isWithin(path, other));
    const outermost = [...new Set(paths.filter((path) => !holds(path)))];
    const keys = outermostKeys(paths);
    expect(keys.map(pathOfKey).sort()).toEqual(outermost.sort());
    expect(asked.map(holderAmong(keys))).toEqual(
      asked.map((path) => outermost.find((other) => isWithin(path, other))),
    );
    expect(asked.map(anyWithin(paths.map(sortKey).sort()))).toEqual(
      asked.map((path) => paths.some((other) => isWithin(other, path))),
    );
    const overlaps = (path: TaskPath, index: number) =>
      paths.some((other, at) => at !== index && (isWithin(path, other) || isWithin(other, path)));
    expect([...overlappingKeys(paths)].map(pathOfKey).sort()).toEqual(
      [...new Set(paths.filter(overlaps))].sort(),
    );
  }
});
