// The clients of the field, by what they send and what they read: bodies, headers, paths and queries as each of them has them.
import { describe, expect, test } from "bun:test";
import { newRun } from "../../src/tes/record.ts";
import {
  type ClientBody,
  clientBodies,
  cromwell,
  cwlTes,
  funnel,
  nextflow,
  sprocket,
  toil,
} from "../support/client-bodies.ts";
import { now } from "../support/make.ts";
import { base, type Given, given } from "./given.ts";

const place = { image: "image", storage: "s3://my-object-store/run" };

interface TaskBody {
  readonly id: string;
  readonly state: string;
  readonly inputs?: readonly { path: string; type: string; content?: string }[];
  readonly outputs?: readonly { path: string; type: string; path_prefix?: string }[];
  readonly resources?: Readonly<Record<string, unknown>>;
  readonly executors: readonly Readonly<Record<string, unknown>>[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** The id of the task that the client made, at the path that it knows. */
async function submit(app: Given, { headers, body }: ClientBody, root = base): Promise<string> {
  const answer = await app.ask("POST", `${root}/tasks`, { headers, body: JSON.stringify(body(place)) });
  expect(answer.status).toBe(200);
  return (answer.body as { id: string }).id;
}

async function read(app: Given, id: string, view = "FULL"): Promise<TaskBody> {
  const { status, body } = await app.ask("GET", `${base}/tasks/${id}?view=${view}`);
  expect(status).toBe(200);
  return body as TaskBody;
}

describe("what each client sends", () => {
  test.each(clientBodies.map((each) => ({ name: each.client, each })))(
    "$name: stored without looking at its URLs; every view as the specification has it, no null, every type filled in",
    async ({ each }) => {
      await using app = given();
      const id = await submit(app, each);
      expect(await read(app, id, "MINIMAL")).toEqual({ id, state: "QUEUED" } as TaskBody);
      for (const view of ["BASIC", "FULL"]) {
        const task = await read(app, id, view);
        expect(JSON.stringify(task)).not.toContain("null");
        for (const { type } of [...(task.inputs ?? []), ...(task.outputs ?? [])])
          expect(["FILE", "DIRECTORY"]).toContain(type);
      }
    },
  );

  test.each(clientBodies.map((each) => ({ name: each.client, each })))(
    "$name: its login is ignored by every operation while there is no authentication",
    async ({ each }) => {
      await using app = given();
      const headers = { authorization: "Basic Tm9uZTpOb25l", ...each.headers };
      const id = await submit(app, { ...each, headers });
      for (const path of ["/service-info", "/tasks", `/tasks/${id}`])
        expect((await app.ask("GET", `${base}${path}`, { headers })).status).toBe(200);
      expect((await app.ask("POST", `${base}/tasks/${id}:cancel`, { headers })).status).toBe(200);
    },
  );
});

describe("Nextflow", () => {
  test("polls without a view: id and state, and nothing else", async () => {
    await using app = given();
    const id = await submit(app, nextflow);
    const { body } = await app.ask("GET", `${base}/tasks/${id}`);
    expect(body).toEqual({ id, state: "QUEUED" });
  });

  test("finds the exit code of a failed task at logs[0].logs[0].exit_code of FULL", async () => {
    await using app = given();
    const time = now.toISOString();
    const run = {
      ...newRun(1),
      startTime: time,
      endTime: time,
      executors: [{ executor: 0, startTime: time, endTime: time, exitCode: 137 }],
    };
    await app.put("failed", { state: "EXECUTOR_ERROR", live: false, run });
    const { body } = await app.ask("GET", `${base}/tasks/failed?view=FULL`);
    expect(body).toMatchObject({ state: "EXECUTOR_ERROR", logs: [{ logs: [{ exit_code: 137 }] }] });
  });

  test("figures come back as the integers and fractions they were sent as", async () => {
    await using app = given();
    const { resources } = await read(app, await submit(app, nextflow));
    expect(JSON.stringify(resources)).toBe(
      '{"cpu_cores":1,"ram_gb":0.0625,"backend_parameters_strict":false}',
    );
  });
});

describe("cwl-tes", () => {
  test("outputs that overlap are both kept, and its tag can be filtered by", async () => {
    await using app = given();
    const id = await submit(app, cwlTes);
    const { outputs } = await read(app, id);
    expect(outputs?.map(({ path, type }) => [path, type])).toEqual([
      ["/XyZabc/md5.txt", "FILE"],
      ["/XyZabc", "DIRECTORY"],
    ]);
    const query = `tag_key=CWLDocumentId&tag_value=${encodeURIComponent("file:///home/user/md5.cwl")}`;
    const { body } = await app.ask("GET", `${base}/tasks?${query}`);
    expect(body).toEqual({ tasks: [{ id, state: "QUEUED" }] });
  });
});

describe("Cromwell", () => {
  test("null backend parameters are none, and no warning", async () => {
    await using app = given();
    const task = await read(app, await submit(app, cromwell));
    expect(task.resources?.["backend_parameters"]).toEqual({});
    expect(task).not.toHaveProperty("logs");
  });

  test("an input that is an output stays both, its content only in FULL", async () => {
    await using app = given();
    const id = await submit(app, cromwell);
    const scripts = (task: TaskBody) =>
      [...(task.inputs ?? []), ...(task.outputs ?? [])].filter(({ path }) => path.endsWith("/script"));
    expect(scripts(await read(app, id))).toHaveLength(2);
    expect(scripts(await read(app, id))[0]).toHaveProperty("content");
    expect(JSON.stringify(await read(app, id, "BASIC"))).not.toContain("glob-0f1e >glob");
  });

  test("reads size_bytes as a string, also above 2^31", async () => {
    await using app = given();
    const outputs = [{ path: "/a", url: "s3://b/a", sizeBytes: 5_000_000_000 }];
    const run = { ...newRun(1), outputs, startTime: now.toISOString(), endTime: now.toISOString() };
    await app.put("done", { state: "COMPLETE", live: false, run });
    const { body } = await app.ask("GET", `${base}/tasks/done?view=FULL`);
    expect(body).toMatchObject({ logs: [{ outputs: [{ size_bytes: "5000000000" }] }] });
  });
});

describe("Toil", () => {
  test("starts: service-info is also where TES 0.x had it, with its three keys and no other", async () => {
    await using app = given();
    for (const root of [base, "/v1"]) {
      const response = await app.fetch(`${root}/tasks/service-info`);
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ name: "Example", doc: "", storage: ["s3://bucket"] });
    }
    expect((await app.fetch(`${base}/tasks/service-info`, { method: "POST" })).status).toBe(405);
  });

  test("cancels what is over, and takes 200 for an answer", async () => {
    await using app = given();
    const id = await submit(app, toil);
    for (let times = 0; times < 3; times++)
      expect((await app.ask("POST", `${base}/tasks/${id}:cancel`)).status).toBe(200);
  });
});

