// lengthFaults: the paths of a task that no file system has room for.
import { outputPath, searchOf } from "../../sidecar/contract/output-path.ts";
import { normalizePath } from "../../sidecar/contract/path.ts";
import { lengthFault } from "../../sidecar/contract/path-length.ts";
import type { Fault } from "./errors.ts";
import type { Sketch } from "./sketch.ts";

export function lengthFaults({ inputs, outputs, volumes, executors }: Sketch): Fault[] {
  const faults: Fault[] = [];
  const look = (field: string, path: string | undefined): void => {
    const fault = path === undefined ? undefined : lengthFault(normalizePath(path));
    if (fault !== undefined) faults.push({ path: field, message: `Cannot be used: ${fault}` });
  };
  for (const { index, path } of inputs) look(`inputs[${index}].path`, path);
  // A pattern may be longer than any name that it matches.
  for (const { index, path } of outputs)
    look(`outputs[${index}].path`, path === undefined ? undefined : searchOf(outputPath(path)).folder);
  for (const { index, path } of volumes) look(`volumes[${index}]`, path);
  for (const { index, ...paths } of executors)
    for (const [name, path] of Object.entries(paths)) look(`executors[${index}].${name}`, path);
  return faults;
}
