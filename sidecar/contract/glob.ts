// Glob: the wildcards of POSIX 2.13 that TES allows in the paths of outputs: * ? [..], within one name between slashes.

type Token =
  | { type: "text"; character: string }
  | { type: "one" }
  | { type: "many" }
  | { type: "set"; negated: boolean; has(character: string): boolean };

/** Whether the path holds a wildcard that is not escaped. A path without any is taken literally, backslashes too. */
export const hasWildcards = (path: string): boolean =>
  // Most paths have no such character, and a task may have thousands.
  /[*?[]/.test(path) && path.split("/").some((name) => !isLiteral(name));

/** Whether the pattern has no wildcard: the name that it stands for is the only one that it matches. */
export const isLiteral = (pattern: string): boolean => parse(pattern).every(({ type }) => type === "text");

/** The name that a pattern without wildcards stands for. */
export const literalName = (pattern: string): string =>
  parse(pattern)
    .map((token) => (token.type === "text" ? token.character : ""))
    .join("");

/** The pattern up to its first wildcard, as it is written and as matching names have it. */
export function fixedStart(pattern: string): { escaped: string; literal: string } {
  const characters = [...pattern];
  let [at, literal] = [0, ""];
  while (at < characters.length) {
    const { token, end } = parseToken(characters, at);
    if (token.type !== "text") break;
    literal += token.character;
    at = end;
  }
  return { escaped: characters.slice(0, at).join(""), literal };
}

/** Whether a file name matches. A leading dot is matched by a literal dot only (POSIX 2.13.3). */
export function matchesName(pattern: string, name: string): boolean {
  const tokens = parse(pattern);
  const characters = [...name];
  const [first] = tokens;
  if (characters[0] === "." && !(first?.type === "text" && first.character === ".")) return false;
  return matchesTokens(tokens, characters);
}

/** Goes back to the last star only, so the time is bounded by the product of the two lengths. */
function matchesTokens(tokens: readonly Token[], characters: readonly string[]): boolean {
  let [token, character] = [0, 0];
  let retry: { token: number; character: number } | undefined;
  while (character < characters.length) {
    const current = tokens[token];
    if (current?.type === "many") {
      retry = { token, character };
      token += 1;
    } else if (current && matchesOne(current, characters[character] ?? "")) {
      token += 1;
      character += 1;
    } else if (retry) {
      retry.character += 1;
      [token, character] = [retry.token + 1, retry.character];
    } else {
      return false;
    }
  }
  return tokens.slice(token).every(({ type }) => type === "many");
}

const matchesOne = (token: Token, character: string): boolean => {
  if (token.type === "text") return token.character === character;
  return token.type === "set" ? token.has(character) !== token.negated : true;
};

function parse(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; ) {
    const { token, end } = parseToken(characters, at);
    tokens.push(token);
    at = end;
  }
  return tokens;
}

function parseToken(characters: readonly string[], at: number): { token: Token; end: number } {
  const character = characters[at] ?? "";
  if (character === "*") return { token: { type: "many" }, end: at + 1 };
  if (character === "?") return { token: { type: "one" }, end: at + 1 };
  const set = character === "[" ? parseSet(characters, at) : undefined;
  if (set) return set;
  const { character: text, end } = parseEnd(characters, at);
  return { token: { type: "text", character: text }, end };
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[\p{L}\p{N}]/u,
  alpha: /\p{L}/u,
  blank: /[ \t]/,
  cntrl: /\p{Cc}/u,
  digit: /[0-9]/,
  graph: /[^\p{Z}\p{C}]/u,
  lower: /\p{Ll}/u,
  print: /[^\p{C}]/u,
  punct: /[\p{P}\p{S}]/u,
  space: /\s/,
  upper: /\p{Lu}/u,
  xdigit: /[0-9A-Fa-f]/,
};

/** A bracket expression from its "[" on, and where it ends. Undefined if there is none: then "[" is an ordinary character. */
function parseSet(characters: readonly string[], start: number): { token: Token; end: number } | undefined {
  let at = start + 1;
  const negated = characters[at] === "!" || characters[at] === "^";
  if (negated) at += 1;
  const members: ((character: string) => boolean)[] = [];
  for (let first = true; at < characters.length; first = false) {
    if (characters[at] === "]" && !first) {
      const has = (character: string): boolean => members.some((member) => member(character));
      return { token: { type: "set", negated, has }, end: at + 1 };
    }
    const member = parseClass(characters, at) ?? parseRange(characters, at);
    members.push(member.has);
    at = member.end;
  }
  return undefined;
}

interface Member {
  has(character: string): boolean;
  end: number;
}

function parseClass(characters: readonly string[], at: number): Member | undefined {
  const name = /^\[:([a-z]+):\]/.exec(characters.slice(at, at + 12).join(""))?.[1];
  const pattern = name === undefined ? undefined : CLASSES[name];
  if (name === undefined || !pattern) return undefined;
  return { has: (character) => pattern.test(character), end: at + name.length + 4 };
}

/** One character, or a range of them in the order of their code points; a backslash escapes either end. */
function parseRange(characters: readonly string[], at: number): Member {
  const low = parseEnd(characters, at);
  const isRange = characters[low.end] === "-" && ![undefined, "]"].includes(characters[low.end + 1]);
  const high = isRange ? parseEnd(characters, low.end + 1) : low;
  const code = (character: string): number => character.codePointAt(0) ?? -1;
  return {
    has: (character) => code(character) >= code(low.character) && code(character) <= code(high.character),
    end: high.end,
  };
}

/** One character and where it ends; a backslash before it is no part of it. */
function parseEnd(characters: readonly string[], at: number): { character: string; end: number } {
  const escaped = characters[at] === "\\" && at + 1 < characters.length;
  return { character: characters[escaped ? at + 1 : at] ?? "", end: at + (escaped ? 2 : 1) };
}
