// Output path: what the path of an output says, with its wildcards and their escapes, and what its path_prefix cuts off.
import { fixedStart, hasWildcards, isLiteral, literalName } from "./glob.ts";
import { namesIn, normalizePath, type TaskPath } from "./path.ts";

declare const pattern: unique symbol;

/** The path of an output as the task writes it, without doubled slashes, "." and a slash at its end. */
export type OutputPath = string & { readonly [pattern]: true };

export const outputPath = (path: string): OutputPath => normalizePath(path) as string as OutputPath;

/** Where an output's files are: below `folder`, by `patterns` name for name; or just there, if there are none. */
export interface Search {
  readonly folder: TaskPath;
  readonly patterns: readonly string[];
}

/** Without wildcards the path is literal, backslashes too. Only where it escapes a wildcard are they escapes. */
export function searchOf(path: OutputPath): Search {
  if (!hasWildcards(path) && !/\\[*?[]/.test(path)) return { folder: normalizePath(path), patterns: [] };
  const names = namesIn(path);
  const first = names.findIndex((name) => !isLiteral(name));
  const fixed = first < 0 ? names : names.slice(0, first);
  return {
    folder: normalizePath(fixed.map(literalName).join("/")),
    patterns: first < 0 ? [] : names.slice(first),
  };
}

declare const prefix: unique symbol;

/** The beginning of the paths that a pattern matches: it may end in the middle of a name, and in a slash. */
export type PathPrefix = string & { readonly [prefix]: true };

/**
 * What the task's path_prefix means for paths that the pattern matches; undefined if they need not begin with it. The prefix may
 * be written with the pattern's escapes or without.
 */
export function pathPrefixOf(path: OutputPath, written: string): PathPrefix | undefined {
  const { escaped, literal } = fixedText(path);
  const start = withLastName(written);
  // A "." at the end is the first letter of a name, or else the folder.
  const forms = start.endsWith("/.") ? [start, start.slice(0, -1)] : [start];
  const unescaped = forms.filter((form) => escaped.startsWith(form)).map(withoutEscapes);
  return [...forms, ...unescaped].find((form) => literal.startsWith(form)) as PathPrefix | undefined;
}

/** As pathPrefixOf; one that does not fit is kept, and the upload says so: it was accepted once. */
export const plannedPrefix = (path: OutputPath, written: string): PathPrefix =>
  pathPrefixOf(path, written) ?? (written as PathPrefix);

const withoutEscapes = (text: string): string => text.split("/").map(literalName).join("/");

/** Normalized but for the last name, which may be the first letters of one: "/a//b/.h" → "/a/b/.h", "/a/./" → "/a/". */
function withLastName(written: string): string {
  const names = written.split("/");
  const last = names.pop() ?? "";
  const folder = normalizePath(names.join("/"));
  return folder === "/" ? `/${last}` : `${folder}/${last}`;
}

/** The pattern up to its first wildcard, as it is written and as paths have it. */
function fixedText(path: OutputPath): { escaped: string; literal: string } {
  const { folder, patterns } = searchOf(path);
  const [first] = patterns;
  if (first === undefined) return { escaped: path, literal: folder };
  const names = namesIn(path);
  const start = fixedStart(first);
  const below = (names: readonly string[], last: string): string => `/${[...names, last].join("/")}`;
  const fixed = names.slice(0, names.length - patterns.length);
  return { escaped: below(fixed, start.escaped), literal: below(fixed.map(literalName), start.literal) };
}

/** What is left of a path once the prefix is cut off, without the slash between them; undefined if it does not begin so. */
export const cutPrefix = (path: TaskPath, start: PathPrefix): string | undefined =>
  path.startsWith(start) ? path.slice(start.length).replace(/^\//, "") : undefined;

/** A pattern's own folder as its prefix, where the task gave none. */
export const folderPrefix = ({ folder }: Search): PathPrefix => folder as string as PathPrefix;
