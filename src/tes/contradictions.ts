// contradictionFaults: what the paths of one task cannot all be: a file here, and a folder there or on the way to it.
import { type Claim, claimsOf, type Source } from "./claims.ts";
import type { Fault } from "./errors.ts";
import type { Sketch } from "./sketch.ts";

/** Every path that cannot be what it is said to be beside another, and content of a folder. */
export function contradictionFaults(sketch: Sketch): Fault[] {
  return [...contentFaults(sketch), ...fileFaults(claimsOf(sketch))];
}

const contentFaults = ({ inputs }: Sketch): Fault[] =>
  inputs.flatMap(({ index, type, content, url }) =>
    type === "DIRECTORY" && content !== undefined && (content !== "" || url === undefined)
      ? [
          {
            path: `inputs[${index}].content`,
            message: "Must not be set with type DIRECTORY: it is the text of a file",
          },
        ]
      : [],
  );

/** One pass over the paths in the order of a walk, in which all that lies in a folder follows it. */
function fileFaults(claims: readonly Claim[]): Fault[] {
  const faults: Fault[] = [];
  /** Of the folders above, those that some claim is at, each with the files at it and above it by whom they stand against. */
  const above: { key: string; files: FilesBySource }[] = [];
  for (const { key, claims: here } of inOrderOfWalk(claims)) {
    while (above.length > 0 && !key.startsWith(above.at(-1)?.key ?? "")) above.pop();
    const outer = above.at(-1)?.files ?? {};
    const files = withFiles(outer, here);
    faults.push(...here.flatMap((claim) => faultOf(claim, claim.isFolder ? files : outer)));
    above.push({ key, files });
  }
  return faults;
}

type FilesBySource = Readonly<Partial<Record<Source, Claim>>>;

function withFiles(outer: FilesBySource, here: readonly Claim[]): FilesBySource {
  const files: Partial<Record<Source, Claim>> = { ...outer };
  for (const claim of here) for (const source of claim.against) files[source] ??= claim;
  return files;
}

/** `files` are those that would have to be folders for the claim. */
function faultOf(claim: Claim, files: FilesBySource): Fault[] {
  const file = files[claim.source];
  if (file === undefined) return [];
  const message =
    claim.path === file.path
      ? `Must not be a folder where ${file.field} is a file`
      : `Must not lie in ${file.field}, which is a file`;
  return [{ path: claim.field, message }];
}

/** With a slash at the end a folder's key begins the keys of all that is in it, and so they follow it. */
function inOrderOfWalk(claims: readonly Claim[]): { key: string; claims: Claim[] }[] {
  const byKey = new Map<string, Claim[]>();
  for (const claim of claims) {
    const key = claim.path === "/" ? "/" : `${claim.path}/`;
    const same = byKey.get(key);
    if (same) same.push(claim);
    else byKey.set(key, [claim]);
  }
  return [...byKey.keys()].sort().map((key) => ({ key, claims: byKey.get(key) ?? [] }));
}
