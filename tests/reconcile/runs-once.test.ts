// Whatever is deleted, cut off, frozen or restarted: no executor runs in two pods. TESPOD_RANDOM_LIVES gives the number of lives.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import process from "node:process";
import { simulate } from "./simulation.ts";

const lives = Number(process.env["TESPOD_RANDOM_LIVES"] || 200);

/** Numbers in [0, 1) that depend on the seed alone. */
function random(seed: string): () => number {
  let count = 0;
  return () => createHash("sha256").update(`${seed}/${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}

test.each([
  { title: "that wait for the service's word", waits: true },
  { title: "of a version that did not wait", waits: false },
])(
  `in ${lives} lives of pods $title no executor is started in two, and the words are true`,
  async ({ waits }) => {
    const seen = { again: 0, unknown: 0, COMPLETE: 0, inVain: 0 };
    for (let life = 0; life < lives; life++) {
      const { record, started, systemLogs } = await simulate(random(`${waits}/${life}`), waits);
      const unstarted = [...systemLogs.matchAll(/no executor was started, trying again \(attempt (\d+) of/g)];
      const attempts = unstarted.map(([, attempt]) => Number(attempt) - 1);
      expect({ life, started, untrue: started.filter((attempt) => attempts.includes(attempt)) }).toEqual({
        life,
        started: started.slice(0, 1),
        untrue: [],
      });
      const isUnknown = systemLogs.includes("whether an executor had started is not known");
      if (unstarted.length > 0) seen.again++;
      if (isUnknown) seen.unknown++;
      if (record.state === "COMPLETE") seen.COMPLETE++;
      if (record.state === "SYSTEM_ERROR" && started.length === 0 && isUnknown) seen.inVain++;
    }
    // The lives are of all kinds, or this test would prove little.
    console.error(`    ${lives} lives: ${JSON.stringify(seen)}`);
    for (const kind of ["again", "unknown", "COMPLETE"] as const) expect(seen[kind]).toBeGreaterThan(0);
  },
  120_000,
);
