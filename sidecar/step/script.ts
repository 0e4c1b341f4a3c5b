// Step script: one executor of the plan as a script for the gate's shell (mksh), every value in single quotes.
import type { TaskPath } from "../contract/path.ts";
import {
  BUSYBOX,
  CARRIED_FOLDER,
  CARRY,
  NO_FORMAT,
  SHELL,
  STDERR_FIFO,
  STDOUT_FIFO,
} from "../contract/paths.ts";
import type { PlanExecutor } from "../contract/plan.ts";

/** Names that mksh gives a meaning, or takes only some values for: these reach the command by way of `env`. */
const SHELL_OWN = new Set(
  (
    "_ BASHPID COLUMNS EPOCHREALTIME EXECSHELL HISTFILE HISTSIZE IFS KSHEGID KSHEUID KSHGID KSHUID KSH_MATCH KSH_VERSION " +
    "LINENO LINES OLDPWD OPTARG OPTIND PATHSEP PGRP PIPESTATUS PPID PWD RANDOM REPLY SECONDS TMOUT USER_ID"
  ).split(" "),
);
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** One word that the shell takes byte for byte. */
const quote = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;

/**
 * The script that the gate runs as `sh STEP_FOLDER/run BIN_FOLDER`. It ends in the executor's command, with the argv,
 * environment, folder and redirects of the plan, or with 127 (not found), 126 (not executable, or no program of this
 * machine), 125 (no workdir, or stdin cannot be opened), the reason on stderr. Throws on NUL, which no argument or variable can hold.
 */
export function stepScript(executor: PlanExecutor, carried: readonly TaskPath[] = []): string {
  const lines = [
    // Not exported. An image that sets it has a shell like ours, and its reasons.
    `: "\${EXECSHELL=$1/${NO_FORMAT}}"`,
    ...redirects(executor, carried),
    ...(executor.workdir === undefined ? [] : workdir(executor.workdir)),
    ...Object.entries(executor.env)
      .filter(([name]) => isShellName(name))
      .map(([name, value]) => `export ${name}=${quote(value)}`),
    ...command(executor),
  ];
  const script = `${lines.join("\n")}\n`;
  if (script.includes("\0"))
    throw new TypeError("Cannot write the step script: a value holds a NUL character");
  return script;
}

const isShellName = (name: string): boolean => SHELL_NAME.test(name) && !SHELL_OWN.has(name);

// $0 is the script, so ${0%/*} its folder, whatever the folder is called there; $1 is the folder of the programs. Both are
// used as they are, since a variable of our own could be one of the executor's.
const busybox = `"$1/${BUSYBOX}"`;
const inStep = (name: string): string => `"\${0%/*}/${name}"`;

const workdir = (folder: string): string[] => [
  `[[ -d ${quote(folder)} ]] || ${busybox} mkdir -p ${quote(folder)} || exit 125`,
  `cd ${quote(folder)} || exit 125`,
];

/** Whether both streams go to one file: then they are one stream, or their lines would lose their order. */
export const isOneStream = ({ stdout, stderr }: Pick<PlanExecutor, "stdout" | "stderr">): boolean =>
  stdout !== undefined && stdout === stderr;

/** The streams are FIFOs that the supervisor reads, so that they can be opened again by name, and by any user. */
function redirects(executor: PlanExecutor, carried: readonly TaskPath[]): string[] {
  return [
    `exec >${inStep(STDOUT_FIFO)}`,
    isOneStream(executor) ? "exec 2>&1" : `exec 2>${inStep(STDERR_FIFO)}`,
    ...(carried.length === 0 ? [] : [`"$1/${SHELL}" "$1/${CARRY}" in "\${0%/*}" || exit 125`]),
    ...(executor.stdin === undefined ? ["exec </dev/null"] : readStdin(executor.stdin, carried)),
  ];
}

/** Of what is carried the work volume's own file, which also a user who may not place it in the root can read; or the image's. */
function readStdin(stdin: TaskPath, carried: readonly TaskPath[]): string[] {
  const own = readFrom(quote(stdin), stdin);
  const index = carried.indexOf(stdin);
  if (index < 0) return own;
  const inWork = `"\${0%/*/*}/${CARRIED_FOLDER}/${index}"`;
  return [`if [[ -e ${inWork} ]]; then`, ...readFrom(inWork, stdin), "else", ...own, "fi"];
}

/**
 * A failing `exec <file` would end the shell with 1, so the file is tried beforehand. A FIFO has no writer any more: its
 * executor is over, and the open would wait for ever.
 */
function readFrom(file: string, stdin: TaskPath): string[] {
  const unless = (test: string, reason: string): string => {
    const words = quote(`Cannot read stdin from "${stdin}": ${reason}`);
    return `[[ ${test} ${file} ]] || { print -ru2 -- ${words}; exit 125; }`;
  };
  return [
    unless("-e", "it does not exist"),
    unless("! -p", "it is a FIFO"),
    `true <${file} || exit 125`,
    `exec <${file}`,
  ];
}

/** What `carry` reads: the paths, and those that are this executor's own streams. */
export function placesScript({ stdout, stderr }: PlanExecutor, carried: readonly TaskPath[]): string {
  const streams = carried.map((path) => (path === stdout || path === stderr ? "1" : ""));
  const array = (name: string, words: readonly string[]) =>
    `set -A ${name} -- ${words.map(quote).join(" ")}\n`;
  return array("paths", carried) + array("streams", streams);
}

function command({ command: argv, env }: PlanExecutor): string[] {
  const name = quote(argv[0] ?? "");
  const rest = argv.slice(1).map((argument) => ` ${quote(argument)}`);
  const exec = `exec -a ${name} -- ${name}${rest.join("")}`;
  const odd = Object.entries(env).filter(([key]) => !isShellName(key));
  if (odd.length === 0) return [exec];
  // What the shell cannot hold is added by env, which finds the program by the full name it is given here: a bare one could
  // be an applet of its own. argv[0] is then that full name.
  const assignments = odd.map(([key, value]) => quote(`${key}=${value}`)).join(" ");
  return [
    `set -- "$1" "$(whence -p -- ${name})"`,
    // env would give a program of another machine to the image's shell.
    `[[ -z $2 ]] || "$1/${NO_FORMAT}" -t "$2" || exit 126`,
    `[[ -n $2 ]] && exec ${busybox} env -- ${assignments} "$2"${rest.join("")}`,
    exec,
  ];
}
