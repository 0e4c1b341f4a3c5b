// The published OpenAPI document against that of TES 1.1.0, and the check that every answer in these tests is held against.
import { describe, expect, test } from "bun:test";
import { base, given } from "./given.ts";
import {
  answerFaults,
  type Document,
  faultsOf,
  type Operation,
  type Parameter,
  resolve,
  type Schema,
  spec,
} from "./spec.ts";

await using app = given();
const { body } = await app.ask("GET", "/openapi.json");
const own = body as Document;

/** What is published otherwise than in 1.1.0, and why. */
const deviations: Readonly<Record<string, object>> = {
  // A fraction is taken, as the draft of 1.2 has it.
  "tesResources.cpu_cores": { type: "number", format: "double" },
};

type Flat = Readonly<Record<string, unknown>>;

/** What a schema demands, without its words and bounds. A named schema inside is its name. */
function flat(schema: Schema, document: Document): Flat {
  if (schema.$ref !== undefined) {
    const name = nameOf(schema);
    return { schema: name === "ServiceType" ? "tesServiceType" : name };
  }
  const {
    type,
    format,
    enum: choices,
    default: fallback,
    readOnly,
    required,
    properties,
  } = resolve(schema, document);
  const flats = Object.entries(properties ?? {}).map(
    ([key, property]) => [key, flat(property, document)] as const,
  );
  return {
    type,
    format,
    default: fallback,
    readOnly: readOnly ?? false,
    enum: choices?.toSorted(),
    required: (required ?? []).toSorted(),
    properties: Object.fromEntries(flats),
    ...(schema.items === undefined ? {} : { items: flat(schema.items, document) }),
    ...(schema.additionalProperties === undefined
      ? {}
      : { map: flat(schema.additionalProperties, document) }),
  };
}

const nameOf = ({ $ref }: Schema): string => $ref?.split("/").at(-1) ?? "";

const pathsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );

const operationAt = (document: Document, route: string): Operation => {
  const [method = "", path = ""] = route.split(" ");
  const operation = document.paths[path]?.[method];
  if (operation === undefined) throw new Error(`There is no ${route}`);
  return operation;
};

/** Ours may have more headers. */
function parametersOf(document: Document, { parameters = [] }: Operation): Flat[] {
  return parameters
    .map((parameter): Parameter => {
      const shared = parameter.$ref?.split("/").at(-1);
      return (shared === undefined ? undefined : document.components.parameters?.[shared]) ?? parameter;
    })
    .filter((parameter) => parameter.in !== "header")
    .map(({ name, in: place, required, schema }) => ({
      name,
      place,
      required: required ?? false,
      // By what it is, not by its name: one of the documents names it, the other writes it out.
      ...flat(resolve(schema, document), document),
      // Only of use in answers, and a bound that the specification has in words only.
      readOnly: false,
      default: name === "view" ? schema.default : undefined,
    }))
    .toSorted((one, other) => one.name.localeCompare(other.name));
}

