// withFoundTypes: the type of inputs and outputs as they proved to be, where that is not what was declared.
import { outputPath, searchOf } from "../../sidecar/contract/output-path.ts";
import { normalizePath, parentPath, type TaskPath } from "../../sidecar/contract/path.ts";
import type { Run } from "./record.ts";
import type { Task } from "./task.ts";

/**
 * The task with DIRECTORY for what was declared FILE, or not declared at all, and is a folder: "the server [must] fill in the
 * value once the information is available" (TES 1.1, tesFileType).
 */
export function withFoundTypes(task: Task, run: Pick<Run, "folders" | "outputs" | "outputFolders">): Task {
  const { inputs, outputs } = task;
  const found = new Set(run.folders?.map(normalizePath));
  const outputFolders = foundFolders(outputs ?? [], run);
  if (found.size + outputFolders.size === 0) return task;
  return {
    ...task,
    ...(inputs === undefined
      ? {}
      : { inputs: inputs.map((input) => typed(input, found.has(normalizePath(input.path)))) }),
    ...(outputs === undefined
      ? {}
      : { outputs: outputs.map((output) => typed(output, outputFolders.has(output.path))) }),
  };
}

const typed = <T extends { readonly type: "FILE" | "DIRECTORY" }>(file: T, isFolder: boolean): T =>
  isFolder ? { ...file, type: "DIRECTORY" } : file;

/** As the record has them, and what the files of old records say. */
const foundFolders = (
  outputs: NonNullable<Task["outputs"]>,
  run: Pick<Run, "outputs" | "outputFolders">,
): ReadonlySet<string> => new Set([...(run.outputFolders ?? []), ...foldersOf(outputs, run.outputs)]);

/** Paths of outputs, as they were sent, that have uploaded files below them. With wildcards a path is many, of either kind. */
export function foldersOf(
  outputs: NonNullable<Task["outputs"]>,
  uploaded: readonly { readonly path: string }[],
): readonly string[] {
  if (uploaded.length === 0 || outputs.length === 0) return [];
  const files = new Set(uploaded.map(({ path }) => normalizePath(path)));
  const folders = new Set<TaskPath>();
  for (const file of files) {
    for (let folder = parentPath(file); folder !== "/" && !folders.has(folder); folder = parentPath(folder))
      folders.add(folder);
  }
  return outputs.flatMap(({ path, type }) => {
    if (type !== "FILE") return [];
    const { folder, patterns } = searchOf(outputPath(path));
    return patterns.length === 0 && !files.has(folder) && folders.has(folder) ? [path] : [];
  });
}
