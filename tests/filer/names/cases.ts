// Cases: one random task, brought through the service's plan and the filer, and what differs from the oracle.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { normalizePath } from "../../../sidecar/contract/path.ts";
import { decodePlan, encodePlan, type TaskPlan } from "../../../sidecar/contract/plan.ts";
import { type FilerContext, stageInputs, uploadOutputs } from "../../../sidecar/filer/filer.ts";
import { taskFolder } from "../../../sidecar/filer/mounts.ts";
import { reasonOf } from "../../../sidecar/reason.ts";
import { rootsBelow } from "../../../sidecar/roots.ts";
import { buildPlan } from "../../../src/pod/plan.ts";
import { makeRecord, makeSettings } from "../../support/make.ts";
import { parseTask } from "../../support/parse-task.ts";
import type { Dice } from "../../support/random-tasks.ts";
import {
  escaped,
  literalNames,
  literalPattern,
  type Node,
  type Pattern,
  pathsIn,
  randomName,
  randomPattern,
  randomTree,
  type Tree,
  writePath,
} from "./model.ts";
import { filesOf, type Staged, stagedOf, uploadsOf, type Wanted } from "./oracle.ts";
import { readTree, type Store } from "./stores.ts";

export interface Case {
  readonly dice: Dice;
  readonly store: Store;
  /** A folder, or a bucket, of the case's own. */
  readonly place: string;
  readonly scratch: string;
}

type Files = ReadonlyMap<string, string>;

/** What to show of a case that differs: undefined if it does not. */
export interface Difference {
  readonly body: object;
  readonly reason: string;
  readonly expected: unknown;
  readonly found: unknown;
}

interface Laid {
  readonly context: FilerContext;
  readonly notes: string[];
  /** What the executors see as /data. */
  readonly data: string;
}

const share = normalizePath("/share");

/** As the service plans it and a pod reads it. */
function lay(body: object, { scratch, place, store }: Case): Laid {
  const files = store.settings.files ? { claim: "share", root: share, bases: [share] } : undefined;
  const task = parseTask(body, files?.bases);
  const planned = buildPlan(makeRecord({ task }), makeSettings(files ? { files } : {}));
  const plan: TaskPlan = decodePlan(encodePlan(planned));
  const roots = rootsBelow(join(scratch, place));
  const data = join(taskFolder(roots.work, plan), plan.mounts[0]?.folder ?? "");
  mkdirSync(data, { recursive: true });
  const notes: string[] = [];
  const { signal } = new AbortController();
  const report: FilerContext["report"] = (event) => void (event.type === "note" && notes.push(event.message));
  const storage = { ...store.settings, retry: { attempts: 1 } };
  return { context: { plan, roots, storage, signal, report }, notes, data };
}

const taskWith = (more: object): object => ({
  executors: [{ image: "i", command: ["c"] }],
  volumes: ["/data"],
  ...more,
});

function writeTree(folder: string, tree: Tree): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, node] of tree) {
    if (typeof node === "string") writeFileSync(`${folder}/${name}`, node);
    else writeTree(`${folder}/${name}`, node);
  }
}

const show = (files: Files | undefined): [string, string][] | undefined =>
  files && [...files].sort(([one], [other]) => (one < other ? -1 : 1));

export async function uploadCase(given: Case): Promise<Difference | undefined> {
  const { dice, store, place, scratch } = given;
  const tree = randomTree(dice, store);
  const outputs = Array.from({ length: 1 + dice.integer(3) }, (_, index) => randomOutput(given, tree, index));
  const body = taskWith({ outputs: outputs.map(({ output }) => output) });
  const { context, data } = lay(body, given);
  writeTree(data, tree);
  await store.put(place, new Map());
  const reason = await uploadOutputs(context).then(() => "done", reasonOf);
  const found = await store.take(place);
  rmSync(join(scratch, place), { recursive: true });
  const expected = heldBy(
    store,
    uploadsOf(
      tree,
      outputs.map(({ wanted }) => wanted),
    ),
  );
  // A file cannot be where a folder is, and nothing can be called "." or "..".
  if (expected === undefined)
    return reason === "done" ? { body, reason, expected, found: show(found) } : undefined;
  for (const path of found.keys()) if (path === "/") found.delete(path);
  if (reason === "done" && Bun.deepEquals(show(expected), show(found))) return undefined;
  return { body, reason, expected: show(expected), found: show(found) };
}

