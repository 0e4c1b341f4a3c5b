// The service under the largest requests and reports there can be: a process of its own, over real connections, whose event loop
// and memory are watched.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reportPath } from "../../sidecar/contract/paths.ts";
import type { ReportEvent } from "../../sidecar/contract/report.ts";
import { reportSigner, signatureHeader } from "../../sidecar/contract/token.ts";
import { limits } from "../../src/tes/limits.ts";
import { reportKey } from "./given.ts";
import type { Measures } from "./measured-server.ts";

/** On a machine of its own it is 200; tests share theirs, and are not about its speed. */
const heldMillisecondsMax = Number(process.env["TESPOD_HELD_MILLISECONDS_MAX"] ?? 2000);
/** Without bounds each of these took gigabytes. */
const peakMibMax = 512;

const mebibyte = 1024 * 1024;
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));

const folder = mkdtempSync(join(tmpdir(), "tespod-bounds-"));
const child = Bun.spawn(
  [process.execPath, join(import.meta.dir, "measured-server.ts"), join(folder, "tes.db")],
  {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  },
);
let [api, internal, monitor] = ["", "", ""];

beforeAll(async () => {
  const { value } = await child.stdout.getReader().read();
  [api = "", internal = "", monitor = ""] = new TextDecoder()
    .decode(value)
    .trim()
    .split(" ")
    .map((port) => `http://127.0.0.1:${port}`);
});

afterAll(async () => {
  child.kill("SIGKILL");
  await child.exited;
  rmSync(folder, { recursive: true });
});

const measures = async (): Promise<Measures> => (await (await fetch(monitor)).json()) as Measures;
const peakMib = (): number =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;

async function expectWithinBounds(): Promise<void> {
  expect((await measures()).heldMilliseconds).toBeLessThan(heldMillisecondsMax);
  expect(peakMib()).toBeLessThan(peakMibMax);
}

async function post(body: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${api}/v1/tasks`, { method: "POST", body });
  return { status: response.status, text: await response.text() };
}

const executor = { image: "i", command: ["c"] };
const taskOf = (fields: object): string => JSON.stringify({ executors: [executor], ...fields });

describe("the largest requests are answered, briefly, and hold nobody up", () => {
  test.each<{ title: string; status: number; body: () => string }>([
    {
      title: "two million numbers in a command",
      status: 400,
      body: () => `{"executors":[{"image":"i","command":[${"1,".repeat(2_000_000)}1]}]}`,
    },
    { title: "sixteen million brackets", status: 400, body: () => "[".repeat(16 * mebibyte) },
    {
      title: "a million tags",
      status: 400,
      body: () => taskOf({ tags: Object.fromEntries(times(1_000_000, (index) => [index, 1])) }),
    },
    {
      title: "a name of sixteen megabytes",
      status: 400,
      body: () => taskOf({ name: "n".repeat(16 * mebibyte - 100) }),
    },
    {
      title: "9,000 inputs and outputs in directories of their own, 64 executors",
      status: 400,
      body: () =>
        taskOf({
          executors: times(64, () => executor),
          inputs: times(9000, (index) => ({ path: `/a${index}/f`, content: "" })),
          outputs: times(9000, (index) => ({ path: `/b${index}/f`, url: `s3://b/${index}` })),
        }),
    },
    {
      title: "as many inputs and outputs as there may be, with long descriptions",
      status: 200,
      body: () =>
        taskOf({
          inputs: times(10_000, (index) => ({
            path: `/a/${index}`,
            description: "d".repeat(700),
            url: `s3://b/${index}`,
          })),
          outputs: times(10_000, (index) => ({ path: `/b/${index}`, url: `s3://b/${index}` })),
        }),
    },
    {
      title: "as much content as there may be",
      status: 200,
      body: () =>
        taskOf({ inputs: times(8, (index) => ({ path: `/a/${index}`, content: "x".repeat(mebibyte) })) }),
    },
    {
      title: "as many arguments as there may be",
      status: 200,
      body: () =>
        JSON.stringify({ executors: times(15, () => ({ ...executor, command: times(16_000, String) })) }),
    },
    {
      title: "20,000 files that are wrong in every field",
      status: 400,
      body: () =>
        taskOf({
          inputs: times(10_000, () => ({ path: 1, url: 1 })),
          outputs: times(10_000, () => ({ name: 1 })),
        }),
    },
  ])("$title", async ({ status, body }) => {
    const answer = await post(body());
    expect([answer.status, answer.text.slice(0, 200)]).toEqual([status, expect.any(String)]);
    expect(answer.text.length).toBeLessThan(300_000);
    await expectWithinBounds();
  });
});

async function report(id: string, body: string): Promise<{ status: number; acknowledged: number }> {
  const response = await fetch(`${internal}${reportPath(id, 1)}`, {
    method: "POST",
    headers: { [signatureHeader]: reportSigner(reportKey, id, 1)(body) },
    body,
  });
  const { acknowledged } = (await response.json()) as { acknowledged?: number };
  return { status: response.status, acknowledged: acknowledged ?? 0 };
}

