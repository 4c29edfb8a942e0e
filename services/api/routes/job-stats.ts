/** `GET /v1/stats`: counts of jobs by any of their fields, and by spans of time. */
import { Type } from "typebox";
import { JobStats } from "../../contract/stats.ts";
import { statsFields } from "../../storage/job-stats.ts";
import { spanPattern } from "../../storage/time-spans.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, json } from "../schema/answers.ts";
import { jobFiltersOf, JobQuery, moreJobParameters } from "../schema/job-query.ts";
import { reference } from "../schema/reference.ts";

const mostRows = 1_000;

const query = Type.Object(
  {
    ...JobQuery.properties,
    by: Type.String({
      minLength: 1,
      maxLength: 2_000,
      description: `Fields with commas between them: ${statsFields.join(", ")}.`,
      examples: ["signature,label.release"],
    }),
    interval: Type.Optional(
      Type.String({ pattern: spanPattern, description: "`1h`, `1d`, `1w`, or several: also counts by such spans, in UTC; weeks begin on Mondays." }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: mostRows, default: 100, description: "Rows; the largest are told, the rest together as `other`." }),
    ),
  },
  { patternProperties: JobQuery.patternProperties, additionalProperties: false },
);

export function jobStatsRoute(app: App, { jobs }: Pick<Dependencies, "jobs">): void {
  app.get(
    "/v1/stats",
    {
      config: { scope: "read", moreParameters: moreJobParameters },
      schema: {
        operationId: "getStats",
        summary: "Counts of jobs",
        description:
          "Of the jobs that the filters leave. Fields of which a job may have many values (diagnosis, extension, function, file) count it once for each.",
        tags: ["jobs"],
        querystring: query,
        response: answers({ 200: json("The counts.", reference(JobStats)) }, "invalid_parameter"),
      },
    },
    async (request): Promise<JobStats> => {
      const { by: fields, interval = null, limit = 100 } = request.query;
      const by = fields.split(",").map((field) => field.trim());
      const { total, rows, other } = await jobs.stats(request.caller.project, jobFiltersOf(request.query), { by, interval, limit });
      const spans = (counts: readonly { readonly start: string; readonly count: number }[] | null) => (counts === null ? null : [...counts]);
      return {
        by,
        interval,
        total,
        rows: rows.map(({ values, title, count, spans: own }) => ({
          values: Object.fromEntries(by.map((field, index) => [field, values[index] ?? null])),
          title,
          count,
          spans: spans(own),
        })),
        other: { ...other, spans: spans(other.spans) },
      };
    },
  );
}
