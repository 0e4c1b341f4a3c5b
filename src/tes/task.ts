// Task: the TES task document and its schema.

import { z } from "@hono/zod-openapi";
import { hasWildcards } from "../../sidecar/contract/glob.ts";
import { outputPath, pathPrefixOf, searchOf } from "../../sidecar/contract/output-path.ts";
import { isLabelValue, labelValueFault } from "./kubernetes-names.ts";
import { limits } from "./limits.ts";
import { filePathFault, folderPathFault, pathFault } from "./path.ts";

const utf8Bytes = (text: string): number => Buffer.byteLength(text, "utf8");

type FaultOf = (value: string) => string | undefined;

/** One check of all that is asked of a text: each one more costs thousands of files as much again. */
const textWith = (faultOf: FaultOf) =>
  z.string().check((payload) => {
    const { value: input } = payload;
    const message = faultOf(input);
    if (message !== undefined) payload.issues.push({ code: "custom", input, message, continue: true });
  });

/** What can stand in a file, an argument and any database. */
const textFault: FaultOf = (value) => {
  if (value.includes("\0")) return "Must not hold a NUL character";
  return value.isWellFormed() ? undefined : "Must not hold half a surrogate pair";
};

const bytesFault = (value: string, bytesMax: number): string | undefined =>
  value.length * 3 <= bytesMax || utf8Bytes(value) <= bytesMax
    ? undefined
    : `Must be at most ${bytesMax} bytes`;

/** Text of so many bytes at most: what is only kept and shown needs no more room than its users give it. */
const upTo = (bytesMax: number) =>
  textWith((value) => bytesFault(value, bytesMax) ?? textFault(value)).openapi({ maxLength: bytesMax });
const name = upTo(limits.nameBytesMax);
const description = upTo(limits.descriptionBytesMax);

/** As characters, which is how the check of what the URL says counts them. */
const locationFault: FaultOf = (value) =>
  value.length > limits.urlLengthMax ? `Must be at most ${limits.urlLengthMax} characters` : textFault(value);
const locationWith = (faultOf: FaultOf) =>
  textWith((value) => locationFault(value) ?? faultOf(value)).openapi({ maxLength: limits.urlLengthMax });
const location = locationWith(() => undefined);

const fileType = z
  .enum(["FILE", "DIRECTORY"])
  .default("FILE")
  .openapi("tesFileType", { description: "Whether it is a file or a folder with all that is below it" });

/** An absolute path inside the containers; `pathFault` says what else is asked of it, and says it alone. */
const path = locationWith(pathFault);

/** A path of stdin, stdout or stderr. */
const redirect = locationWith(filePathFault);

const tooMuchContent = `Must be at most ${limits.contentBytesMax} bytes; put larger content into storage and give its url`;

const input = z
  .object({
    name: name.optional(),
    description: description.optional(),
    url: location
      .optional()
      .describe(
        "Where it comes from: s3, http(s), ftp(s), drs, or a file that the operator shares. Required unless content is set",
      ),
    path: path.describe("Absolute path in the containers. Of inputs at one path the later one wins"),
    type: fileType,
    content: textWith((value) =>
      bytesFault(value, limits.contentBytesMax) === undefined ? textFault(value) : tooMuchContent,
    )
      .optional()
      .describe(
        `The file itself, at most ${limits.contentBytesMax} bytes of UTF-8; url is then ignored. Only in FULL`,
      ),
    streamable: z
      .boolean()
      .optional()
      .describe("A hint that the file is read once, from its beginning; it is staged all the same"),
  })
  .refine((value) => Boolean(value.url) || value.content !== undefined, {
    path: ["url"],
    error: "Required unless content is set",
  })
  .superRefine(({ path, type }, context) => {
    const fault = type === "DIRECTORY" ? folderPathFault(path) : filePathFault(path);
    if (fault !== undefined && pathFault(path) === undefined)
      context.addIssue({ code: "custom", path: ["path"], message: fault });
  })
  .openapi("tesInput");

const output = z
  .object({
    name: name.optional(),
    description: description.optional(),
    url: locationWith((value) => (value === "" ? "Must not be empty" : undefined)).describe(
      "Where it goes to: s3, http(s), ftp(s), or a file that the operator shares; with wildcards in path, a folder",
    ),
    path: path.describe("Absolute path in the containers. May hold the wildcards * ? [] of POSIX"),
    path_prefix: location
      .optional()
      .describe("What is cut off each match before the rest is appended to url. Required with wildcards"),
    type: fileType,
  })
  .refine((value) => !hasWildcards(value.path) || value.path_prefix !== undefined, {
    path: ["path_prefix"],
    error: "Required when path contains wildcards",
  })
  .superRefine(({ path, path_prefix, type }, context) => {
    const { folder, patterns } = searchOf(outputPath(path));
    const wildcard = patterns.length > 0;
    // Without wildcards it is ignored, so nothing can be wrong with it.
    const prefixFault = wildcard && path_prefix !== undefined ? faultOfPrefix(path, path_prefix) : undefined;
    if (prefixFault !== undefined)
      context.addIssue({ code: "custom", path: ["path_prefix"], message: prefixFault });
    const isFolder = wildcard || type === "DIRECTORY";
    const fault = isFolder ? folderPathFault(folder) : filePathFault(folder);
    if (fault !== undefined && pathFault(path) === undefined)
      context.addIssue({ code: "custom", path: ["path"], message: fault });
  })
  .openapi("tesOutput");

