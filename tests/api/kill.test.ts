// kill -9 in the middle of a thousand concurrent creates: what was answered with 200 is there afterwards, once.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { below, randomOf } from "./hostile.ts";

const program = fileURLToPath(new URL("../bench/api-server.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tespod-kill-"));
const creates = 1000;
const kills = 20;
const seed = Number(process.env["TESPOD_KILL_SEED"] ?? Date.now() % 1_000_000_000);

afterAll(() => rmSync(folder, { recursive: true }));

/** The service without a cluster, on the database; `kill` is kill -9. */
async function start(database: string) {
  const child = Bun.spawn([process.execPath, program, database], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  return {
    url: `http://127.0.0.1:${new TextDecoder().decode(value).trim()}/v1`,
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

const body = (name: string) => JSON.stringify({ name, executors: [{ image: "a", command: ["true"] }] });

/** The id, if the service lived long enough to answer. */
const create = (url: string, name: string): Promise<string | undefined> =>
  fetch(`${url}/tasks`, { method: "POST", body: body(name) }).then(
    async (response) => ((await response.json()) as { id: string }).id,
    () => undefined,
  );

async function allIds(url: string): Promise<string[]> {
  const ids: string[] = [];
  for (let token: string | undefined = ""; token !== undefined; ) {
    const response = await fetch(`${url}/tasks?page_size=2047&page_token=${token}`);
    const page = (await response.json()) as { tasks: { id: string }[]; next_page_token?: string };
    ids.push(...page.tasks.map(({ id }) => id));
    token = page.next_page_token;
  }
  return ids;
}

test(`killed ${kills} times during ${creates} concurrent creates, each time after some answers, every answered id is there, none twice (TESPOD_KILL_SEED=${seed})`, async () => {
  const random = randomOf(seed);
  const database = join(folder, "tasks.db");
  const answered: string[] = [];
  const rounds: { due: number; got: number }[] = [];
  for (let round = 0; round < kills; round++) {
    // What is answered together goes on to be answered for a moment, so the last part is left to that.
    const due = 1 + below(random, creates * 0.8);
    const got = await createUntilKilled(await start(database), `${round}`, due);
    rounds.push({ due, got: got.length });
    answered.push(...got);
  }
  console.error(
    `TESPOD_KILL_SEED=${seed}; answers, and how many the kill was due at: ${rounds.map(({ due, got }) => `${got}/${due}`).join(" ")}`,
  );
  expect(rounds.filter(({ due, got }) => got < due)).toEqual([]);
  // Some creates at least were under way, or the kills came too late to say anything.
  expect(rounds.filter(({ got }) => got < creates)).not.toEqual([]);
  expect(new Set(answered).size).toBe(answered.length);
  const service = await start(database);
  const stored = await allIds(service.url);
  await service.kill();
  expect(new Set(stored).size).toBe(stored.length);
  const known = new Set(stored);
  expect(answered.filter((id) => !known.has(id))).toEqual([]);
}, 180_000);

/** The ids of all creates that were answered, of which the `due`-th killed the service. */
async function createUntilKilled(
  service: Awaited<ReturnType<typeof start>>,
  name: string,
  due: number,
): Promise<string[]> {
  let answers = 0;
  let killed: Promise<void> | undefined;
  const ids = await Promise.all(
    Array.from({ length: creates }, async (_, index) => {
      const id = await create(service.url, `${name}-${index}`);
      if (id !== undefined) answers += 1;
      if (answers === due) killed ??= service.kill();
      return id;
    }),
  );
  await (killed ?? service.kill());
  return ids.filter((id) => id !== undefined);
}
