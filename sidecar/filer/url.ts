// URL: joining of the addresses of a task's inputs and outputs.
import { schemeOf } from "../contract/scheme.ts";

/** The URL of a relative path below a folder's URL, with exactly one slash between the two. */
export function joinUrl(folder: string, relative: string): string {
  const path = relative.replace(/^\/+/, "");
  if (path === "") return folder.replace(/\/+$/, "");
  const literal = schemeOf(folder) === "s3" || schemeOf(folder) === undefined;
  const below = literal ? path : path.split("/").map(encodeURIComponent).join("/");
  return `${folder.replace(/\/+$/, "")}/${below}`;
}
