// Where the bench of the API takes place: a store of either kind, empty or filled, and the service on it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres, startPostgres } from "../support/postgres.ts";
import { fill } from "./api-fill.ts";
import type { Figure } from "./figures.ts";

export type StoreKind = "sqlite" | "postgres";

/** An empty place for a store, removed afterwards. */
export async function* onPlace(
  store: StoreKind,
  work: (database: string) => AsyncGenerator<Figure>,
): AsyncGenerator<Figure> {
  if (store === "sqlite") {
    const folder = mkdtempSync(join(tmpdir(), "tespod-bench-"));
    try {
      yield* work(join(folder, "tes.db"));
    } finally {
      await rm(folder, { recursive: true });
    }
    return;
  }
  const found = await findPostgres();
  if ("missing" in found) return console.error(`No figures of PostgreSQL: ${found.missing}`);
  const server = await startPostgres(found.bin);
  try {
    yield* work(await server.makeDatabase());
  } finally {
    await server.remove();
  }
}

type Service = Awaited<ReturnType<typeof startService>>;

async function startService(database: string) {
  const program = join(import.meta.dirname, "api-server.ts");
  const child = spawn(process.execPath, [program, database], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  const port = Number(line);
  if (!(line instanceof Buffer) || !Number.isInteger(port)) throw new Error("The service did not start");
  return { child, port };
}

async function stopped({ child }: Service): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** The service on that database, while the work is done. */
export async function* withService(
  database: string,
  work: (port: number) => AsyncGenerator<Figure>,
): AsyncGenerator<Figure> {
  const service = await startService(database);
  try {
    yield* work(service.port);
  } finally {
    await stopped(service);
  }
}

/** The service on a store of its own with so many tasks. */
export async function* withTasks(
  store: StoreKind,
  count: number,
  work: (port: number) => AsyncGenerator<Figure>,
): AsyncGenerator<Figure> {
  yield* onPlace(store, async function* (database) {
    await stopped(await startService(database)); // makes the schema
    console.error(`${store}: storing ${count} tasks`);
    await fill(database, count);
    console.error(`${store}: measuring`);
    yield* withService(database, work);
  });
}
