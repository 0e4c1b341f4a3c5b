// The OpenAPI document of what is served, for programs at /openapi.json and for people at /docs.
import type { OpenAPIHono } from "@hono/zod-openapi";
import { answer, etagOf, publicCache } from "./answer.ts";
import { type ApiDocument, docsPage } from "./docs-page.ts";

/**
 * Adds both, and the way from "/" to the page. The document is that of `tes`, made when first asked for. `remarks` are what
 * clients of this installation should know besides.
 */
export function addDocumentRoutes(
  app: OpenAPIHono,
  tes: OpenAPIHono,
  { base, remarks }: { readonly base: string; readonly remarks: string },
): void {
  let made: { readonly json: string; readonly page: string } | undefined;
  async function documents() {
    if (made !== undefined) return made;
    const document = tes.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "Task Execution Service",
        version: "1.1.0",
        description: `GA4GH TES 1.1 on Kubernetes, one pod for each task. ${remarks}`,
        license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
      },
      servers: [{ url: base }],
    });
    const json = JSON.stringify(document);
    made = { json, page: await docsPage(JSON.parse(json) as ApiDocument) };
    return made;
  }

  app.get("/openapi.json", async (context) => {
    const { json } = await documents();
    return answer(context, { text: json, etag: etagOf(json), cache: publicCache });
  });
  app.get("/docs", async (context) => {
    const { page } = await documents();
    // The page brings all it needs, so nothing else may be loaded or run.
    context.header(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    );
    return answer(context, {
      text: page,
      etag: etagOf(page),
      cache: publicCache,
      type: "text/html; charset=UTF-8",
    });
  });
  app.get("/", (context) => context.redirect("/docs"));
}
