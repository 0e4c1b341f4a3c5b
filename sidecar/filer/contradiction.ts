// Contradiction: inputs of which one needs a folder where another has a file, told in words.
import { isWithin, parentPath, type TaskPath } from "../contract/path.ts";
import type { PlanInput } from "../contract/plan.ts";
import { InTheWay } from "./staged-file.ts";
import { StorageError } from "./storage.ts";

/** The failure to make a file or a folder at that path for the input of that index; any other failure as it is. */
export function inWords(
  error: unknown,
  path: TaskPath,
  index: number,
  inputs: readonly PlanInput[],
): unknown {
  if (!(error instanceof InTheWay)) return error;
  let at = path;
  for (let above = 0; above < error.above; above += 1) at = parentPath(at);
  return new StorageError("permanent", contradiction({ needed: error.needed, path: at }, index, inputs));
}

/** Told in one message. */
const NAMED_MAX = 3;

/** Says what is in the way with the fields of both. Which input brought it is not kept: named are those before that can have. */
function contradiction(
  { needed, path }: { needed: "file" | "folder"; path: TaskPath },
  index: number,
  inputs: readonly PlanInput[],
): string {
  const there = needed === "file" ? "folder" : "file";
  const others = inputs.flatMap((input, other) =>
    other < index && canBring(there, path, input) ? [`inputs[${other}]`] : [],
  );
  if (others.length > 0) {
    const names = others.slice(-NAMED_MAX).join(" or ");
    return `inputs[${index}] has a ${needed} at "${path}", and ${names} has a ${there} there`;
  }
  const { type, url } = inputs[index] ?? {};
  return type === "DIRECTORY" || url !== undefined
    ? `it has both a file and a folder at "${path}"`
    : `inputs[${index}] has a ${needed} at "${path}", and there is a ${there}`;
}

function canBring(what: "file" | "folder", path: TaskPath, { path: own, type, content }: PlanInput): boolean {
  const mayBeFolder = type === "DIRECTORY" || content === undefined;
  if (own === path) return what === "file" ? type === "FILE" : mayBeFolder;
  if (isWithin(path, own)) return mayBeFolder;
  return what === "folder" && isWithin(own, path);
}
