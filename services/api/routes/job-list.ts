/** `GET /v1/jobs`: newest first, filtered, page by page. */
import { type Static, Type } from "typebox";
import { Nullable } from "../../contract/common.ts";
import { Job } from "../../contract/job.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { jobFiltersOf, JobQuery, moreJobParameters } from "../schema/job-query.ts";
import { answers, json } from "../schema/answers.ts";
import { nextLink } from "../schema/next-link.ts";
import { reference } from "../schema/reference.ts";

const JobPage = Type.Object({ items: Type.Array(reference(Job)), next_cursor: Nullable(Type.String()) });

export function jobListRoute(app: App, { jobs, limits }: Dependencies): void {
  const query = Type.Object(
    {
      ...JobQuery.properties,
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_items, default: 50 })),
      cursor: Type.Optional(Type.String({ maxLength: 500, description: "`next_cursor` of the page before." })),
    },
    { patternProperties: JobQuery.patternProperties, additionalProperties: false },
  );
  app.get(
    "/v1/jobs",
    {
      config: { scope: "read", moreParameters: moreJobParameters },
      schema: {
        operationId: "listJobs",
        summary: "Jobs, newest first",
        description: "All given filters must hold.",
        tags: ["jobs"],
        querystring: query,
        response: answers(
          { 200: json("A page of jobs.", JobPage, { link: Type.String({ description: '`rel="next"`, while there is a next page.' }) }) },
          "invalid_parameter",
          "invalid_cursor",
        ),
      },
    },
    async (request, reply): Promise<Static<typeof JobPage>> => {
      const { limit = 50, cursor = null } = request.query;
      const { items, nextCursor } = await jobs.list(request.caller.project, jobFiltersOf(request.query), { limit, cursor });
      if (nextCursor !== null) reply.header("link", nextLink(request.url, nextCursor));
      return { items, next_cursor: nextCursor };
    },
  );
}
