/** `GET /v1/jobs/export`: all jobs that the filters find, one JSON document a line, at constant memory. */
import { Readable } from "node:stream";
import { Type } from "typebox";
import type { Job } from "../../contract/job.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers } from "../schema/answers.ts";
import { jobFiltersOf, JobQuery, moreJobParameters } from "../schema/job-query.ts";
import { untilGone } from "../waiting.ts";

/** The report goes in as the text it is stored as; null when the job has none. */
function line(job: Job, report: string | null | undefined): string {
  const text = JSON.stringify(job);
  return report === undefined ? `${text}\n` : `${text.slice(0, -1)},"report":${report ?? "null"}}\n`;
}

export function jobExportRoute(app: App, { jobs, reports }: Dependencies, closing: AbortSignal): void {
  const include = Type.Enum(["report"], { description: "Adds the member `report`: the whole report, or null." });
  const query = Type.Object(
    { ...JobQuery.properties, include: Type.Optional(include) },
    { patternProperties: JobQuery.patternProperties, additionalProperties: false },
  );
  app.get(
    "/v1/jobs/export",
    {
      config: { scope: "read", moreParameters: moreJobParameters },
      schema: {
        operationId: "exportJobs",
        summary: "Jobs as a stream of lines",
        description: "The filters of the list; newest first.",
        tags: ["jobs"],
        querystring: query,
        response: answers({ 200: { description: "A job a line.", content: { "application/x-ndjson": { schema: Type.String() } } } }, "invalid_parameter"),
      },
    },
    async (request, reply) => {
      const { project } = request.caller;
      const withReports = request.query.include === "report";
      const found = jobs.iterate(project, jobFiltersOf(request.query));
      const present = untilGone(reply, closing);
      async function* lines(): AsyncGenerator<string> {
        using here = present;
        for await (const job of found) {
          if (here.signal.aborted) return;
          yield line(job, withReports ? await reports.text(job.id) : undefined);
        }
      }
      return reply.type("application/x-ndjson; charset=utf-8").send(Readable.from(lines()));
    },
  );
}
