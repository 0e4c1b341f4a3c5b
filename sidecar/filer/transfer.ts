// Transfer: which file of storage becomes which file of the task, and the other way round. Pure.

import { cutPrefix, folderPrefix, searchOf } from "../contract/output-path.ts";
import { joinPath, nameOf, relativeTo, type TaskPath } from "../contract/path.ts";
import type { PlanInput, PlanOutput } from "../contract/plan.ts";
import { type Listed, StorageError } from "./storage.ts";
import { joinUrl } from "./url.ts";

/** An input file on its way in. A folder has no URL: it is only made. */
export interface Download {
  path: TaskPath;
  url: string | undefined;
}

/** The text of an input that brings its own: `content`, which wins over `url`, unless it is empty and there is one. */
export const contentOf = ({ content, url }: PlanInput): string | undefined =>
  url === undefined ? (content ?? "") : content || undefined;

/** What one listed file of a DIRECTORY input becomes. Refuses a name that would lead out of the input's own folder. */
export function downloadOf(input: { path: TaskPath; url: string }, { path, url }: Listed): Download {
  const names = path.replace(/\/$/, "").split("/");
  if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"))) {
    throw new StorageError("permanent", `"${path}" is no name that a file can have`);
  }
  const target = joinPath(input.path, ...names);
  return { path: target, url: path.endsWith("/") ? undefined : (url ?? joinUrl(input.url, path)) };
}

/**
 * The URL of one file of an output. `found` is the path at which the search ended, `file` that file or one below it. With
 * wildcards, the output's pathPrefix is cut from it and the rest appended (TES 1.1, tesOutput.path_prefix); otherwise what
 * is on disk decides, not the declared type: a file goes to the URL itself, a folder's files below it.
 */
export function uploadUrl(output: PlanOutput, found: TaskPath, file: TaskPath, isFolder = false): string {
  const search = searchOf(output.path);
  if (search.patterns.length > 0) {
    const prefix = output.pathPrefix ?? folderPrefix(search);
    const rest = cutPrefix(file, prefix);
    if (rest === undefined)
      throw new StorageError("permanent", `"${file}" does not begin with the path prefix "${prefix}"`);
    // Storage would take it for the folder itself, or for the one above.
    if (/^\.\.?(?:\/|$)/.test(rest))
      throw new StorageError(
        "permanent",
        `"${file}" without the path prefix "${prefix}" is "${rest}", which names no file`,
      );
    return joinUrl(output.url, rest);
  }
  const below = relativeTo(file, found);
  if (below) return joinUrl(output.url, below);
  return output.url.endsWith("/") && !isFolder ? joinUrl(output.url, nameOf(file)) : output.url;
}
