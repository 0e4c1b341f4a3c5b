// A process that stores tasks until it is killed, and writes each id on stdout as soon as it was acknowledged.
import { writeSync } from "node:fs";
import process from "node:process";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { newRecord, noAdditions } from "../../src/tes/record.ts";
import { makeTask, now } from "../support/make.ts";

const store = openSqliteStore(process.argv[2] ?? "");

async function create(worker: number): Promise<never> {
  for (let number = 0; ; number++) {
    const id = `w${worker}-${number}`;
    await store.create(newRecord(makeTask({ tags: { id } }), id, now), noAdditions);
    writeSync(1, `${id}\n`);
  }
}

await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(create));
