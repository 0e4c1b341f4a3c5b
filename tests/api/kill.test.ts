// kill -9 in the middle of a thousand concurrent creates: what was answered with 200 is there afterwards, once.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../bench/api-server.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tespod-kill-"));
const creates = 1000;
const kills = 20;

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

test(`killed ${kills} times during ${creates} concurrent creates, every answered id is there, none twice`, async () => {
  const database = join(folder, "tasks.db");
  const answered: string[] = [];
  const counts: number[] = [];
  for (let round = 0; round < kills; round++) {
    const service = await start(database);
    const due = Promise.withResolvers<void>();
    // The earliest kill comes before any answer, the latest when nearly all are there.
    let awaited = round * 48;
    if (awaited === 0) due.resolve();
    const ids = Promise.all(
      Array.from({ length: creates }, async (_, index) => {
        const id = await create(service.url, `${round}-${index}`);
        awaited -= 1;
        if (awaited === 0) due.resolve();
        return id;
      }),
    );
    await due.promise;
    await service.kill();
    const got = (await ids).filter((id) => id !== undefined);
    counts.push(got.length);
    answered.push(...got);
  }
  // Somewhere in the middle at least once, or the kills came too early or too late to say anything.
  expect(counts.filter((count) => count > 0 && count < creates)).not.toEqual([]);
  expect(new Set(answered).size).toBe(answered.length);
  const service = await start(database);
  const stored = await allIds(service.url);
  await service.kill();
  expect(new Set(stored).size).toBe(stored.length);
  expect(answered.filter((id) => !stored.includes(id))).toEqual([]);
  console.error(`Answered before each kill: ${counts.join(" ")}; stored ${stored.length}`);
}, 180_000);
