// PostgresPool: a bounded pool of connections; every call has an end, and none depends on a connection that is lost.
import { readFileSync } from "node:fs";
import postgres from "postgres";
import type { Query } from "./query.ts";

export interface PostgresPool {
  /** Rows of one statement, which is a transaction of its own. */
  run<Row>(query: Query): Promise<readonly Row[]>;
  /** The same, and which process of the server has the statement, as soon as it was sent to one. */
  start<Row>(query: Query): Started<Row>;
  /** The server ends each statement after so long, counted from when it begins with it. */
  readonly statementSecondsMax: number;
  /** Runs the script in one transaction, with as much time as a migration may need. */
  migrate(work: (run: (sql: string) => Promise<readonly unknown[]>) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface Started<Row> {
  readonly rows: Promise<readonly Row[]>;
  backend(): number | undefined;
}

export interface PostgresOptions {
  /** `postgres://user@host:port/database?sslmode=…`, its password in it or apart. */
  readonly url: string;
  readonly password?: string;
  readonly connectionsMax?: number;
  readonly statementSecondsMax?: number;
  /** So long a lost answer to a create is asked for again. */
  readonly lostSecondsMax?: number;
}

/**
 * Each statement of this program has one plan that is right whatever is stored: by its index, in the order of the index. Left to
 * its estimates, the planner would now and then rather sort a million rows.
 */
const plannerSettings = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_sort: "off",
  enable_bitmapscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  max_parallel_workers_per_gather: "0",
  enable_memoize: "off",
  jit: "off",
};

const migrationSecondsMax = 900;
/** More statements than these are not kept prepared: only a client that tries makes so many. */
const preparedMax = 128;
/** The driver can wait for the end of a connection that the server ended long ago. */
const closeSecondsMax = 1;
/** So many times the server's own bound a call waits before its connections are given up. */
const patience = 2;

/** Makes no connection yet. Throws if the file of `sslrootcert` cannot be read. */
export function createPostgresPool(options: PostgresOptions): PostgresPool {
  const { statementSecondsMax = 10 } = options;
  const settings = clientSettings(options, statementSecondsMax);
  const prepared = new Map<string, string>();
  let sql = postgres(settings.url, settings.options);

  /** A peer that is gone without a word leaves calls without an answer: then all connections are made anew. */
  async function bounded<T>(seconds: number, work: (client: postgres.Sql) => Promise<T>): Promise<T> {
    const client = sql;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => {
        if (sql === client) {
          sql = postgres(settings.url, settings.options);
          void client.end({ timeout: 0 }).catch(() => undefined); // its calls have rejected, there is nobody to tell
        }
        reject(new Error(`PostgreSQL did not answer within ${seconds * patience} s`));
      },
      seconds * patience * 1000,
    );
    timer.unref();
    try {
      return await Promise.race([work(client), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The statement as PostgreSQL reads it, and whether it is to be kept prepared. */
  function numberedOf(text: string): { sql: string; prepare: boolean } {
    const known = prepared.get(text);
    if (known !== undefined) return { sql: known, prepare: true };
    const sql = withNumbers(text);
    const prepare = prepared.size < preparedMax;
    if (prepare) prepared.set(text, sql);
    return { sql, prepare };
  }

  function start<Row>({ sql: text, values }: Query): Started<Row> {
    const { sql: numbered, prepare } = numberedOf(text);
    let query: object | undefined;
    const rows = bounded(statementSecondsMax, async (client) => {
      const pending = client.unsafe(numbered, [...values], { prepare });
      query = pending;
      return (await pending) as unknown as readonly Row[];
    });
    // The driver keeps it for its own cancels.
    return { rows, backend: () => (query as { state?: { pid?: number } } | undefined)?.state?.pid };
  }

  return {
    run: <Row>(query: Query) => start<Row>(query).rows,
    start,
    statementSecondsMax,
    migrate: (work) =>
      bounded(migrationSecondsMax, async (client) => {
        await client.begin(async (transaction) => {
          await transaction.unsafe(`SET LOCAL statement_timeout = ${migrationSecondsMax * 1000}`);
          await work((text) => transaction.unsafe(text));
        });
      }),
    close: () => sql.end({ timeout: closeSecondsMax }),
  };
}

/** `?` as `$1`, `$2`, …; no statement holds a question mark otherwise. */
function withNumbers(text: string): string {
  let number = 0;
  return text.replaceAll("?", () => `$${++number}`);
}

function clientSettings({ url, password, connectionsMax = 8 }: PostgresOptions, statementSecondsMax: number) {
  const parsed = new URL(url);
  const isPasswordApart = password !== undefined && parsed.password === "";
  const authority = parsed.searchParams.get("sslrootcert");
  parsed.searchParams.delete("sslrootcert");
  return {
    url: parsed.href,
    options: {
      max: connectionsMax,
      connect_timeout: statementSecondsMax,
      idle_timeout: 600,
      // Back after a restart at once, and without a crowd.
      backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 2) * (0.5 + Math.random() / 2),
      onnotice: () => undefined,
      // Positions are far below 2^53.
      types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
      connection: {
        application_name: "tespod",
        statement_timeout: statementSecondsMax * 1000,
        idle_in_transaction_session_timeout: migrationSecondsMax * 1000,
        ...plannerSettings,
      },
      ...(isPasswordApart ? { password } : {}),
      ...(authority === null ? {} : { ssl: { ca: readFileSync(authority, "utf8") } }),
    },
  };
}
