/** `/openapi.json`: the contract's full form, made of the schemas that validate and serialise. */
import swagger from "@fastify/swagger";
import type { TSchema } from "typebox";
import { Binary } from "../../contract/binary.ts";
import { Bulk } from "../../contract/bulk.ts";
import { BulkChange } from "../../contract/bulk-change.ts";
import { Comparison } from "../../contract/comparison.ts";
import { Group, GroupSummary } from "../../contract/group.ts";
import { JobStats } from "../../contract/stats.ts";
import { Job } from "../../contract/job.ts";
import { Limits } from "../../contract/limits.ts";
import { Problem } from "../../contract/problem.ts";
import { Report } from "../../contract/report.ts";
import { Sarif } from "../../contract/sarif.ts";
import { Delivery, DeliveryDetail, Told, Webhook } from "../../contract/webhook.ts";
import type { App } from "../app-type.ts";
import { scopesOf } from "../auth/caller.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The body of a route that reads its stream itself, for OpenAPI only. */
    body?: { readonly content: Readonly<Record<string, { readonly schema: TSchema }>> };
    /** Query parameters that a schema cannot name one by one (`label.NAME`), for OpenAPI only. */
    moreParameters?: Readonly<Record<string, TSchema>>;
  }
}

const tags = [
  { name: "bulk", description: "Many cores or jobs at once." },
  { name: "jobs", description: "A core, its analysis and its report." },
  { name: "uploads", description: "Cores over bad links: resumable uploads by the tus protocol." },
  { name: "groups", description: "Crashes that are alike, and what people say of them." },
  { name: "webhooks", description: "Who is told when jobs end and groups are new, regress or grow." },
  { name: "binaries", description: "Executables, libraries and debug files, by GNU build-id." },
  { name: "debuginfod", description: "debuginfod's own protocol: `DEBUGINFOD_URLS` may name this service." },
  { name: "operations", description: "How the service is." },
];

const properties = (schema: unknown): object =>
  typeof schema === "object" && schema !== null && "properties" in schema && typeof schema.properties === "object" ? (schema.properties ?? {}) : {};

export async function describeApi(app: App, version: string): Promise<void> {
  for (const schema of [
    Binary,
    Bulk,
    BulkChange,
    Comparison,
    Delivery,
    DeliveryDetail,
    Group,
    GroupSummary,
    Job,
    JobStats,
    Limits,
    Problem,
    Report,
    Sarif,
    Told,
    Webhook,
  ])
    app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Inquest",
        version,
        description:
          "Post-mortem service for Python: core dumps in, merged C and Python backtraces out. Every error is RFC 9457 problem details; `code` is stable, and `type` leads to its explanation. A value that is not known is null, never left out; new fields and new enum values may appear in any release.",
        license: { name: "MIT" },
      },
      servers: [{ url: "/" }],
      tags,
      components: {
        securitySchemes: {
          token: {
            type: "http",
            scheme: "bearer",
            description: "Only where tokens are configured. The roles of a call are the scopes that it needs; `admin` holds all.",
          },
        },
      },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => (typeof json["$id"] === "string" ? json["$id"] : `schema-${index}`) },
    transform: ({ schema, url, route }) => {
      const { scope, body, moreParameters } = route.config ?? {};
      const { querystring } = schema ?? {};
      return {
        url,
        schema: {
          ...schema,
          ...(scope === undefined ? {} : { security: scopesOf(scope).map((each) => ({ token: [each] })) }),
          ...(body === undefined ? {} : { body }),
          ...(moreParameters === undefined ? {} : { querystring: { type: "object", properties: { ...properties(querystring), ...moreParameters } } }),
        },
      };
    },
  });
}
