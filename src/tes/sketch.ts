// Sketch: what can be read of a task's files though the body may be wrong elsewhere, so that all faults are told at once.
import { pathFault } from "./path.ts";

interface SketchedFile {
  readonly path: string | undefined;
  readonly url: string | undefined;
  readonly content: string | undefined;
  /** As it was sent; undefined if it was not, which means FILE, or whatever it proves to be. */
  readonly type: string | undefined;
  readonly index: number;
}

interface SketchedExecutor {
  readonly index: number;
  readonly workdir: string | undefined;
  readonly stdin: string | undefined;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

/** Paths in it are sound by themselves, URLs are not empty. What is not so is left out: the schema tells of it. */
export interface Sketch {
  readonly inputs: readonly SketchedFile[];
  readonly outputs: readonly SketchedFile[];
  readonly volumes: readonly { readonly index: number; readonly path: string | undefined }[];
  readonly executors: readonly SketchedExecutor[];
}

export function sketchOf(body: unknown): Sketch {
  const { inputs, outputs, volumes, executors } = fieldsOf(body);
  return {
    inputs: listOf(inputs).map(fileOf),
    outputs: listOf(outputs).map(fileOf),
    volumes: listOf(volumes).map((path, index) => ({ index, path: pathOf(path) })),
    executors: listOf(executors).map((executor, index) => {
      const { workdir, stdin, stdout, stderr } = fieldsOf(executor);
      return {
        index,
        workdir: pathOf(workdir),
        stdin: pathOf(stdin),
        stdout: pathOf(stdout),
        stderr: pathOf(stderr),
      };
    }),
  };
}

const fileOf = (file: unknown, index: number): SketchedFile => {
  const { path, url, content, type } = fieldsOf(file);
  return {
    index,
    path: pathOf(path),
    url: textOf(url) || undefined,
    content: textOf(content),
    type: textOf(type),
  };
};

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value.isWellFormed() && !value.includes("\0") ? value : undefined;

function pathOf(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined || pathFault(text) !== undefined ? undefined : text;
}
