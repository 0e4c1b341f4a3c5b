// claimsOf: what each path of a task is said to be, a file or a folder, and against whom that stands. Pure.
import { outputPath, searchOf } from "../../sidecar/contract/output-path.ts";
import { normalizePath, type TaskPath } from "../../sidecar/contract/path.ts";
import type { Sketch } from "./sketch.ts";

/** Inputs, volumes and workdirs are there from the start; a redirect is opened by us; an output is what the tool leaves. */
export type Source = "start" | "redirect" | "output";

export interface Claim {
  /** As faults name it. */
  readonly field: string;
  readonly path: TaskPath;
  readonly source: Source;
  readonly isFolder: boolean;
  /** Whose paths can be neither a folder where this file is nor anything in it. */
  readonly against: readonly Source[];
}

/**
 * Of each two paths, by what they are said to be:
 * - two inputs at one path, and inputs in a folder of another, are merged; the later one wins. Only a file is in the way.
 * - inputs, outputs and redirects may lie in volumes and workdirs, and a folder may be one.
 * - a stdin, stdout or stderr may be an input or an output; it is a file for certain, as inline content is.
 * - an input from a URL is taken for the file that it is said to be against what is there from the start. It may still prove
 *   to be a folder, so outputs and redirects may lie in it.
 * - an output that was sent as FILE is one against what others need; without a type it is what it proves to be.
 * - outputs may overlap in any way: what is on disk decides.
 */
export const claimsOf = (sketch: Sketch): Claim[] => [
  ...inputClaims(sketch),
  ...sketch.volumes.flatMap(({ index, path }) => claim(`volumes[${index}]`, path, folder)),
  ...executorClaims(sketch),
  ...outputClaims(sketch),
];

const everything: readonly Source[] = ["start", "redirect", "output"];
const folder = { source: "start", isFolder: true, against: [] } as const;
const redirect = { source: "redirect", isFolder: false, against: everything } as const;

const claim = (field: string, path: string | undefined, what: Omit<Claim, "field" | "path">): Claim[] =>
  path === undefined ? [] : [{ field, path: normalizePath(path), ...what }];

const inputClaims = ({ inputs }: Sketch): Claim[] =>
  inputs.flatMap(({ index, path, type, content, url }) => {
    const field = `inputs[${index}].path`;
    if (type === "DIRECTORY") return claim(field, path, folder);
    // A URL that ends in a slash is a folder's, whatever its type.
    const fromUrl: readonly Source[] = url?.endsWith("/") ? [] : ["start"];
    return claim(field, path, { source: "start", isFolder: false, against: content ? everything : fromUrl });
  });

const executorClaims = ({ executors }: Sketch): Claim[] =>
  executors.flatMap(({ index, workdir, stdin, stdout, stderr }) => [
    ...claim(`executors[${index}].workdir`, workdir, folder),
    ...claim(`executors[${index}].stdin`, stdin, redirect),
    ...claim(`executors[${index}].stdout`, stdout, redirect),
    ...claim(`executors[${index}].stderr`, stderr, redirect),
  ]);

const outputClaims = ({ outputs }: Sketch): Claim[] =>
  outputs.flatMap(({ index, path, type }) => {
    const field = `outputs[${index}].path`;
    const source = "output" as const;
    if (path === undefined) return [];
    const { folder: found, patterns } = searchOf(outputPath(path));
    if (patterns.length > 0) return claim(field, found, { source, isFolder: true, against: [] });
    const against: readonly Source[] = type === "FILE" ? ["start", "redirect"] : [];
    return claim(field, found, { source, isFolder: type === "DIRECTORY", against });
  });
