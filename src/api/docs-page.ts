// docsPage: an OpenAPI document as one page of HTML, which loads nothing and runs nothing.
import { html, raw } from "hono/html";

/** As much of OpenAPI 3.1 as our own document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly readOnly?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly allOf?: readonly Schema[];
}

interface Body {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}

export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly servers?: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

type Markup = ReturnType<typeof html>;

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; color: #1b1b1f; background: #fff }
  h2 { margin-top: 3rem; border-bottom: 1px solid #ccc } h3 { margin-top: 2rem }
  code { font: 0.9em ui-monospace, monospace } a { color: #0b57a4 }
  table { border-collapse: collapse; width: 100% } caption { text-align: left; font-weight: 600; padding: 0.75rem 0 0.25rem }
  td { border-top: 1px solid #ddd; padding: 0.35rem 0.75rem 0.35rem 0; vertical-align: top }
  td:first-child { width: 14rem } td:nth-child(2) { width: 14rem }
  .method { text-transform: uppercase; font-weight: 700; margin-right: 0.5rem } small { color: #5c5c66 }
  @media (prefers-color-scheme: dark) { body { color: #e6e6ea; background: #17171a } a { color: #8ab8f0 } td, h2 { border-color: #44444c } small { color: #a0a0aa } }
`;

/** The page: operations first, then the schemas they name. */
export async function docsPage({ info, servers, paths, components }: ApiDocument): Promise<string> {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const names = Object.keys(components.schemas);
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} ${info.version}</title>
<style>${raw(style)}</style>
</head>
<body>
<h1>${info.title} <small>${info.version}</small></h1>
<p>${info.description} Served below <code>${servers?.[0]?.url}</code>. For programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>
<p>${operations.map(({ operation }) => html`<a href="#${operation.operationId}">${operation.operationId}</a> `)}</p>
<p>${names.map((name) => html`<a href="#${name}">${name}</a> `)}</p>
</nav>
<h2>Operations</h2>
${operations.map(({ path, method, operation }) => operationSection(path, method, operation))}
<h2>Schemas</h2>
${Object.entries(components.schemas).map(([name, schema]) => schemaSection(name, schema))}
</body>
</html>
`;
  return page.toString();
}

function operationSection(path: string, method: string, operation: Operation): Markup {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  return html`<section id="${operationId}">
<h3>${operationId}</h3>
<p><span class="method">${method}</span><code>${path}</code></p>
<p>${sentence(summary)} ${description}</p>
${parameters.length === 0 ? "" : table("Parameters", parameters.map(parameterRow))}
${requestBody === undefined ? "" : table("Body", [bodyRow("JSON", requestBody)])}
${table(
  "Answers",
  Object.entries(responses).map(([status, body]) => bodyRow(status, body)),
)}
</section>
`;
}

const sentence = (text: string | undefined): string => (text === undefined ? "" : `${text}.`);

const table = (caption: string, rows: readonly Markup[]): Markup =>
  html`<table><caption>${caption}</caption><tbody>${rows}</tbody></table>`;

const row = (name: string, note: string, type: Markup | string, description: string | undefined): Markup =>
  html`<tr><td><code>${name}</code>${note === "" ? "" : html` <small>${note}</small>`}</td><td>${type}</td><td>${description}</td></tr>`;

function parameterRow({ name, in: place, required, description, schema }: Parameter): Markup {
  return row(
    name,
    required ? `${place}, required` : place,
    typeOf(schema),
    description ?? schema.description,
  );
}

function bodyRow(name: string, { description, content }: Body): Markup {
  const schema = content?.["application/json"]?.schema;
  return row(name, "", schema === undefined ? "" : typeOf(schema), description);
}

function schemaSection(name: string, schema: Schema): Markup {
  const { properties = {}, required = [], description } = schema;
  const rows = Object.entries(properties).map(([key, property]) =>
    row(key, noteOf(property, required.includes(key)), typeOf(property), property.description),
  );
  return html`<section id="${name}">
<h3>${name}</h3>
<p>${description}</p>
${rows.length === 0 ? html`<p>${typeOf(schema)}</p>` : table("Fields", rows)}
</section>
`;
}

const noteOf = ({ readOnly }: Schema, isRequired: boolean): string =>
  [isRequired ? "required" : "", readOnly ? "read-only" : ""].filter((note) => note !== "").join(", ");

/** A type in words, with a link where it has a section of its own. */
function typeOf(schema: Schema): Markup {
  const name = schema.$ref?.split("/").at(-1);
  if (name !== undefined) return html`<a href="#${name}">${name}</a>`;
  const [only] = schema.allOf ?? [];
  if (only !== undefined) return typeOf(only);
  if (schema.items !== undefined) return html`list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties !== undefined) return html`map of ${typeOf(schema.additionalProperties)}`;
  if (schema.enum !== undefined) return html`${schema.enum.join(", ")}${defaultOf(schema)}`;
  if (schema.properties !== undefined) {
    return html`object of ${Object.keys(schema.properties).join(", ")}`;
  }
  const format = schema.format === undefined || schema.format === schema.type ? "" : ` (${schema.format})`;
  return html`${schema.type}${format}${defaultOf(schema)}`;
}

const defaultOf = (schema: Schema): string =>
  schema.default === undefined ? "" : `; default ${String(schema.default)}`;
