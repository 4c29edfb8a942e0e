/** `GET /v1/jobs/export`: all jobs that the filters find, one JSON document or one CSV row a line, at constant memory. */
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";
import type { Job } from "../../contract/job.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers } from "../schema/answers.ts";
import { jobFiltersOf, JobQuery, moreJobParameters } from "../schema/job-query.ts";
import { jobCsvHead, jobCsvRow } from "../../text/job-csv.ts";
import { untilGone } from "../waiting.ts";

/** The report goes in as the text it is stored as; null when the job has none. */
function line(job: Job, report: string | null | undefined): string {
  const text = JSON.stringify(job);
  return report === undefined ? `${text}\n` : `${text.slice(0, -1)},"report":${report ?? "null"}}\n`;
}

const bytesAtOnce = 65_536;

/** Lines together until they are worth a write of their own; others are answered between two of these. */
async function* together(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let text = "";
  for await (const each of lines) {
    text += each;
    if (text.length < bytesAtOnce) continue;
    yield text;
    text = "";
    await setImmediate();
  }
  if (text !== "") yield text;
}

export function jobExportRoute(app: App, { jobs, reports }: Dependencies, closing: AbortSignal): void {
  const include = Type.Enum(["report"], { description: "Adds the member `report`: the whole report, or null." });
  const format = Type.Enum(["ndjson", "csv"], {
    default: "ndjson",
    description: "`csv` has a head line; texts that a spreadsheet would run begin with an apostrophe.",
  });
  const query = Type.Object(
    { ...JobQuery.properties, include: Type.Optional(include), format: Type.Optional(format) },
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
        response: answers(
          { 200: { description: "A job a line.", content: { "application/x-ndjson": { schema: Type.String() }, "text/csv": { schema: Type.String() } } } },
          "invalid_parameter",
        ),
      },
    },
    async (request, reply) => {
      const { project } = request.caller;
      const withReports = request.query.include === "report";
      const csv = request.query.format === "csv";
      if (csv && withReports) throw new Failure("invalid_parameter", "include=report does not go into format=csv; leave one of them out.");
      const found = jobs.iterate(project, jobFiltersOf(request.query));
      const present = untilGone(reply, closing);
      async function* lines(): AsyncGenerator<string> {
        using here = present;
        if (csv) yield jobCsvHead;
        for await (const job of found) {
          if (here.signal.aborted) return;
          yield csv ? jobCsvRow(job) : line(job, withReports ? await reports.text(job.id) : undefined);
        }
      }
      return reply
        .type(csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson; charset=utf-8")
        .send(Readable.from(together(lines()), { objectMode: false, highWaterMark: bytesAtOnce }));
    },
  );
}