describe("the published document", () => {
  test("is served at the spec's base and has its operations, no more and no less", () => {
    expect(own.servers).toEqual(spec.servers as Document["servers"][number][]);
    expect(pathsOf(own).toSorted()).toEqual(pathsOf(spec).toSorted());
  });

  test.each(pathsOf(spec))("%s: id, tag, parameters, body, answer", (route) => {
    const [ours, theirs] = [operationAt(own, route), operationAt(spec, route)];
    expect([ours.operationId, ours.tags]).toEqual([theirs.operationId, [...theirs.tags]]);
    expect(parametersOf(own, ours)).toEqual(parametersOf(spec, theirs));
    expect(ours.requestBody?.required).toEqual(theirs.requestBody?.required);
    const json = (content?: Operation["requestBody"]) => content?.content?.["application/json"]?.schema.$ref;
    expect(json(ours.requestBody)).toEqual(json(theirs.requestBody));
    expect(json(ours.responses["200"])).toEqual(json(theirs.responses["200"]) ?? "");
  });

  test("has the spec's schemas, and one for errors", () => {
    const names = Object.keys(own.components.schemas).toSorted();
    expect(names).toEqual([...Object.keys(spec.components.schemas), "Problem"].toSorted());
  });

  test.each(Object.keys(spec.components.schemas))(
    "%s: the same fields, types, formats and choices",
    (name) => {
      const ofDocument = (document: Document) => {
        const schema = resolve({ $ref: `#/components/schemas/${name}` }, document);
        const { properties, ...rest } = flat(schema, document) as { properties: Record<string, Flat> };
        return { ...rest, properties: new Map(Object.entries(properties)) };
      };
      const [ours, theirs] = [ofDocument(own), ofDocument(spec)];
      expect({ ...ours, properties: [...ours.properties.keys()].toSorted() }).toEqual({
        ...theirs,
        properties: [...theirs.properties.keys()].toSorted(),
      });
      for (const [key, property] of theirs.properties) {
        expect({ key, ...ours.properties.get(key) }).toEqual({
          key,
          ...property,
          ...deviations[`${name}.${key}`],
        });
      }
    },
  );

  test("describes every operation, parameter, and field that is not plain", () => {
    const plain = new Set([
      "name",
      "description",
      "id",
      "type",
      "contactUrl",
      "documentationUrl",
      "createdAt",
    ]);
    const plainToo = new Set(["updatedAt", "environment", "group", "artifact", "message", "outputs"]);
    const fields = Object.entries(own.components.schemas).flatMap(([name, { properties = {} }]) =>
      Object.entries(properties).map(([key, property]) => ({ name: `${name}.${key}`, key, property })),
    );
    const bare = fields.filter(
      ({ key, property }) =>
        !("description" in property) && property.$ref === undefined && !plain.has(key) && !plainToo.has(key),
    );
    expect(bare.map(({ name }) => name)).toEqual([]);
    const operations = pathsOf(own).map((route) => operationAt(own, route));
    expect(operations.filter((operation) => !("summary" in operation))).toEqual([]);
    expect(fields.length).toBeGreaterThan(50);
  });
});

describe("an answer is held against the specification", () => {
  const whole = { id: "a", state: "QUEUED", executors: [{ image: "i", command: ["c"] }] };
  test.each<{ title: string; view: string; body: unknown; faults: string[] }>([
    { title: "as it should be", view: "FULL", body: whole, faults: [] },
    { title: "no executors", view: "FULL", body: { id: "a" }, faults: ["body.executors is missing"] },
    { title: "a field more", view: "FULL", body: { ...whole, x: 1 }, faults: ["body.x is unknown"] },
    { title: "a null", view: "FULL", body: { ...whole, name: null }, faults: ["body.name is no string"] },
    {
      title: "a state that there is not",
      view: "FULL",
      body: { ...whole, state: "DONE" },
      faults: ['body.state is "DONE"'],
    },
    {
      title: "a time without a zone",
      view: "FULL",
      body: { ...whole, creation_time: "2026-01-02T03:04:05" },
      faults: ["body.creation_time is no time in UTC"],
    },
    {
      title: "a number for a size, no exit code, in a list",
      view: "FULL",
      body: {
        ...whole,
        logs: [{ logs: [{}], outputs: [{ url: "u", path: "/p", size_bytes: 1 }] }],
      },
      faults: [
        "body.logs[0].logs[0].exit_code is missing",
        "body.logs[0].outputs[0].size_bytes is no string",
      ],
    },
    { title: "more than MINIMAL", view: "MINIMAL", body: whole, faults: ["body.executors is unknown"] },
    {
      title: "content in BASIC",
      view: "BASIC",
      body: { ...whole, inputs: [{ path: "/a", content: "x" }] },
      faults: ['BASIC holds "content":'],
    },
  ])("$title", ({ view, body: task, faults }) => {
    expect(answerFaults("GET", `${base}/tasks/a?view=${view}`, 200, task)).toEqual(faults);
  });

  test("service-info has the fields of two documents", () => {
    const schema = { $ref: "#/components/schemas/tesServiceInfo" };
    const info = {
      id: "a",
      name: "n",
      type: { group: "g", artifact: "wes", version: "v" },
      organization: { name: "o", url: "no url" },
      version: "1",
    };
    expect(faultsOf(info, schema, spec)).toEqual([
      'body.type.artifact is "wes"',
      "body.organization.url is no URL",
    ]);
  });

  test("an error is one in our form, and 201 is none of TES", () => {
    expect(answerFaults("GET", `${base}/tasks/a`, 404, { detail: "x" })).toEqual([
      "body.status is missing",
      "body.message is missing",
      "body.detail is unknown",
    ]);
    expect(answerFaults("PUT", `${base}/tasks`, 200, {})).toEqual([
      "PUT /tasks is no operation, and was answered 200",
    ]);
  });
});
