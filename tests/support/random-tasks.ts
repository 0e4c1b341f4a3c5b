// Random tasks: executors of busybox with odd arguments, variables, redirects and ends, the same for the same seed.
import { join } from "node:path";

export interface RandomExecutor {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly ignore_error: boolean;
  /** What goes wrong before the command is there to say so: then the words on stderr are the gate's own. */
  readonly startFails?: true;
}

export interface RandomTask {
  /** The folder of all its files, the same here and in the pod. */
  readonly folder: string;
  /** Files that are there at the start, by their path. */
  readonly files: Readonly<Record<string, string>>;
  readonly executors: readonly RandomExecutor[];
}

export type Random = () => number;

/** mulberry32: numbers from 0 to 1, always the same for one seed. */
function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Dice {
  integer(below: number): number;
  chance(share: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

const diceOf = (random: Random): Dice => {
  const integer = (below: number): number => Math.floor(random() * below);
  return {
    integer,
    chance: (share) => random() < share,
    // biome-ignore lint/style/noNonNullAssertion: the index is below the length, and no list here is empty
    pick: (choices) => choices[integer(choices.length)]!,
  };
};

/** What falls is the same for the same seed. */
export const rollDice = (seed: number): Dice => diceOf(seeded(seed));

// biome-ignore format: a list of morsels reads best as one
const morsels = [
  "a", "b c", " ", "  ", "'", '"', "\\", "\\n", "\\\\", "\n", "\n\n", "\r", "\t", "$", "$$", "$(X)", "$$(X)", "$(id)", "`id`", "$HOME", "$1", "$@",
  "*", "?", "[a-z]*", "/*", "~", "{a,b}", "!", "#", "%s", "%", "&", ";", "|", "<", ">", "(", ")", "=", "-n", "--", "-", "ä", "日本", "🧬", "e\u0301",
  "\u00a0", "\u2028", "\u0085", "\u0001", "\u007f", "\u001b[0m", "x".repeat(300), "EOF", "\uFEFF",
];
const names = [
  "A",
  "B_2",
  "_c",
  "X",
  "HOME",
  "IFS",
  "PS4",
  "ENV",
  "PWD",
  "RANDOM",
  "LC_ALL",
  "PATHS",
  "step",
  "bin",
  "code",
];
const fileNames = ["in", "a b", "it's", "ünï", "$(X)", "*", "-n", 'q"q', "deep/er/x", "deep/y", "#1"];
const codes = [0, 0, 0, 0, 1, 2, 3, 42, 125, 126, 127, 128, 255];
const signals = ["KILL", "TERM", "SEGV", "ABRT", "HUP", "INT", "USR1", "PIPE"];

const value = (dice: Dice): string =>
  Array.from({ length: dice.integer(5) }, () => dice.pick(morsels)).join("");

type Base = Pick<RandomExecutor, "command"> & Partial<RandomExecutor>;
type Kind = (dice: Dice, paths: readonly string[], variables: readonly string[]) => Base;

const arguments_ = (dice: Dice): string[] => Array.from({ length: 1 + dice.integer(6) }, () => value(dice));
const shell = (script: string, ...rest: string[]): Base => ({ command: ["sh", "-c", script, ...rest] });

/** Each gives a command whose output and end are the same wherever it runs. */
const kinds: readonly Kind[] = [
  (dice) => ({ command: ["printf", "[%s]", ...arguments_(dice)] }),
  (dice) => ({ command: ["/bin/echo", ...arguments_(dice)] }),
  (dice) => shell('printf "<%s>" "$0" "$#" "$@"; exit 3', ...arguments_(dice)),
  (dice) => shell(`printf 'out\\n'; printf 'err\\n' >&2; printf 'end'; exit ${dice.pick(codes)}`),
  (dice) => shell(`echo before; kill -${dice.pick(signals)} $$; echo after`),
  (dice) =>
    shell(
      `printf '\\${dice.pick(["0", "377", "303", "200", "033"])}\\n\\xe2\\x82'; printf '\\376' >&2; exit ${dice.pick(codes)}`,
    ),
  (dice) => shell(`i=0; while [ $i -lt ${dice.integer(2500)} ]; do echo "line $i ü"; i=$((i+1)); done`),
  () => ({ command: ["cat"] }),
  () => ({ command: ["sort", "-r"] }),
  () => ({ command: ["wc", "-c"] }),
  (dice, paths) => ({ command: ["cat", dice.pick(paths), "/no/such/file"] }),
  (dice, paths) => ({ command: ["tee", dice.pick(paths)] }),
  (dice, paths) => shell('[ "$1" = "$2" ] || cat "$1" >>"$2"; pwd', "sh", dice.pick(paths), dice.pick(paths)),
  // One of its variables, byte for byte: the shell would be free to change some.
  (dice, _, variables) => ({ command: ["grep", "-z", `^${dice.pick(variables)}=`, "/proc/self/environ"] }),
  (dice) => ({ command: [dice.pick(["no-such-tool", "/no/such/tool", "./nor this"])], startFails: true }),
  () => ({ command: ["/"], startFails: true }),
  () => ({ command: ["true"] }),
  () => ({ command: ["false"] }),
];

/** The `index`-th task of the seed, with its files below `root`. */
export function randomTask(seed: number, index: number, root: string): RandomTask {
  const dice = rollDice(seed + index * 7919);
  const folder = join(root, `${seed}-${index}`);
  const paths = fileNames.filter(() => dice.chance(0.6)).map((name) => join(folder, name));
  if (paths.length === 0) paths.push(join(folder, "in"));
  const files = Object.fromEntries(paths.filter(() => dice.chance(0.5)).map((path) => [path, content(dice)]));
  // What an executor reads as its stdin has to be there: 125 and the gate's words otherwise.
  const there = Object.keys(files);
  const executors = Array.from({ length: 1 + dice.integer(6) }, () => executor(dice, folder, paths, there));
  return { folder, files, executors };
}

const content = (dice: Dice): string =>
  Array.from({ length: dice.integer(40) }, () => value(dice)).join("\n");

function executor(
  dice: Dice,
  folder: string,
  paths: readonly string[],
  there: readonly string[],
): RandomExecutor {
  const file = () => (dice.chance(0.4) ? dice.pick(paths) : undefined);
  const [stdout, own] = [file(), file()];
  const stderr = stdout !== undefined && dice.chance(0.2) ? stdout : own;
  // One file for two of them that are not told so would depend on who is first.
  const stdin = there.filter((path) => path !== stdout && path !== stderr);
  const workdir = dice.chance(0.4) ? dice.pick([folder, join(folder, "made/here"), "/tmp", "/"]) : undefined;
  const env = Object.fromEntries(names.filter(() => dice.chance(0.2)).map((name) => [name, value(dice)]));
  const variables = Object.keys(env);
  // The streams of a command come to their files a moment later, so it may not see or replace these by their names.
  const others = [...paths, join(folder, "spare")].filter((path) => path !== stdout && path !== stderr);
  const base = dice.pick(kinds)(dice, others, variables.length > 0 ? variables : ["NONE"]);
  return {
    ...base,
    env,
    ...(workdir === undefined ? {} : { workdir }),
    ...(stdin.length > 0 && dice.chance(0.5) ? { stdin: dice.pick(stdin) } : {}),
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined || base.startFails ? {} : { stderr }),
    ignore_error: dice.chance(0.7),
  };
}
