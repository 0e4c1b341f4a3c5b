// parseTask: a request body as a task, in one go.
import type { TaskPath } from "../../sidecar/contract/path.ts";
import { atOnce } from "../../src/tes/in-turns.ts";
import { parsingTask } from "../../src/tes/parse-task.ts";
import type { Task } from "../../src/tes/task.ts";

export const parseTask = (body: unknown, fileBases?: readonly TaskPath[]): Task =>
  atOnce(parsingTask(body, fileBases));
