// The PostgreSQL store: the suite of all stores, on a real server.
import { afterAll } from "bun:test";
import { openPostgresStore } from "../../src/store/postgres.ts";
import { findPostgres, startPostgres } from "../support/postgres.ts";
import { testCreateOnce } from "./create-once.ts";
import { type Place, testTaskStore } from "./suite.ts";

const found = await findPostgres();
if ("missing" in found) console.error(`Tests of the PostgreSQL store are skipped: ${found.missing}`);
else {
  const server = await startPostgres(found.bin);
  afterAll(server.remove, 60_000);

  const makePlace = (): Place => {
    const url = server.makeDatabase();
    return {
      open: async () => openPostgresStore({ url: await url }),
      remove: async () => server.returnDatabase(await url),
    };
  };
  testTaskStore("PostgreSQL", makePlace);
  testCreateOnce("PostgreSQL", makePlace);
}
