// The contracts of the four operations on tasks, for the published document.
import { createRoute, z } from "@hono/zod-openapi";
import { limits } from "../tes/limits.ts";
import { views } from "../tes/view.ts";
import { canceled, created, problems, state, task, taskList } from "./schemas.ts";

const view = z
  .enum(views)
  .default("MINIMAL")
  .openapi({
    param: { name: "view", in: "query" },
    description:
      "MINIMAL: id and state, nothing else. BASIC: all but content, stdout, stderr and system_logs. FULL: everything.",
  });
const id = z.string().openapi({ param: { name: "id", in: "path" }, description: "Id of the task" });
const ifNoneMatch = z
  .string()
  .optional()
  .openapi({ param: { name: "If-None-Match", in: "header" }, description: "ETag of an earlier answer" });
const json = <T extends z.ZodType>(schema: T) => ({ content: { "application/json": { schema } } });
const ok = <T extends z.ZodType>(description: string, schema: T) => ({
  200: { description, ...json(schema) },
  ...problems,
});
const notModified = { 304: { description: "It is still as the ETag says; no body" } } as const;

const createContract = createRoute({
  method: "post",
  path: "/tasks",
  operationId: "CreateTask",
  summary: "Store a task, which then runs",
  description:
    "Unknown and read-only fields are ignored, as are nulls. The task is on disk before the answer. An error means that nothing was stored, except where its message says that this is not known (503, if the database's answer was lost) or where no answer comes: then send the request again with the same Idempotency-Key.",
  tags: ["TaskService"],
  request: {
    headers: z.object({
      "Idempotency-Key": z
        .string()
        .regex(/^[!-~]+$/)
        .max(limits.idempotencyKeyLengthMax)
        .optional()
        .openapi({
          param: { name: "Idempotency-Key", in: "header" },
          description: `For ${limits.idempotencyHours} hours, the same key with the same body, sent by the same user, answers the id of the first task and stores no other; with another body it is an error (422).`,
        }),
    }),
    body: { ...json(task), required: true },
  },
  responses: ok("The id of the task", created),
});

const listContract = createRoute({
  method: "get",
  path: "/tasks",
  operationId: "ListTasks",
  summary: "List tasks, newest first",
  description:
    "A task is listed if all filters match. Parameters without a value are as absent, unknown ones are ignored.",
  tags: ["TaskService"],
  request: {
    headers: z.object({ "If-None-Match": ifNoneMatch }),
    query: z.object({
      name_prefix: z.string().optional().describe("What the name begins with, literally"),
      state: state.optional().openapi({ param: { description: "The state they are in" } }),
      tag_key: z
        .array(z.string())
        .optional()
        .describe("A tag that must be there. May be repeated; all must be there"),
      tag_value: z
        .array(z.string())
        .optional()
        .describe("The value of the tag_key at the same position; empty or missing: any value"),
      page_size: z
        .int()
        .min(1)
        .max(limits.pageSizeMax)
        .default(limits.pageSizeDefault)
        .optional()
        .openapi({ format: "int32", description: "At most so many tasks" }),
      page_token: z
        .string()
        .optional()
        .describe("next_page_token of the page before, of a list with the same filters"),
      view,
    }),
  },
  responses: { ...ok("A page of tasks", taskList), ...notModified },
});

const getContract = createRoute({
  method: "get",
  path: "/tasks/{id}",
  operationId: "GetTask",
  summary: "Get one task",
  tags: ["TaskService"],
  request: {
    params: z.object({ id }),
    headers: z.object({ "If-None-Match": ifNoneMatch }),
    query: z.object({ view }),
  },
  responses: { ...ok("The task", task), ...notModified },
});

const cancelContract = createRoute({
  method: "post",
  path: "/tasks/{id}:cancel",
  operationId: "CancelTask",
  summary: "Cancel a task",
  description: "A task that is over stays as it is. May be repeated.",
  tags: ["TaskService"],
  request: { params: z.object({ id }) },
  responses: ok("It will not run, or not on", canceled),
});

export const taskContracts = [createContract, listContract, getContract, cancelContract] as const;
