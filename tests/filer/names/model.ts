// Model: random trees of files with odd names, and random ways to write their paths and URLs. The same for the same dice.
import type { Dice } from "../../support/random-tasks.ts";

/** A file's text, or a folder. */
export type Node = string | Tree;
export type Tree = ReadonlyMap<string, Node>;

// biome-ignore format: a list of morsels reads best as one
const morsels = [
  "a", "b", "ab", "sample", ".bam", ".", "..", "...", ".h", " ", "  ", "%41", "%2F", "%", "?", "*", "[", "]", "[ab]", "\\", "\\*", "#", "&", "+", "=", ":",
  "@", "~", "-", "--", "_", "'", '"', "`", "$", "{a,b}", "<x>", "|", ";", ";type=i", "é", "e\u0301", "ü", "日本", "🧬", "\u00a0", "\u200b", "\ufeff", "A", "1", ",",
  "http:", "s3:", "x".repeat(60),
];
/** FTP cannot say these. */
const lineEnds = ["\n", "\r", "\t\n"];

export interface Kind {
  readonly hasLineEnds: boolean;
  /** Whether " ." and "a\\." can be names: MinIO takes blanks away, and a backslash for a slash, before it looks for dots. */
  readonly hasBlankDots: boolean;
}

export function randomName(dice: Dice, { hasLineEnds, hasBlankDots }: Kind): string {
  const some = hasLineEnds && dice.chance(0.05) ? lineEnds : morsels;
  const name = Array.from({ length: 1 + dice.integer(3) }, () =>
    dice.pick(dice.chance(0.8) ? morsels : some),
  ).join("");
  const parts = hasBlankDots ? [name] : name.split("\\").map((part) => part.trim());
  return parts.some((part) => part === "." || part === "..") ? "a" : name;
}

export function randomTree(dice: Dice, kind: Kind, depth = 3): Tree {
  const tree = new Map<string, Node>();
  for (let count = dice.integer(depth === 3 ? 5 : 4); count > 0; count -= 1) {
    const isFolder = depth > 0 && dice.chance(0.35);
    tree.set(
      randomName(dice, kind),
      isFolder ? randomTree(dice, kind, depth - 1) : `text ${dice.integer(1e9)}`,
    );
  }
  return tree;
}

/** The names of every file and folder of the tree, from its root on. */
export function pathsIn(tree: Tree, above: readonly string[] = []): string[][] {
  return [...tree].flatMap(([name, node]) => {
    const path = [...above, name];
    return [path, ...(typeof node === "string" ? [] : pathsIn(node, path))];
  });
}

/** Slashes and dots that mean nothing. */
export function writePath(dice: Dice, names: readonly string[]): string {
  const slash = () => dice.pick(["/", "/", "/", "//", "/./", "///"]);
  const end = dice.pick(["", "", "/", "//", "/.", "/./"]);
  return names.map((name) => slash() + name).join("") + end;
}

const isSpecial = (character: string): boolean => "*?[\\".includes(character);
export const escaped = (text: string): string =>
  [...text].map((character) => (isSpecial(character) ? `\\${character}` : character)).join("");

/** Literal names in the path of an output: escaped where there is anything that looks like a wildcard. */
export const literalNames = (names: readonly string[]): string[] =>
  names.some((name) => /[*?[]/.test(name)) ? names.map(escaped) : [...names];

/** A name as a pattern that matches at least that name, and what it matches. */
export interface Pattern {
  readonly text: string;
  /** The letters before its first wildcard; undefined if it has none. */
  readonly fixed: string | undefined;
  matches(name: string): boolean;
}

const quoted = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

export function literalPattern(name: string): Pattern {
  return { text: escaped(name), fixed: undefined, matches: (other) => other === name };
}

export function randomPattern(dice: Dice, name: string): Pattern {
  const letters = [...name];
  // A leading dot is never matched by a wildcard.
  const at = (name.startsWith(".") ? 1 : 0) + dice.integer(letters.length - (name.startsWith(".") ? 1 : 0));
  const [before, letter = "", after] = [
    letters.slice(0, at).join(""),
    letters[at],
    letters.slice(at + 1).join(""),
  ];
  const make = (wildcard: string, source: string, rest: string): Pattern => {
    const dot = before === "" ? "(?!\\.)" : "";
    const regex = new RegExp(`^${dot}${quoted(before)}${source}${quoted(rest)}$`, "su");
    return {
      text: `${escaped(before)}${wildcard}${escaped(rest)}`,
      fixed: before,
      matches: (other) => regex.test(other),
    };
  };
  const form = dice.integer(5);
  if (form === 0 && /^[a-y]$/.test(letter)) return make(`[${letter}-z]`, `[${letter}-z]`, after);
  if (form === 1 && /^[A-Za-z0-9]$/.test(letter)) return make(`[q${letter}]`, `[q${letter}]`, after);
  if (form === 2 && letter !== "q") return make(dice.pick(["[!q]", "[^q]"]), "[^q]", after);
  if (form === 3) return make("?", ".", after);
  const kept = letters.slice(at + dice.integer(letters.length - at + 1)).join("");
  return make(dice.pick(["*", "**"]), ".*", kept);
}