/** What of the files a storage can hold; undefined if not all of them. */
function heldBy({ shape, hasEmptyNames }: Store, files: Files): Files | undefined {
  const isDots = (name: string) => name === "." || name === "..";
  if ([...files.keys()].some((path) => path.split("/").some(isDots))) return undefined;
  const collapse = (path: string) => path.replace(/\/+/g, "/");
  const held = new Map(
    [...files]
      .filter(([path]) => shape !== "files" || !path.endsWith("/"))
      .map(([path, text]) => [shape === "tree" ? collapse(path) : path, text]),
  );
  const paths = [...held.keys()];
  if (hasEmptyNames) return held;
  return paths.some((path) => !path.endsWith("/") && paths.some((other) => other.startsWith(`${path}/`)))
    ? undefined
    : held;
}

/** A file or folder of the tree, its root, or what is not in it. */
function randomPlace({ dice, store }: Case, tree: Tree): readonly string[] {
  const all = pathsIn(tree);
  if (dice.chance(0.1)) return [];
  return all.length > 0 && dice.chance(0.9) ? dice.pick(all) : [randomName(dice, store)];
}

function randomOutput(given: Case, tree: Tree, index: number): { output: object; wanted: Wanted } {
  const { dice, store, place } = given;
  const ends = store.hasEmptyNames || store.shape === "tree" ? ["", "/", "//"] : ["", "/"];
  const inner = dice.chance(0.4) ? `/${randomName(dice, store)}` : "";
  const url = `/o${index}${inner}${dice.pick(ends)}`;
  const names = randomPlace(given, tree);
  const type = names.length === 0 ? "DIRECTORY" : dice.pick(["FILE", "DIRECTORY"]);
  const output = { url: store.url(place, url), type };
  if (names.length === 0 || dice.chance(0.45)) {
    const patterns = names.map(literalPattern);
    const path = writePath(dice, ["data", ...literalNames(names)]);
    return { output: { ...output, path }, wanted: { patterns, isWildcard: false, cut: 0, url } };
  }
  const some = names.map((name) => (dice.chance(0.5) ? randomPattern(dice, name) : literalPattern(name)));
  const patterns = some.some(({ fixed }) => fixed !== undefined)
    ? some
    : [...some.slice(0, -1), randomPattern(dice, names.at(-1) ?? "a")];
  const cut = cutOf(dice, names, patterns);
  const path = writePath(dice, ["data", ...patterns.map(({ text }) => text)]);
  const path_prefix = writePrefix(dice, cut);
  return {
    output: { ...output, path, path_prefix },
    wanted: { patterns, isWildcard: true, cut: cut.length, url },
  };
}

/** Some beginning of what comes before the first wildcard. */
function cutOf(dice: Dice, names: readonly string[], patterns: readonly Pattern[]): string {
  const first = patterns.findIndex(({ fixed }) => fixed !== undefined);
  const fixed = ["", "data", ...names.slice(0, first), patterns[first]?.fixed ?? ""].join("/");
  const letters = [...fixed];
  const cut = letters.slice(0, 1 + dice.integer(letters.length)).join("");
  return cut.endsWith("/..") ? fixed.slice(0, fixed.indexOf("/", 1) + 1) : cut;
}

function writePrefix(dice: Dice, cut: string): string {
  // What looks like an escape is read as it stands, so it is only written where nothing does.
  const text = !cut.includes("\\") && dice.chance(0.5) ? cut.split("/").map(escaped).join("/") : cut;
  return text.replaceAll("/", () => dice.pick(["/", "/", "//", "/./"]));
}

