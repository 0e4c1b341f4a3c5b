// urlFaults: what is wrong with the URLs of inputs and outputs, as far as it is known without asking any storage.
import { hasWildcards } from "../../sidecar/contract/glob.ts";
import type { TaskPath } from "../../sidecar/contract/path.ts";
import { urlFault } from "../../sidecar/contract/url-fault.ts";
import type { Fault } from "./errors.ts";
import type { Sketch } from "./sketch.ts";

/** `bases` are the folders that tasks may name by file URLs; undefined where the operator shares none. */
export function urlFaults({ inputs, outputs }: Sketch, bases: readonly TaskPath[] | undefined): Fault[] {
  const faults: Fault[] = [];
  const add = (path: string, message: string | undefined): void => {
    if (message !== undefined) faults.push({ path, message });
  };
  for (const { index, url, type, content } of inputs) {
    // "If content is not empty, url must be ignored" (TES 1.1, tesInput.content).
    if (url === undefined || content) continue;
    const isFolder = type === "DIRECTORY";
    add(`inputs[${index}].url`, urlFault(url, { direction: "input", isFolder, bases }));
  }
  for (const { index, url, type, path = "" } of outputs) {
    if (url === undefined) continue;
    const isFolder = type === "DIRECTORY" || hasWildcards(path);
    add(`outputs[${index}].url`, urlFault(url, { direction: "output", isFolder, bases }));
  }
  return faults;
}
