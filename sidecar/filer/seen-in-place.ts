// Seen in place: what stage-in saw where inputs are to be mounted, so that the supervisor knows what was made there since.
import { readFileSync, writeFileSync } from "node:fs";
import { lstat, rmdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { TaskPlan } from "../contract/plan.ts";
import type { Roots } from "../roots.ts";
import { isMissing } from "./tree.ts";

const seenSchema = v.array(
  v.strictObject({
    subPath: v.string(),
    /** Which files and folders they were: of the path itself, of the folder above it, and so on. */
    identities: v.array(v.string()),
  }),
);
export type Seen = v.InferOutput<typeof seenSchema>[number];

/** Beside the step folders, where no executor sees it. */
const seenFile = (roots: Roots): string => join(roots.steps, "in-place.json");

/** The path and the folders above it, below the claim's root. */
const upwards = (subPath: string): string[] => {
  const names = subPath.split("/");
  return names.map((_, index) => names.slice(0, names.length - index).join("/"));
};

/** Numbers are given again at once; the birth tells them apart, where the file system has it. */
async function identityOf(local: string): Promise<string> {
  const status = await lstat(local, { bigint: true });
  return [status.dev, status.ino, status.isDirectory(), status.birthtimeNs].join("-");
}

export async function seenAt(claim: string, subPath: string): Promise<Seen> {
  const identities = upwards(subPath).map((path) => identityOf(join(claim, path)));
  return { subPath, identities: await Promise.all(identities) };
}

export const leaveSeen = (seen: readonly Seen[], roots: Roots): void =>
  writeFileSync(seenFile(roots), JSON.stringify(seen));

/**
 * Of an input that went away after stage-in had seen it the kubelet makes a folder, in the users' claim, and mounts that. Removes
 * such folders and throws, naming the first. An input that went away later, or was replaced, is of no matter: it is mounted.
 */
export async function mustBeNoneMade({ inPlace, files }: TaskPlan, roots: Roots): Promise<void> {
  if (!inPlace || !files) return;
  const made: string[] = [];
  for (const seen of v.parse(seenSchema, JSON.parse(readFileSync(seenFile(roots), "utf8")))) {
    if (await removeMade(seen, roots.files)) made.push(seen.subPath);
  }
  const [first] = made;
  if (first === undefined) return;
  const path = inPlace.find(({ subPath }) => subPath === first)?.path;
  throw new Error(
    `Cannot mount "${files.root.replace(/\/$/, "")}/${first}" as "${path}": it went away before it was mounted`,
  );
}

/** Whether the path is a folder that is not the one that was seen, is empty, and is root's. Then it, and what was made above it, goes. */
async function removeMade({ subPath, identities }: Seen, claim: string): Promise<boolean> {
  let removed = false;
  for (const [index, path] of upwards(subPath).entries()) {
    const local = join(claim, path);
    try {
      if ((await identityOf(local)) === identities[index] || !(await isRoots(local))) break;
      await rmdir(local);
      removed = true;
    } catch (error) {
      if (!isMissing(error)) break; // not empty, or no folder: not made by the kubelet
      if (!removed) break;
    }
  }
  return removed;
}

/** Of servers that know no root, nobody's. */
const OWNERS: ReadonlySet<number> = new Set([0, 65_534]);

const isRoots = async (local: string): Promise<boolean> => OWNERS.has((await lstat(local)).uid);
