// npm run bench -- api: the HTTP interface and its store alone, without a cluster.
import { pageToken, parseListQuery } from "../../src/tes/filter.ts";
import { onPlace, type StoreKind, withService, withTasks } from "./api-place.ts";
import { tokenKey } from "./api-server.ts";
import { type Figure, figure } from "./figures.ts";
import { connectHttp, get, type HttpClient, post } from "./http-client.ts";
import { onOneProcessor } from "./one-processor.ts";

const task = JSON.stringify({
  name: "bench",
  tags: { project: "p1" },
  executors: [{ image: "debian:stable-slim", command: ["true"] }],
});

/**
 * What lists are asked for: common and rare, alone and together, also two that never meet, and the middle of it all. Last those
 * of which as many match whatever is stored.
 */
const lists: readonly { readonly name: string; readonly query: string; readonly deep?: true }[] = [
  { name: "no filter", query: "" },
  { name: "no filter, middle", query: "", deep: true },
  { name: "state, common", query: "state=COMPLETE" },
  { name: "state, common, middle", query: "state=COMPLETE", deep: true },
  { name: "state, 20 of a million", query: "state=CANCELED" },
  { name: "name, common", query: "name_prefix=wf-" },
  { name: "name, common, middle", query: "name_prefix=wf-", deep: true },
  { name: "name, 1 of 100", query: "name_prefix=wf-77" },
  { name: "name, 10 tasks", query: "name_prefix=rare-" },
  { name: "name, oldest only", query: "name_prefix=old-" },
  { name: "name, none", query: "name_prefix=nothing" },
  { name: "tag, 1 of 10", query: "tag_key=project&tag_value=p1" },
  { name: "tag, 1 of 10, middle", query: "tag_key=project&tag_value=p1", deep: true },
  { name: "tag, 1 of 1000", query: "tag_key=user&tag_value=u77" },
  { name: "tag key, all", query: "tag_key=project" },
  { name: "tag key, 1 of 10,000", query: "tag_key=note" },
  { name: "tag and state, common", query: "tag_key=project&tag_value=p1&state=COMPLETE" },
  { name: "tag and state, never together", query: "tag_key=project&tag_value=p1&state=RUNNING" },
  { name: "tag and name", query: "tag_key=project&tag_value=p7&name_prefix=wf-77" },
  {
    name: "two tags and name",
    query: "tag_key=project&tag_value=p7&tag_key=user&tag_value=u77&name_prefix=wf-7",
  },
  { name: "name and state, common", query: "name_prefix=wf-&state=COMPLETE" },
  { name: "name and state, rare", query: "name_prefix=wf-&state=CANCELED" },
  { name: "always 200, tag", query: "tag_key=set&tag_value=a" },
  { name: "always 200, state", query: "state=EXECUTOR_ERROR" },
  { name: "always 99, name", query: "name_prefix=few-" },
  { name: "always 200, tag and common state", query: "tag_key=set&tag_value=a&state=COMPLETE" },
  { name: "always 200, tag and common tag key", query: "tag_key=set&tag_value=b&tag_key=project" },
  { name: "always 99, name and common state", query: "name_prefix=few-&state=COMPLETE" },
  { name: "always 10, rare name and tag", query: "name_prefix=rare-&tag_key=set&tag_value=b" },
  {
    name: "always none, two tags of 200",
    query: "tag_key=set&tag_value=a&tag_key=set&tag_value=b",
  },
  { name: "always none, tag and state of 200", query: "tag_key=set&tag_value=a&state=EXECUTOR_ERROR" },
  { name: "always none, name of 99 and tag of 200", query: "name_prefix=few-&tag_key=set&tag_value=b" },
];

const rounds = { single: 2000, list: 500, warm: 100, inTurn: 150, passes: 2 };
const seconds = { load: 8 };

export interface ApiBench {
  readonly stores: readonly StoreKind[];
  /** How many tasks are stored when pages are asked for, ascending. */
  readonly tasks: readonly number[];
}

/** Every figure as soon as it is known. */
export async function* benchApi({ stores, tasks }: ApiBench): AsyncGenerator<Figure> {
  for (const store of stores) {
    const bench = `api ${store}`;
    yield* onPlace(store, async function* (database) {
      yield* withService(database, (port) => benchRequests(bench, port, "0"));
    });
    for (const count of tasks) {
      yield* withTasks(store, count, async function* (port) {
        yield* benchLists(bench, port, count);
        const [least] = tasks;
        if (count !== tasks.at(-1) || least === undefined) return;
        if (count > least) {
          const many = { port, count };
          yield* withTasks(store, least, (few) =>
            onOneProcessor(() => benchGrowth(bench, { port: few, count: least }, many)),
          );
        }
        yield* benchRequests(bench, port, shortly(count));
      });
    }
  }
}

interface Stored {
  readonly port: number;
  readonly count: number;
}

/**
 * What a page costs with the most tasks stored, as a multiple of what it costs with the fewest, both asked in turn. The bound of
 * 1.5 is for the same page: full on both, or of filters that as many tasks match. A page that was empty and is full, or two
 * filters that never meet in a thousand times as many tasks, is another page. For those the bound is that of every page, 10 ms at
 * the 99th percentile.
 */
