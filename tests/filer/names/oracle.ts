// Oracle: what has to be in storage, and in the task's files, by rules written here once more and shared with nothing: a plain
// recursive copy.
import type { Node, Pattern, Tree } from "./model.ts";

/** What an output means, in parts and not in text. */
export interface Wanted {
  /** Below /data. */
  readonly patterns: readonly Pattern[];
  readonly isWildcard: boolean;
  /** How much of a match's path, beginning with "/data", is cut off. */
  readonly cut: number;
  /** The URL without its percent-encoding. */
  readonly url: string;
}

/** Files by their plain URLs, and those of folders that are empty, which end in a slash. */
export function uploadsOf(tree: Tree, wanted: readonly Wanted[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const output of wanted) {
    for (const { path, node } of matchesOf(tree, output.patterns)) {
      copy(node, "", (rest, text) => {
        const target = placeOf(output, { path, isFile: typeof node === "string" }, rest);
        found.set(text === undefined && !target.endsWith("/") ? `${target}/` : target, text ?? "");
      });
    }
  }
  return found;
}

function placeOf(
  { isWildcard, cut, url }: Wanted,
  found: { path: string; isFile: boolean },
  rest: string,
): string {
  const { path, isFile } = found;
  const below = (end: string): string => (url.endsWith("/") ? url + end : `${url}/${end}`);
  if (isWildcard) {
    const left = `${path}${rest === "" ? "" : `/${rest}`}`.substring(cut);
    const trimmed = left.startsWith("/") ? left.substring(1) : left;
    return trimmed === "" ? url.replace(/\/*$/, "") : below(trimmed);
  }
  if (rest !== "") return below(rest);
  return isFile && url.endsWith("/") ? url + path.substring(path.lastIndexOf("/") + 1) : url;
}

/** Calls `put` for each file, and without a text for each empty folder. */
function copy(node: Node, at: string, put: (path: string, text: string | undefined) => void): void {
  if (typeof node === "string") put(at, node);
  else if (node.size === 0) put(at, undefined);
  else for (const [name, child] of node) copy(child, at === "" ? name : `${at}/${name}`, put);
}

function matchesOf(tree: Tree, patterns: readonly Pattern[]): { path: string; node: Node }[] {
  let found: { path: string; node: Node }[] = [{ path: "/data", node: tree }];
  for (const pattern of patterns) {
    found = found.flatMap(({ path, node }) =>
      typeof node === "string"
        ? []
        : [...node].flatMap(([name, child]) =>
            pattern.matches(name) ? [{ path: `${path}/${name}`, node: child }] : [],
          ),
    );
  }
  return found;
}

/** All of a tree by paths; empty folders end in a slash, as does the root's own "". */
export function filesOf(tree: Tree): Map<string, string> {
  const files = new Map<string, string>();
  copy(tree, "", (path, text) => files.set(text === undefined ? `${path}/` : path, text ?? ""));
  return files;
}

export interface Staged {
  /** What lies at the input's path, by paths relative to it: "" for a file, "/" for an empty folder. */
  readonly files: Map<string, string>;
  /** Keys of which something is told. */
  readonly told: readonly string[];
}

/** What an input by that key has to bring where keys are text; undefined: it has to fail. */
export function stagedOf(
  objects: ReadonlyMap<string, string>,
  key: string,
  type: "FILE" | "DIRECTORY",
): Staged | undefined {
  const folder = key === "" || key.endsWith("/") ? key : `${key}/`;
  const below = [...objects].filter(([name]) => name.startsWith(folder));
  const inside = below.filter(([name]) => name !== folder);
  const own = objects.get(key);
  if (type === "FILE" && own !== undefined && isFileItself(key, own, inside.length > 0))
    return { files: new Map([["", own]]), told: [] };
  if (below.length === 0) return undefined;
  const told = type === "FILE" && own === "" && !key.endsWith("/") ? [key] : [];
  const tree = treeOf(folder, below);
  return tree && { files: tree.files, told: [...told, ...tree.told] };
}

/** An object whose key ends in a slash, and an empty one, may stand for a folder. */
function isFileItself(key: string, text: string, isFolderToo: boolean): boolean {
  if (key.endsWith("/")) return text !== "" && !isFolderToo;
  return text !== "" || !isFolderToo;
}

function treeOf(folder: string, objects: readonly (readonly [string, string])[]): Staged | undefined {
  const [files, folders] = [new Map<string, string>(), new Set<string>()];
  for (const [key, text] of objects) {
    const path = key.substring(folder.length);
    if (path === "") continue;
    const isMarker = path.endsWith("/");
    const names = (isMarker ? path.substring(0, path.length - 1) : path).split("/");
    if (names.some(isImpossible)) return undefined;
    if (isMarker) folders.add(names.join("/"));
    else files.set(path, text);
    for (let count = 1; count < names.length; count += 1) folders.add(names.slice(0, count).join("/"));
  }
  if ([...files.keys()].some((path) => folders.has(path))) return undefined;
  const told = objects.filter(([key, text]) => (key === folder || key.endsWith("/")) && text !== "");
  return { files: withEmpty(files, folders), told: told.map(([key]) => key) };
}

const isImpossible = (name: string): boolean =>
  ["", ".", ".."].includes(name) || Buffer.byteLength(name) > 255;

function withEmpty(files: ReadonlyMap<string, string>, folders: ReadonlySet<string>): Map<string, string> {
  const all = [...files.keys(), ...folders];
  const empty = [...folders].filter((each) => !all.some((path) => path.startsWith(`${each}/`)));
  const found = new Map([...files, ...empty.map((each) => [`${each}/`, ""] as const)]);
  return found.size === 0 ? new Map([["/", ""]]) : found;
}
