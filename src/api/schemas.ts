// The schemas of answers, for the published document; tests compare it with that of TES 1.1.0.
import { z } from "@hono/zod-openapi";
import { states } from "../tes/state.ts";
import { taskFields } from "../tes/task.ts";

const time = z.string().optional();

const executorLog = z
  .object({
    start_time: time.describe("When the executor started, RFC 3339 in UTC"),
    end_time: time.describe("When the executor ended, RFC 3339 in UTC"),
    stdout: z.string().optional().describe("Beginning and end of stdout. Only in FULL"),
    stderr: z.string().optional().describe("Beginning and end of stderr. Only in FULL"),
    exit_code: z
      .int()
      .openapi({ format: "int32" })
      .describe("127 if the program was not found, 126 if it cannot run, 128 + n if signal n ended it"),
  })
  .openapi("tesExecutorLog", { description: "An executor that is over" });

const outputFileLog = z
  .object({
    url: z.string().describe("Where the file is now"),
    path: z.string().describe("Where it was in the containers"),
    size_bytes: z.string().openapi({ format: "int64" }).describe("Its size, as a string"),
  })
  .openapi("tesOutputFileLog", {
    description: "One file that was uploaded; folders are listed file by file",
  });

const taskLog = z
  .object({
    logs: z.array(executorLog).describe("One entry for each executor that ran"),
    metadata: z.record(z.string(), z.string()).optional().describe("node: the Kubernetes node it ran on"),
    start_time: time.describe("When the first executor started, RFC 3339 in UTC"),
    end_time: time.describe("When the task ended, RFC 3339 in UTC"),
    outputs: z.array(outputFileLog),
    system_logs: z
      .array(z.string())
      .optional()
      .describe("What the service did, and what went wrong, a time before each line. Only in FULL"),
  })
  .openapi("tesTaskLog", { description: "What became of the task" });

export const state = z.enum(states).openapi("tesState", {
  description:
    "QUEUED → INITIALIZING (a pod is there; images and inputs come) → RUNNING (the first executor was started) → COMPLETE (outputs " +
    "are uploaded), EXECUTOR_ERROR (an executor failed), SYSTEM_ERROR (anything else did; system_logs say what) or PREEMPTED. " +
    "CANCELING → CANCELED after a cancel. UNKNOWN and PAUSED never occur.",
  readOnly: true,
  default: "UNKNOWN",
});

/** A task as it is sent and answered: what the service fills in is read-only. MINIMAL has nothing but id and state. */
export const task = z
  .object({
    id: z.string().optional().openapi({ readOnly: true, description: "Given by the service" }),
    state: state.optional(),
    ...taskFields.shape,
    logs: z
      .array(taskLog)
      .optional()
      .openapi({ readOnly: true, description: "One entry, as soon as there is something to tell" }),
    creation_time: time.openapi({ readOnly: true, description: "When it was stored, RFC 3339 in UTC" }),
  })
  .openapi("tesTask", { description: "A task" });

export const taskList = z
  .object({
    tasks: z.array(task).describe("Newest first"),
    next_page_token: z.string().optional().describe("Absent on the last page"),
  })
  .openapi("tesListTasksResponse", {
    description: "A page of tasks. It may be shorter than asked for, and still not the last",
  });

export const created = z
  .object({ id: z.string().describe("Of the new task") })
  .openapi("tesCreateTaskResponse", { description: "The task is stored and will run" });

export const canceled = z
  .object({})
  .openapi("tesCancelTaskResponse", { description: "The task is canceled, or was over before" });

const problem = z
  .object({
    status: z.int().describe("The HTTP status"),
    message: z.string(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe("Every fault of the request and where it stands, e.g. executors[0].image"),
  })
  .openapi("Problem", { description: "Why a request was not fulfilled" });

const problemAnswer = { content: { "application/json": { schema: problem } } };

/** Answers any operation may give. */
export const problems = {
  "4XX": { description: "The request cannot be fulfilled as it is", ...problemAnswer },
  "5XX": {
    description:
      "A fault of the service. 503: send the request again after the seconds of Retry-After; the message says whether nothing was stored or that is not known",
    ...problemAnswer,
  },
} as const;
