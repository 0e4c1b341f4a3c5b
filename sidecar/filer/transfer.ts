// Transfer: which file of storage becomes which file of the task, and the other way round. Pure.

import { hasWildcards, splitPattern } from "../contract/glob.ts";
import type { PlanInput, PlanOutput } from "../contract/plan.ts";
import { segments } from "./mounts.ts";
import { type Listed, StorageError } from "./storage.ts";
import { joinUrl } from "./url.ts";

/** An input file on its way in. A folder has no URL: it is only made. */
export interface Download {
  path: string;
  url: string | undefined;
}

/** The text of an input that brings its own: `content`, which wins over `url`, unless it is empty and there is one. */
export const contentOf = ({ content, url }: PlanInput): string | undefined =>
  url === undefined ? (content ?? "") : content || undefined;

/** What one listed file of a DIRECTORY input becomes. Refuses a name that would lead out of the input's own folder. */
export function downloadOf(input: { path: string; url: string }, { path, url }: Listed): Download {
  const names = path.replace(/\/$/, "").split("/");
  if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"))) {
    throw new StorageError("permanent", `"${path}" is no name that a file can have`);
  }
  const target = `/${[...segments(input.path), ...names].join("/")}`;
  return { path: target, url: path.endsWith("/") ? undefined : (url ?? joinUrl(input.url, path)) };
}

/** Where to look for an output's files: below `folder`, by `patterns` name for name; or just there, if there are none. */
export function searchOf(output: PlanOutput): { folder: string; patterns: string[] } {
  // Without wildcards the path is literal. Only escapes of wildcards are still escapes.
  if (!hasWildcards(output.path) && !/\\[*?[]/.test(output.path))
    return { folder: output.path, patterns: [] };
  return splitPattern(output.path);
}

/**
 * The URL of one file of an output. `found` is the path at which the search ended, `file` that file or one below it. With
 * wildcards, the output's pathPrefix is cut from it and the rest appended (TES 1.1, tesOutput.path_prefix); otherwise what
 * is on disk decides, not the declared type: a file goes to the URL itself, a folder's files below it.
 */
export function uploadUrl(output: PlanOutput, found: string, file: string, isFolder = false): string {
  if (hasWildcards(output.path)) {
    const prefix = output.pathPrefix ?? splitPattern(output.path).folder;
    if (!file.startsWith(prefix)) {
      throw new StorageError("permanent", `"${file}" does not begin with the path prefix "${prefix}"`);
    }
    return joinUrl(output.url, file.slice(prefix.length));
  }
  if (file !== found) return joinUrl(output.url, file.slice(found.length));
  return output.url.endsWith("/") && !isFolder
    ? joinUrl(output.url, file.slice(file.lastIndexOf("/")))
    : output.url;
}
