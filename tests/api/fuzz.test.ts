// Twenty thousand requests made from a seed: none is a fault of the service, and none leaves anything half stored.

import { expect, test } from "bun:test";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { reportPath } from "../../sidecar/contract/paths.ts";
import { reportSigner, reportToken, signatureHeader } from "../../sidecar/contract/token.ts";
import { checkResources } from "../../src/tes/resources.ts";
import { makeOffer } from "../support/make.ts";
import { parseTask } from "../support/parse-task.ts";
import { type Answer, base, type Given, given, reportKey } from "./given.ts";
import {
  anyHeaders,
  anyId,
  anyPost,
  anyQuery,
  below,
  type Post,
  pick,
  type Random,
  randomOf,
} from "./hostile.ts";

const requests = 20_000;
const workers = 16;
const seed = Number(process.env["TESPOD_FUZZ_SEED"] ?? Date.now() % 1_000_000_000);

interface Task {
  readonly tags?: object;
  readonly inputs?: readonly { readonly content?: string }[];
}

/** What the run has stored, and all that went wrong. */
interface Tally {
  readonly ids: string[];
  readonly faults: string[];
  readonly statuses: Map<number, number>;
  tags: number;
  contents: number;
}

test(`no request is a fault of the service, nothing is half stored (TESPOD_FUZZ_SEED=${seed})`, async () => {
  console.log(`Fuzzing with TESPOD_FUZZ_SEED=${seed}`);
  await using app = given();
  const tally: Tally = { ids: [], faults: [], statuses: new Map(), tags: 0, contents: 0 };
  await run(app, tally, 0, requests / 4);
  const before = memory();
  await run(app, tally, requests / 4, requests);
  const after = memory();
  expect(tally.faults).toEqual([]);
  // Refusals and answers both, in numbers, or it would not have tested anything.
  for (const status of [200, 400]) expect(tally.statuses.get(status)).toBeGreaterThan(requests / 10);
  for (const status of [304, 401, 404, 413, 422]) expect(tally.statuses.get(status)).toBeGreaterThan(20);
  expect(rowsOf(app.database)).toEqual({
    task: tally.ids.length,
    document: tally.ids.length,
    tag: tally.tags,
    content: tally.contents,
  });
  const live = new Set(await app.store.liveIds());
  expect(tally.ids.filter((id) => !live.has(id))).toEqual([]);
  expect(app.logged).toEqual([]);
  expect(after.heapMebibytes - before.heapMebibytes).toBeLessThan(64);
  expect(after.residentMebibytes - before.residentMebibytes).toBeLessThan(256);
}, 180_000);

async function run(app: Given, tally: Tally, first: number, end: number): Promise<void> {
  let next = first;
  async function work(): Promise<void> {
    while (next < end && tally.faults.length < 10) {
      const index = next++;
      // Each request from its own numbers, so that it is the same whatever the others do.
      const random = randomOf(seed + index * 7919);
      try {
        await one(app, tally, random);
      } catch (error) {
        tally.faults.push(
          `request ${index}: ${error instanceof Error ? error.message.slice(0, 2000) : error}`,
        );
      }
    }
  }
  await Promise.all(Array.from({ length: workers }, work));
}

async function one(app: Given, tally: Tally, random: Random): Promise<void> {
  const kind = random();
  if (kind < 0.6) return post(app, tally, random);
  const headers = anyHeaders(random);
  const known = tally.ids[below(random, tally.ids.length)];
  const id = known !== undefined && random() < 0.7 ? known : anyId(random);
  if (kind < 0.8) return note(tally, await app.ask("GET", `${base}/tasks${listQuery(random)}`, { headers }));
  if (kind < 0.9)
    return note(tally, await app.ask("GET", `${base}/tasks/${id}${anyQuery(random)}`, { headers }));
  const body = anyPost(random).body;
  if (kind < 0.95) return note(tally, await app.ask("POST", `${base}/tasks/${id}:cancel`, { headers, body }));
  const key = random() < 0.5 ? reportKey : "x";
  const authorized = {
    ...headers,
    authorization: `Bearer ${reportToken(key, id, 1)}`,
    [signatureHeader]: reportSigner(key, id, 1)(String(body)),
  };
  const ask = random() < 0.8 ? app.askInternal : app.ask;
  note(tally, await ask("POST", reportPath(id, 1), { headers: authorized, body }));
}

/** Pages of tasks that may be a megabyte each are asked for less often: they are slow, not hostile. */
const listQuery = (random: Random): string =>
  random() < 0.9
    ? `${anyQuery(random)}&view=MINIMAL`.replaceAll(/view=(?:FULL|BASIC)/g, "view=")
    : anyQuery(random);

async function post(app: Given, tally: Tally, random: Random): Promise<void> {
  const { body, sound } = anyPost(random);
  const headers = sound === undefined ? anyHeaders(random) : {};
  const answer = await app.ask("POST", pick(random, [`${base}/tasks`, "/v1/tasks"]), { headers, body });
  note(tally, answer);
  if (answer.status !== 200) {
    if (sound !== undefined)
      throw new Error(`A sound task was refused: ${JSON.stringify([answer.body, sound])}`);
    return;
  }
  const { id } = answer.body as { id: string };
  // The id of an earlier task, by its Idempotency-Key.
  if (tally.ids.includes(id)) return;
  const stored = (await app.store.getFull(id))?.record.task as Task | undefined;
  const { task } = checkResources(parseTask(sound ?? JSON.parse(textOf(body))), makeOffer());
  if (!Bun.deepEquals(stored, task, true)) throw new Error(`Task ${id} is not stored as it was sent`);
  if (tally.ids.includes(id)) return;
  tally.ids.push(id);
  tally.tags += Object.keys(stored?.tags ?? {}).length;
  tally.contents += (stored?.inputs ?? []).filter(({ content }) => content !== undefined).length;
  if (sound !== undefined) await checkFull(app, id, sound);
}

const textOf = (body: Post["body"]): string =>
  (typeof body === "string" ? body : new TextDecoder().decode(body)).replace(/^\ufeff/, "");

/** FULL holds all that was sent, by no code of ours. */
async function checkFull(app: Given, id: string, sound: object): Promise<void> {
  const { body } = await app.ask("GET", `${base}/tasks/${id}?view=FULL`);
  expect(body).toMatchObject(sound);
}

function note(tally: Tally, { status }: Answer): void {
  tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
  if (status >= 500) throw new Error(`Answered ${status}`);
}

function memory(): { heapMebibytes: number; residentMebibytes: number } {
  Bun.gc(true);
  const { heapUsed, rss } = process.memoryUsage();
  return { heapMebibytes: heapUsed / 2 ** 20, residentMebibytes: rss / 2 ** 20 };
}

function rowsOf(file: string): Record<string, number> {
  const database = new DatabaseSync(file, { readOnly: true });
  const tables = ["task", "document", "tag", "content"];
  const counts = tables.map((table) => {
    const row = database.prepare(`SELECT count(*) AS count FROM ${table}`).get() as { count: number };
    return [table, row.count] as const;
  });
  database.close();
  return Object.fromEntries(counts);
}
