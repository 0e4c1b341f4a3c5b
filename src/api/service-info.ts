// GetServiceInfo: what this installation is and supports.
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { supportedBackendParameters } from "../tes/backend-parameters.ts";
import type { Offer } from "../tes/offer.ts";
import { answer, etagOf, publicCache } from "./answer.ts";
import { problems } from "./schemas.ts";

/** What the operator says of the installation (GA4GH service-info 1.0.0). */
export interface ServiceInfo {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly organization: { readonly name: string; readonly url: string };
  readonly contactUrl?: string;
  readonly documentationUrl?: string;
  readonly environment?: string;
  readonly storage: readonly string[];
  readonly version: string;
}

const url = z.string().openapi({ format: "uri" });
const dateTime = z.string().openapi({ format: "date-time" }).optional();

const type = z
  .object({
    group: z.string(),
    artifact: z.enum(["tes"]),
    version: z.string().describe("Of the specification"),
  })
  .openapi("tesServiceType");

/** All that the specification has, though this service says nothing of when it was made. */
const schema = z
  .object({
    id: z.string(),
    name: z.string(),
    type,
    description: z.string().optional(),
    organization: z.object({ name: z.string(), url }).describe("Who runs it"),
    contactUrl: url.optional(),
    documentationUrl: url.optional(),
    createdAt: dateTime,
    updatedAt: dateTime,
    environment: z.string().optional(),
    version: z.string().describe("Of this service"),
    storage: z.array(z.string()).optional().describe("Some of the places that inputs and outputs may be in"),
    tesResources_backend_parameters: z
      .array(z.string())
      .optional()
      .describe("The keys of backend_parameters that are known"),
  })
  .openapi("tesServiceInfo", { description: "What this installation is (GA4GH service-info 1.0.0)" });

const contract = createRoute({
  method: "get",
  path: "/service-info",
  operationId: "GetServiceInfo",
  summary: "What this installation is and supports",
  tags: ["TaskService"],
  responses: {
    200: { description: "The installation", content: { "application/json": { schema } } },
    ...problems,
  },
});

export function addServiceInfoRoute(app: OpenAPIHono, info: ServiceInfo, offer: Offer): void {
  app.openAPIRegistry.registerPath(contract);
  const text = JSON.stringify({
    ...info,
    type: { group: "org.ga4gh", artifact: "tes", version: "1.1.0" },
    tesResources_backend_parameters: supportedBackendParameters(offer),
  });
  app.get("/service-info", (context) => answer(context, { text, etag: etagOf(text), cache: publicCache }));
  addEarlierPath(app, info);
}

/**
 * Where TES 0.x had it, with what it had in it: py-tes 0.4 asks there, takes no other key, and Toil's batch system does not
 * start without an answer. No task has that id, and the published document is silent of it.
 */
function addEarlierPath(app: OpenAPIHono, { name, description, storage }: ServiceInfo): void {
  const text = JSON.stringify({ name, doc: description ?? "", storage });
  app.get("/tasks/service-info", (context) =>
    answer(context, { text, etag: etagOf(text), cache: publicCache }),
  );
}