describe("Sprocket", () => {
  test("lists the tasks of its batch, 2047 at once", async () => {
    await using app = given();
    const id = await submit(app, sprocket);
    await submit(app, toil);
    const query = "tag_key=crankshaft-batch&tag_value=1b2c3d&page_size=2047&view=MINIMAL";
    const { status, body } = await app.ask("GET", `/v1/tasks?${query}`);
    expect([status, body]).toEqual([200, { tasks: [{ id, state: "QUEUED" }] }]);
  });

  test("cancels with the body null, again and again", async () => {
    await using app = given();
    const id = await submit(app, sprocket);
    const init = { headers: { "content-type": "application/json" }, body: "null" };
    for (let times = 0; times < 4; times++) {
      const { status, body } = await app.ask("POST", `/v1/tasks/${id}:cancel`, init);
      expect([status, body]).toEqual([200, {}]);
    }
  });
});

describe("the funnel command line", () => {
  test("knows /v1 alone, and sends camelCase", async () => {
    await using app = given();
    const task = await read(app, await submit(app, funnel, "/v1"));
    expect(task).toMatchObject({
      resources: { cpu_cores: 1, ram_gb: 0.1, disk_gb: 1 },
      outputs: [{ path: "/out/*", path_prefix: "/out", type: "FILE" }],
      executors: [{ ignore_error: true }, {}],
      tags: { ramGb: "a tag of the user's own" },
    });
  });

  test("lists with a parameter for everything, most of them empty", async () => {
    await using app = given();
    const id = await submit(app, funnel, "/v1");
    const query = "name_prefix=fun&page_size=10&page_token=&state=QUEUED&tag_key=&tag_value=&view=BASIC";
    const all = await app.ask("GET", "/v1/tasks?page_size=10&page_token=&view=BASIC");
    expect((all.body as { tasks: TaskBody[] }).tasks.map((task) => task.id)).toEqual([id]);
    const { status, body } = await app.ask("GET", `/v1/tasks?${query}`);
    expect([status, (body as { tasks: TaskBody[] }).tasks.map((task) => task.id)]).toEqual([200, [id]]);
  });

  test("cancels with a JSON content type and an empty body", async () => {
    await using app = given();
    const id = await submit(app, funnel, "/v1");
    const init = { headers: { "content-type": "application/json" }, body: "" };
    const { status, body } = await app.ask("POST", `/v1/tasks/${id}:cancel`, init);
    expect([status, body]).toEqual([200, {}]);
  });
});