async function* benchGrowth(bench: string, few: Stored, many: Stored): AsyncGenerator<Figure> {
  for (const list of lists) {
    const small: Asked = { port: few.port, request: listRequest(list, few.count), times: [] };
    const large: Asked = { port: many.port, request: listRequest(list, many.count), times: [] };
    for (let pass = 0; pass < rounds.passes; pass++) await askInTurn(small, large);
    const onIt: number[] = [];
    for (const { port, request } of [large, small]) onIt.push((await tasksOf(port, request)).length);
    const title = `page with ${shortly(many.count)} stored against ${shortly(few.count)}, ${onIt.join(" and ")} tasks on it, ${list.name}`;
    const [before, after] = [small, large].map(({ times }) => figure(bench, title, "ms", times).p50);
    yield figure(bench, title, "ratio", [(after ?? 0) / (before ?? 1)]);
  }
}

interface Asked {
  readonly port: number;
  readonly request: string;
  readonly times: number[];
}

/** Each pass by new connections, and each turn begun by the other one. */
async function askInTurn(one: Asked, other: Asked): Promise<void> {
  const both = [
    { ...one, client: await connectHttp(one.port) },
    { ...other, client: await connectHttp(other.port) },
  ];
  for (let number = -rounds.warm; number < rounds.inTurn; number++) {
    for (const { client, request, times } of both.reverse()) {
      const time = await timed(client, request);
      if (number >= 0) times.push(time);
    }
  }
  for (const { client } of both) client.close();
}

const shortly = (count: number): string => (count >= 1e6 ? `${count / 1e6}M` : `${count / 1000}k`);

async function* benchRequests(bench: string, port: number, stored: string): AsyncGenerator<Figure> {
  const submit = post("/tasks", task);
  await load(port, 8, 1, () => submit); // warm
  yield figure(bench, `POST, 1 client, ${stored} stored`, "ms", await latencies(port, submit, rounds.single));
  const submits = await load(port, 32, seconds.load, () => submit);
  yield figure(bench, `POST, 32 clients, ${stored} stored`, "ms", submits.latencies);
  yield figure(bench, `POST, 32 clients, ${stored} stored`, "1/s", submits.perSecond);
  const ids = await idsOf(port);
  yield figure(
    bench,
    `GET MINIMAL, 1 client, ${stored} stored`,
    "ms",
    await latencies(port, get(`/tasks/${ids[0]}`), rounds.single),
  );
  const gets = await load(port, 8, seconds.load, (number) => get(`/tasks/${ids[number % ids.length]}`));
  yield figure(bench, `GET MINIMAL, 8 clients, ${stored} stored`, "1/s", gets.perSecond);
}

const idsOf = async (port: number): Promise<string[]> =>
  (await tasksOf(port, get("/tasks?page_size=2000"))).map(({ id }) => id);

async function tasksOf(port: number, request: string): Promise<readonly { readonly id: string }[]> {
  const client = await connectHttp(port);
  const { body } = await client.send(request);
  client.close();
  return (JSON.parse(body) as { tasks: { id: string }[] }).tasks;
}

/** Of the newest page, or of one in the middle of so many tasks. */
function listRequest({ query, deep }: (typeof lists)[number], count: number): string {
  const { filter } = parseListQuery(new URLSearchParams(query), tokenKey);
  return get(
    `/tasks?${query}${deep ? `&page_token=${pageToken(Math.ceil(count / 2), filter, tokenKey)}` : ""}`,
  );
}

async function* benchLists(bench: string, port: number, count: number): AsyncGenerator<Figure> {
  for (const list of lists) {
    const times = await latencies(port, listRequest(list, count), rounds.list);
    yield figure(bench, `page of 256, ${shortly(count)} stored, ${list.name}`, "ms", times);
  }
}

async function timed(client: HttpClient, request: string): Promise<number> {
  const start = performance.now();
  const { status, body } = await client.send(request);
  if (status !== 200) throw new Error(`${request.split("\r\n")[0]}: ${status} ${body}`);
  return performance.now() - start;
}

/** Milliseconds of each of so many requests, one after the other. */
async function latencies(port: number, request: string, count: number): Promise<number[]> {
  const client = await connectHttp(port);
  for (let number = 0; number < rounds.warm; number++) await timed(client, request);
  const times: number[] = [];
  for (let number = 0; number < count; number++) times.push(await timed(client, request));
  client.close();
  return times;
}

/** Requests of many clients at once, each sending its next as soon as it has its answer; what was done in each second. */
async function load(port: number, clients: number, duration: number, request: (number: number) => string) {
  const times: number[] = [];
  const perSecond = Array<number>(duration).fill(0);
  const start = performance.now();
  let number = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = await connectHttp(port);
      for (;;) {
        times.push(await timed(client, request(number++)));
        const second = Math.floor((performance.now() - start) / 1000);
        if (second >= duration) break;
        perSecond[second] = (perSecond[second] ?? 0) + 1;
      }
      client.close();
    }),
  );
  return { latencies: times, perSecond };
}
