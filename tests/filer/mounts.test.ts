// placeOf: the mount that holds a path, whatever mounts there are, against looking at each of them.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { type Mount, placeOf } from "../../sidecar/filer/mounts.ts";
import { rollDice } from "../support/random-tasks.ts";

const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

test("a path lies in the longest mount that holds it", () => {
  for (let seed = 0; seed < 3000; seed += 1) {
    const dice = rollDice(seed);
    const path = () =>
      Array.from({ length: 1 + dice.integer(4) }, () => `/${dice.pick(["a", "b", "ab"])}`).join("");
    const paths = [...new Set(Array.from({ length: dice.integer(8) }, path))];
    const mounts = paths.map((each, index): Mount => {
      const volume = dice.chance(0.3) ? { volume: "/claim" } : {};
      return { path: normalizePath(each), folder: `m${index}`, file: dice.chance(0.2), ...volume };
    });
    for (let asked = path(), count = 0; count < 8; asked = path(), count += 1) {
      const holding = mounts.filter(({ path: own, file }) => (file ? asked === own : within(asked, own)));
      const longest = holding.sort((one, other) => other.path.length - one.path.length)[0];
      const place = placeOf(normalizePath(`${asked}/./`), mounts, "/work");
      expect(place?.mount).toBe(longest as Mount);
      if (longest === undefined) continue;
      expect(place?.local).toBe(
        join(longest.volume ?? "/work", longest.folder, asked.slice(longest.path.length)),
      );
    }
  }
});