function faultOfPrefix(path: string, prefix: string): string | undefined {
  const isText = path.startsWith(prefix);
  const fault = pathFault(prefix);
  if (fault !== undefined && isText) return fault;
  if (prefix.startsWith("/") && pathPrefixOf(outputPath(path), prefix) !== undefined) return fault;
  return isText
    ? "Must end before the first wildcard of path: what comes up begins with it, letter by letter"
    : "Must be a prefix of path";
}

const tooLongArgument = `Must be at most ${limits.argumentBytesMax} bytes, the kernel's limit for one argument`;
const argument = textWith((value) =>
  bytesFault(value, limits.argumentBytesMax) === undefined ? textFault(value) : tooLongArgument,
);

/** What the kernel can hand to a process: a shell cannot hold all of it, and none is in the way. */
const environment = z
  .record(
    z
      .string()
      .refine((name) => name !== "" && !name.includes("="), { error: 'Must not be empty or hold "="' })
      .refine((name) => !name.includes("\0") && name.isWellFormed(), {
        error: "Must not hold a NUL character or half a surrogate pair",
      })
      .refine((name) => utf8Bytes(name) <= limits.argumentBytesMax, {
        error: `Must be at most ${limits.argumentBytesMax} bytes`,
      }),
    argument,
  )
  .refine((variables) => Object.keys(variables).length <= limits.environmentMax, {
    error: `Must be at most ${limits.environmentMax} variables`,
  });

const executor = z
  .object({
    image: name
      .regex(/^\S+$/, { error: "Must be the name of a container image" })
      .describe("Name of a container image, as Kubernetes takes it"),
    command: z
      .array(argument)
      .min(1, { error: "Must have at least one element" })
      .max(limits.argumentsMax, { error: `Must have at most ${limits.argumentsMax} elements` })
      .describe("Program and arguments. No shell sees them"),
    workdir: path
      .optional()
      .describe(
        "Made if it is not there. Every user can write to it in /tmp, /var/tmp and /scratch and where volumes, inputs or outputs lie, elsewhere only root. By default the image's own",
      ),
    stdin: redirect.optional().describe("Absolute path of a file to read as stdin"),
    stdout: redirect
      .optional()
      .describe("Absolute path of a file that stdout is written to, besides the log"),
    stderr: redirect
      .optional()
      .describe("Absolute path of a file that stderr is written to, besides the log"),
    env: environment
      .optional()
      .describe("Environment variables, of any name without =; values are taken literally"),
    ignore_error: z.boolean().optional().describe("Whether the next executor runs although this one failed"),
  })
  .openapi("tesExecutor");

/** More than any machine has, and no more than Kubernetes can write down. */
const amount = z.number().nonnegative().max(limits.amountMax).openapi({ format: "double" });
const flag = z.boolean().openapi({ format: "boolean" });

const resources = z
  .object({
    // 1.1 says integer; fractions are the 1.2 draft's, and Kubernetes can honour them.
    cpu_cores: amount.optional().describe("CPUs to request; may be a fraction"),
    preemptible: flag.optional().describe("Whether the task may run where it may be stopped at any time"),
    ram_gb: amount.optional().describe("Memory to request, in units of 1024 MiB"),
    disk_gb: amount.optional().describe("Disk to request, in units of 1024 MiB"),
    zones: z
      .array(textWith((value) => textFault(value) ?? (isLabelValue(value) ? undefined : labelValueFault)))
      .max(limits.zonesMax)
      .optional()
      .describe("Zones to run in, any of them"),
    backend_parameters: z
      .record(name, upTo(limits.parameterBytesMax))
      .refine((parameters) => Object.keys(parameters).length <= limits.backendParametersMax, {
        error: `Must be at most ${limits.backendParametersMax} parameters`,
      })
      .optional()
      .describe("Further wishes; service-info lists the keys that are known, case does not matter"),
    backend_parameters_strict: flag
      .optional()
      .openapi({ default: false })
      .describe("Whether a key that is not known is an error instead of a warning"),
  })
  .openapi("tesResources");

const volume = locationWith(folderPathFault);

/** The fields a client sends. */
export const taskFields = z.object({
  name: name.optional(),
  description: description.optional(),
  inputs: z
    .array(input)
    .max(limits.inputsMax)
    .optional()
    .describe("Files that are there before the first executor"),
  outputs: z
    .array(output)
    .max(limits.outputsMax)
    .optional()
    .describe("Files that are uploaded after the last executor, also if it failed"),
  resources: resources.optional(),
  executors: z
    .array(executor)
    .min(1, { error: "Must have at least one executor" })
    .max(limits.executorsMax, { error: `Must have at most ${limits.executorsMax} executors` })
    .describe("What runs, one after the other; an error ends the task"),
  volumes: z
    .array(volume)
    .max(limits.volumesMax)
    .optional()
    .describe("Folders that all executors share, empty at first"),
  tags: z
    .record(upTo(limits.tagKeyBytesMax), upTo(limits.tagValueBytesMax))
    .refine((tags) => Object.keys(tags).length <= limits.tagsMax, {
      error: `Must be at most ${limits.tagsMax} tags`,
    })
    .optional()
    .describe("Keys and values of the user's own; lists can be filtered by them"),
});

const lists = { inputs: taskFields.shape.inputs.unwrap(), outputs: taskFields.shape.outputs.unwrap() };

/** Of what a body may hold thousands of, each element's schema, so that they can be read a few at a time. */
export const fileSchemas = { inputs: lists.inputs.element, outputs: lists.outputs.element } as const;
export const executorSchema = taskFields.shape.executors.element;

export type Task = z.infer<typeof taskFields>;
export type Executor = Task["executors"][number];
export type Input = NonNullable<Task["inputs"]>[number];
export type Resources = NonNullable<Task["resources"]>;
