// The TES 1.1.0 document as data, and whether an answer is as its schemas say, with no field that they lack.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** As much of OpenAPI as the two specifications and our own document use. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly readOnly?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly allOf?: readonly Schema[];
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

export interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses: Readonly<Record<string, Content>>;
}

export interface Document {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly parameters?: Readonly<Record<string, Parameter>>;
  };
}

const folder = join(import.meta.dir, "spec");
const load = (name: string): Document => JSON.parse(readFileSync(join(folder, name), "utf8")) as Document;

export const spec = load("tes-1.1.0.json");
const serviceInfo = load("ga4gh-service-info-1.0.0.json");

/** A schema with its reference followed and its allOf merged; references inside stay. */
export function resolve(schema: Schema, document: Document): Schema {
  if (schema.$ref !== undefined) {
    const [file = "", pointer = ""] = schema.$ref.split("#");
    const target = file === "" ? document : serviceInfo;
    const name = pointer.split("/").at(-1) ?? "";
    const found = target.components.schemas[name];
    if (found === undefined) throw new Error(`There is no schema "${schema.$ref}"`);
    return resolve(inFile(found, file), document);
  }
  if (schema.allOf === undefined) return schema;
  const { allOf, ...own } = schema;
  const parts = [...allOf.map((part) => resolve(part, document)), own];
  return {
    ...Object.assign({}, ...parts),
    required: [...new Set(parts.flatMap(({ required = [] }) => required))],
    properties: Object.assign({}, ...parts.map(({ properties = {} }) => properties)),
  } as Schema;
}

/** References of another file, as seen from ours. */
const inFile = (schema: Schema, file: string): Schema =>
  file === ""
    ? schema
    : (JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#', `"$ref":"${file}#`)) as Schema);

/** Every way in which the value is not as the schema says, each with its path. Empty if it is. */
export function faultsOf(value: unknown, given: Schema, document: Document, path = "body"): string[] {
  const schema = resolve(given, document);
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return [`${path} is ${JSON.stringify(value)}`];
  switch (schema.type) {
    case "object":
      return objectFaults(value, schema, document, path);
    case "array":
      if (!Array.isArray(value)) return [`${path} is no array`];
      return value.flatMap((item, index) =>
        faultsOf(item, schema.items ?? {}, document, `${path}[${index}]`),
      );
    case "integer":
      return Number.isInteger(value) || isFraction(value, path) ? [] : [`${path} is no integer`];
    case undefined:
      return [`${path} has no type in the schema`];
    default: {
      if (typeof value !== schema.type) return [`${path} is no ${schema.type}`];
      return formatFaults(value, schema, path);
    }
  }
}

/** The one deviation: who asks for a fraction of a CPU, as the draft of 1.2 allows, is answered what was asked for. */
const isFraction = (value: unknown, path: string): boolean =>
  typeof value === "number" && path.endsWith(".resources.cpu_cores");

function formatFaults(value: unknown, { format }: Schema, path: string): string[] {
  if (format === "int64" && !/^\d+$/.test(String(value))) return [`${path} is no int64`];
  if (format === "uri" && !URL.canParse(String(value))) return [`${path} is no URL`];
  if (path.endsWith("_time") && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(value)))
    return [`${path} is no time in UTC`];
  return [];
}

function objectFaults(value: unknown, schema: Schema, document: Document, path: string): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path} is no object`];
  const missing = (schema.required ?? []).filter((key) => !Object.hasOwn(value, key));
  const faults = Object.entries(value).flatMap(([key, item]) => {
    const property = schema.properties?.[key] ?? schema.additionalProperties;
    return property === undefined
      ? [`${path}.${key} is unknown`]
      : faultsOf(item, property, document, `${path}.${key}`);
  });
  return [...missing.map((key) => `${path}.${key} is missing`), ...faults];
}

/** What MINIMAL answers, which lacks what the schema of the specification requires of a whole task. */
const minimal: Schema = {
  type: "object",
  required: ["id", "state"],
  properties: { id: { type: "string" }, state: { $ref: "#/components/schemas/tesState" } },
};

const problem: Schema = {
  type: "object",
  required: ["status", "message"],
  properties: {
    status: { type: "integer" },
    message: { type: "string" },
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["path", "message"],
        properties: { path: { type: "string" }, message: { type: "string" } },
      },
    },
  },
};

/** The fields that views leave out, wherever they are. */
const hidden = /"(?:content|stdout|stderr|system_logs)":/;

/** What is wrong with an answer to a request for TES, by the specification. Paths outside of TES are not looked at. */
export function answerFaults(method: string, url: string, status: number, body: unknown): string[] {
  const { pathname, searchParams } = new URL(url, "http://host");
  const path = /^(?:\/ga4gh\/tes)?\/v1(\/.*)$/.exec(pathname)?.[1];
  if (path === undefined || method === "HEAD" || status === 204 || status === 304) return [];
  if (status !== 200) return faultsOf(body, problem, spec);
  const operation = operationOf(method.toLowerCase(), path);
  const schema = operation?.responses["200"]?.content?.["application/json"]?.schema;
  if (schema === undefined) return [`${method} ${path} is no operation, and was answered 200`];
  const view = searchParams.get("view") || "MINIMAL";
  return [
    ...faultsOf(body, viewed(operation?.operationId, view, schema), spec),
    ...viewFaults(operation, view, body),
  ];
}

function viewed(operationId: string | undefined, view: string, schema: Schema): Schema {
  if (view !== "MINIMAL" || (operationId !== "GetTask" && operationId !== "ListTasks")) return schema;
  if (operationId === "GetTask") return minimal;
  const list = resolve(schema, spec);
  return { ...list, properties: { ...list.properties, tasks: { type: "array", items: minimal } } };
}

function viewFaults(operation: Operation | undefined, view: string, body: unknown): string[] {
  if (view !== "BASIC" || operation === undefined) return [];
  const withoutExecutors = JSON.stringify(body, (key, value) => (key === "executors" ? undefined : value));
  const found = hidden.exec(withoutExecutors);
  return found === null ? [] : [`BASIC holds ${found[0]}`];
}

function operationOf(method: string, path: string): Operation | undefined {
  if (path === "/service-info" || path === "/tasks") return spec.paths[path]?.[method];
  const isCancel = /(?::|%3a)cancel$/i.test(path);
  return spec.paths[isCancel ? "/tasks/{id}:cancel" : "/tasks/{id}"]?.[method];
}
