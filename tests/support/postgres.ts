// A real PostgreSQL server for tests: in a temporary folder, on 127.0.0.1, by a user without rights, with fsync on.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";
import { isOnPath, say, tryRun } from "../cluster/shell.ts";
import { freePort } from "./free-port.ts";

export interface PostgresServer {
  /** The URL of a database that is empty. */
  makeDatabase(): Promise<string>;
  /** Empties it for the next who asks: making one takes longer. Nobody may be connected. */
  returnDatabase(url: string): Promise<void>;
  /** Ends the server at once, without a word to its clients, as a crash would, or as a restart does. */
  stop(how: "SIGQUIT" | "SIGINT"): Promise<void>;
  start(): Promise<void>;
  /** Folder of the server's files, where its certificates go. */
  readonly folder: string;
  readonly port: number;
  remove(): Promise<void>;
}

const packageName = "postgresql-15";
const versions = [18, 17, 16, 15];
/** Debian's users for it; "nobody" does as well. A root server would refuse to run. */
const users = ["postgres", "nobody"];

/** The folder of PostgreSQL's programs, or why there is none. Installs Debian's package where it can. */
export async function findPostgres(): Promise<{ bin: string } | { missing: string }> {
  const found = programs();
  if (found !== undefined) return { bin: found };
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) {
    return { missing: `there is no PostgreSQL here; as root: apt-get install ${packageName}` };
  }
  say(`Installing Debian package ${packageName}`);
  const install = [
    "install",
    "--yes",
    "--no-install-recommends",
    "-o",
    "DPkg::Lock::Timeout=300",
    packageName,
  ];
  const options = { env: { DEBIAN_FRONTEND: "noninteractive" }, timeoutSeconds: 900 };
  // Old lists name package versions that the archive no longer has.
  if ((await tryRun("apt-get", install, options)).code !== 0) {
    await tryRun("apt-get", ["update"], options);
    await tryRun("apt-get", install, options);
  }
  const installed = programs();
  return installed === undefined ? { missing: `apt-get cannot install ${packageName}` } : { bin: installed };
}

const programs = (): string | undefined =>
  versions
    .map((version) => `/usr/lib/postgresql/${version}/bin`)
    .find((bin) => existsSync(join(bin, "postgres")));

/** An idle server takes 30 MB; starting one takes about two seconds. */
export async function startPostgres(bin: string): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "tespod-postgres-"));
  const data = join(folder, "data");
  mkdirSync(data);
  const identity = userOf(folder, data);
  const run = (program: string, args: readonly string[]): ChildProcess =>
    spawn(join(bin, program), args, {
      ...identity,
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      env: { LC_ALL: "C.UTF-8" },
    });
  const init = [
    "--pgdata",
    data,
    "--username=tespod",
    "--auth=trust",
    "--no-sync",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
  ];
  const [code] = await once(run("initdb", init), "exit");
  if (code !== 0) throw new Error(`initdb ended with ${code}`);
  const port = await freePort();
  const url = (database: string) => `postgres://tespod@127.0.0.1:${port}/${database}`;
  let server: ChildProcess | undefined;
  const free: string[] = [];
  let databases = 0;

  async function start(): Promise<void> {
    const settings = [
      "listen_addresses=127.0.0.1",
      `port=${port}`,
      `unix_socket_directories=${folder}`,
      "log_min_messages=panic",
    ];
    server = run("postgres", ["-D", data, ...settings.flatMap((setting) => ["-c", setting])]);
    for (
      let attempt = 0;
      spawnSync(join(bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", `${port}`]).status !== 0;
      attempt++
    ) {
      if (server.exitCode !== null || attempt === 600) throw new Error("PostgreSQL does not start");
      await Bun.sleep(20);
    }
  }
  async function stop(how: "SIGQUIT" | "SIGINT"): Promise<void> {
    if (server === undefined) return;
    const ended = once(server, "exit");
    server.kill(how);
    await ended;
    server = undefined;
  }

  await start();
  return {
    folder,
    port,
    start,
    stop,
    async makeDatabase() {
      const known = free.pop();
      if (known !== undefined) return known;
      const name = `test_${++databases}`;
      await runSql(url("postgres"), `CREATE DATABASE ${name}`);
      return url(name);
    },
    async returnDatabase(used) {
      await runSql(used, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
      free.push(used);
    },
    async remove() {
      await stop("SIGQUIT");
      await rm(folder, { recursive: true });
    },
  };
}

/** Runs the script on a connection of its own; the rows of its only statement. */
export async function runSql(url: string, script: string): Promise<readonly postgres.Row[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await sql.unsafe(script);
  } finally {
    await sql.end();
  }
}

/** Root gives the folders to another user, and becomes it for the server. */
function userOf(...folders: readonly string[]): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  for (const user of users) {
    const [uid, gid] = ["-u", "-g"].map((option) =>
      Number(spawnSync("id", [option, user]).stdout.toString() || Number.NaN),
    );
    if (uid === undefined || gid === undefined || !Number.isInteger(uid) || !Number.isInteger(gid)) continue;
    for (const folder of folders) chownSync(folder, uid, gid);
    return { uid, gid };
  }
  throw new Error(`PostgreSQL needs a user that is not root: none of ${users.join(", ")} is there`);
}
