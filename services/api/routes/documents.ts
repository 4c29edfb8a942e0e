/** The pages: what this is, `/openapi.json`, and `/docs` beside it. */
import swaggerUi from "@fastify/swagger-ui";
import { Type } from "typebox";
import { homeHtml, homePolicy, homeText } from "../../web/home-page.ts";
import { submitScript } from "../../web/submit-script.ts";
import type { App } from "../app-type.ts";
import { negotiate } from "../http/accept.ts";
import { json, openAnswers } from "../schema/answers.ts";

/** Swagger UI sets styles from its script and draws its icons from `data:`; nothing comes from another host. */
const docsPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The address that the caller used, for lines to copy. */
const baseOf = (host: string | undefined, protocol: string) => `${protocol}://${/^[\w.:[\]-]{1,255}$/.test(host ?? "") ? host : "127.0.0.1:8080"}`;

export async function documentRoutes(app: App): Promise<void> {
  app.get(
    "/",
    {
      schema: {
        operationId: "home",
        summary: "What this is and how to begin",
        tags: ["operations"],
        response: openAnswers({
          200: { description: "A page.", content: { "text/plain": { schema: Type.String() }, "text/html": { schema: Type.String() } } },
        }),
      },
    },
    async (request, reply) => {
      const base = baseOf(request.headers.host, request.protocol);
      reply.header("vary", "Accept");
      if (negotiate(request.headers.accept, ["text/plain", "text/html"]) === "text/html") {
        return reply.header("content-security-policy", homePolicy).type("text/html; charset=utf-8").send(homeHtml(base));
      }
      return reply.type("text/plain; charset=utf-8").send(homeText(base));
    },
  );

  app.get(
    "/submit.py",
    {
      schema: {
        operationId: "submitScript",
        summary: "The client for the machine that crashed",
        description:
          "One file of standard-library Python (3.6 or newer): `curl -s …/submit.py | python3 - CORE` sends the core and the binaries that are missing here.",
        tags: ["operations"],
        response: openAnswers({ 200: { description: "Python.", content: { "text/x-python": { schema: Type.String() } } } }),
      },
    },
    async (request, reply) =>
      reply
        .header("vary", "Host")
        .header("cache-control", "no-cache")
        .type("text/x-python; charset=utf-8")
        .send(submitScript(baseOf(request.headers.host, request.protocol))),
  );

  app.get(
    "/openapi.json",
    {
      schema: {
        operationId: "openapi",
        summary: "This document",
        tags: ["operations"],
        response: openAnswers({ 200: json("OpenAPI 3.1.", Type.Object({}, { additionalProperties: true })) }),
      },
    },
    async (_request, reply) => reply.type("application/json; charset=utf-8").send(JSON.stringify(app.swagger())),
  );

  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: docsPolicy, uiConfig: { deepLinking: true, tryItOutEnabled: true } });
}
