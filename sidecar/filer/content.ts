// Content: inputs that bring their own text.
import type { TaskPath } from "../contract/path.ts";
import type { PlanInput } from "../contract/plan.ts";
import { inWords } from "./contradiction.ts";
import type { StagedInput } from "./meeting.ts";
import type { Place } from "./mounts.ts";
import { writeContent } from "./staged-file.ts";
import { contentOf } from "./transfer.ts";
import type { Unfinished } from "./unfinished.ts";

interface ContentStage {
  place(path: TaskPath): Place;
  /** All of the task's. */
  readonly inputs: readonly PlanInput[];
  readonly unfinished: Unfinished;
  readonly done: { files: number; bytes: number };
}

/** Writes the text of an input. Throws with the input's path if it cannot be written. */
export function stageContent(input: StagedInput, { place, inputs, unfinished, done }: ContentStage): void {
  const at = place(input.path);
  try {
    done.bytes += writeContent(at, contentOf(input) ?? "", unfinished);
    done.files += 1;
  } catch (error) {
    const cause = inWords(error, input.path, input.index, inputs);
    throw new Error(`Cannot write the content of "${input.path}"`, { cause });
  }
}
