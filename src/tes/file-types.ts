// withFoundTypes: the type of inputs and outputs as they proved to be, where that is not what was declared.
import { outputPath, searchOf } from "../../sidecar/contract/output-path.ts";
import { normalizePath, parentPath, type TaskPath } from "../../sidecar/contract/path.ts";
import type { Run } from "./record.ts";
import type { Task } from "./task.ts";

/**
 * The task with DIRECTORY for what was declared FILE, or not declared at all, and is a folder: "the server [must] fill in the
 * value once the information is available" (TES 1.1, tesFileType).
 */
export function withFoundTypes(task: Task, run: Pick<Run, "folders" | "outputs">): Task {
  const { inputs, outputs } = task;
  const found = new Set(run.folders?.map(normalizePath));
  const outputFolders = foundFolders(outputs ?? [], run.outputs);
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

/** Paths of outputs that have uploaded files below them. With wildcards a path is many, of either kind. */
function foundFolders(outputs: NonNullable<Task["outputs"]>, uploaded: Run["outputs"]): ReadonlySet<string> {
  const files = new Set(uploaded.map(({ path }) => normalizePath(path)));
  const unclear = outputs.flatMap(({ path, type }) => {
    const { folder, patterns } = searchOf(outputPath(path));
    return type === "FILE" && patterns.length === 0 && !files.has(folder) ? { path, folder } : [];
  });
  if (unclear.length === 0 || files.size === 0) return new Set();
  const folders = new Set<TaskPath>();
  for (const file of files) {
    for (let folder = parentPath(file); folder !== "/" && !folders.has(folder); folder = parentPath(folder))
      folders.add(folder);
  }
  return new Set(unclear.flatMap(({ path, folder }) => (folders.has(folder) ? [path] : [])));
}