export async function stageCase(given: Case): Promise<Difference | undefined> {
  const { store, place, scratch, dice } = given;
  const { objects, key, type, expected } = store.shape === "keys" ? keyInput(given) : treeInput(given);
  await store.put(place, objects);
  const names = Array.from({ length: 1 + dice.integer(2) }, () =>
    randomName(dice, { hasLineEnds: true, hasBlankDots: true }),
  );
  const url = store.url(place, `/${key}`);
  const body = taskWith({ inputs: [{ url, path: writePath(dice, ["data", ...names]), type }] });
  const { reason, notes, found } = await staged(body, names, given);
  await store.take(place);
  rmSync(join(scratch, place), { recursive: true, force: true });
  const isRight =
    expected === undefined
      ? reason !== "done"
      : reason === "done" &&
        notes.length === expected.told.length &&
        Bun.deepEquals(show(expected.files), show(found));
  if (isRight) return undefined;
  return {
    body: { ...body, objects: show(objects) },
    reason: [reason, ...notes].join("\n"),
    expected: expected && { files: show(expected.files), told: expected.told },
    found: show(found),
  };
}

async function staged(
  body: object,
  names: readonly string[],
  given: Case,
): Promise<{ reason: string; notes: string[]; found: Files | undefined }> {
  try {
    const { context, notes, data } = lay(body, given);
    const reason = await stageInputs(context).then(() => "done", reasonOf);
    return { reason, notes, found: reason === "done" ? at(join(data, ...names)) : undefined };
  } catch (error) {
    return {
      reason: `${reasonOf(error)} ${JSON.stringify((error as { faults?: object }).faults)}`,
      notes: [],
      found: undefined,
    };
  }
}

function at(path: string): Files {
  if (!statSync(path).isDirectory()) return new Map([["", readFileSync(path, "utf8")]]);
  const files = readTree(path);
  return files.has("") ? new Map([["/", ""]]) : files;
}

interface Input {
  readonly objects: Files;
  readonly key: string;
  readonly type: "FILE" | "DIRECTORY";
  readonly expected: Staged | undefined;
}

const below = (folder: string, files: Files): Map<string, string> =>
  new Map([...files].map(([path, text]) => [path === "/" ? `${folder}/` : `${folder}/${path}`, text]));

function keyInput({ dice, store }: Case): Input {
  const folder = randomName(dice, store);
  const objects = below(folder, filesOf(randomTree(dice, store)));
  const keys = [...objects.keys()];
  if (store.hasEmptyNames) {
    for (let more = dice.integer(4); more > 0; more -= 1) {
      const key = dice.pick([...keys, folder]);
      const odd = dice.pick(["/", "/", "//x", "/../x", "/./x", "/x", ""]);
      objects.set(`${key}${odd}`, dice.chance(0.5) ? "" : `odd ${more}`);
    }
  }
  const asked = dice.pick([
    folder,
    folder,
    ...keys,
    ...keys.map((key) => key.slice(0, key.lastIndexOf("/"))),
  ]);
  const plain = asked.split("/").some((name) => name === "." || name === "..") ? folder : asked;
  const end = dice.pick(store.hasEmptyNames ? ["", "", "/", "//"] : ["", "/"]);
  const key = store.hasEmptyNames || !plain.endsWith("/") ? plain + end : plain;
  const type = dice.pick(["FILE", "DIRECTORY"] as const);
  return { objects, key, type, expected: stagedOf(objects, key, type) };
}

function treeInput(given: Case): Input {
  const { dice, store } = given;
  const tree = randomTree(dice, store);
  const objects = new Map(
    [...below("d", filesOf(tree))].filter(([path]) => store.shape === "tree" || !path.endsWith("/")),
  );
  const names = randomPlace(given, tree);
  const end = dice.pick(["", "", "/", "//"]);
  const type = store.shape === "files" ? "FILE" : dice.pick(["FILE", "DIRECTORY"] as const);
  const node = names.reduce<Node | undefined>(
    (at, name) => (at === undefined || typeof at === "string" ? undefined : at.get(name)),
    tree,
  );
  const key = `${["d", ...names].join("/")}${end}`;
  const isFile = typeof node === "string";
  if (node === undefined || (isFile && type === "DIRECTORY"))
    return { objects, key, type, expected: undefined };
  if (store.shape === "files" && (!isFile || end !== "")) return { objects, key, type, expected: undefined };
  const files = isFile ? new Map([["", node]]) : new Map(filesOf(node));
  return { objects, key, type, expected: { files, told: [] } };
}