const line = (sequence: number, event: ReportEvent): string =>
  JSON.stringify({ version: 1, source: "supervisor", sequence, time: new Date().toISOString(), event });
const idOf = ({ text }: { text: string }): string => (JSON.parse(text) as { id: string }).id;

test("the largest reports are read, and hold nobody up", async () => {
  const id = idOf(await post(taskOf({})));
  const file = (index: number) => ({ path: `/o/${index}`, url: `s3://b/${index}`, sizeBytes: 1 });
  const faulty = `{"version":1,"source":"supervisor","sequence":1,"time":"x","event":{"type":"uploaded","outputs":[${"{},".repeat(1_000_000)}{}]}}`;
  expect(await report(id, faulty)).toEqual({ status: 400, acknowledged: 0 });
  expect(await report(id, "{}\n".repeat(2_500_000))).toEqual({ status: 400, acknowledged: 0 });
  await expectWithinBounds();
  const outputs = times(60_000, file);
  expect(await report(id, line(1, { type: "uploaded", outputs }))).toEqual({ status: 200, acknowledged: 1 });
  const notes = times(30_000, (index) => line(index + 2, { type: "note", message: "n" }));
  // What is beyond 20,000 lines the pod sends again.
  expect(await report(id, notes.join("\n"))).toEqual({ status: 200, acknowledged: 20_001 });
  await expectWithinBounds();
});

test("100,000 files are reported at the same cost from first to last, and shown in every view", async () => {
  const id = idOf(await post(taskOf({ outputs: [{ path: "/o", url: "s3://b/o" }] })));
  expect((await report(id, line(1, { type: "executor-started", executor: 0 }))).acknowledged).toBe(1);
  const path = (name: string) => `/o/${name}`.padEnd(60, "x");
  for (let sequence = 2; sequence < 102; sequence++) {
    const outputs = times(1000, (index) => ({
      path: path(`${sequence}-${index}`),
      url: `s3://b${path(`${sequence}-${index}`)}`,
      sizeBytes: index,
    }));
    expect((await report(id, line(sequence, { type: "uploaded", outputs }))).acknowledged).toBe(sequence);
  }
  expect((await report(id, line(102, { type: "finished", outcome: "complete" }))).acknowledged).toBe(102);
  for (const view of ["BASIC", "FULL"]) {
    const one = (await (await fetch(`${api}/v1/tasks/${id}?view=${view}`)).json()) as Seen;
    const page = (await (await fetch(`${api}/v1/tasks?view=${view}&page_size=1`)).json()) as {
      tasks: Seen[];
    };
    for (const seen of [one, page.tasks[0]]) {
      const [log] = seen?.logs ?? [];
      expect(seen?.outputs).toEqual([expect.objectContaining({ type: "DIRECTORY" })]);
      expect(log?.outputs[0]).toEqual({ path: path("2-0"), url: `s3://b${path("2-0")}`, size_bytes: "0" });
      const listed = log?.outputs.length ?? 0;
      expect(listed).toBeGreaterThan(20_000);
      expect(JSON.stringify(log?.outputs).length).toBeLessThan(limits.fileBytesHeldMax);
      if (view === "FULL")
        expect(log?.system_logs?.at(-1)).toEndWith(`${100_000 - listed} uploaded files are not listed`);
    }
  }
  await expectWithinBounds();
});

interface Seen {
  readonly outputs: readonly object[];
  readonly logs?: readonly {
    readonly outputs: readonly object[];
    readonly system_logs?: readonly string[];
  }[];
}

test("fifty senders that stop in the middle of sixteen megabytes keep no ordinary task and no report out", async () => {
  const id = idOf(await post(taskOf({})));
  const part = Buffer.alloc(mebibyte, " ");
  const answers: string[] = [];
  const senders = times(50, (): Socket => {
    const socket = connect(Number(new URL(api).port), "127.0.0.1");
    socket.on("error", () => undefined); // the service may close what it has refused
    socket.on("data", (data) => answers.push(data.toString()));
    socket.write(`POST /v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: ${16 * mebibyte}\r\n\r\n`);
    for (let sent = 0; sent < 15; sent++) socket.write(part);
    return socket;
  });
  try {
    while (answers.length < 45) await Bun.sleep(10);
    expect(answers.map((answer) => [answer.slice(0, 12), /^retry-after: 5\r$/im.test(answer)])).toEqual(
      answers.map(() => ["HTTP/1.1 503", true]),
    );
    expect((await post(taskOf({}))).status).toBe(200);
    expect(await report(id, line(1, { type: "ready" }))).toEqual({ status: 200, acknowledged: 1 });
    expect(peakMib()).toBeLessThan(peakMibMax);
  } finally {
    for (const socket of senders) socket.destroy();
  }
});
