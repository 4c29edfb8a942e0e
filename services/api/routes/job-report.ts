/** `GET /v1/jobs/{id}/report`: for scripts as JSON, for people as text. */
import { Type } from "typebox";
import { Failure, type FailureCode } from "../../contract/failure.ts";
import type { Job } from "../../contract/job.ts";
import { Report } from "../../contract/report.ts";
import { renderText } from "../../text/render-report.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { negotiate } from "../http/accept.ts";
import { answers } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { reference } from "../schema/reference.ts";
import { waitParameter } from "../schema/wait-parameter.ts";
import { untilGone, waitForEnd } from "../waiting.ts";

/** What any call may answer with that tells of a report, under a job's id or another parameter of the path. */
export const reportRefusals: readonly FailureCode[] = [
  "job_not_found",
  "not_acceptable",
  "job_not_finished",
  "job_failed",
  "job_cancelled",
  "report_expired",
  "invalid_parameter",
];

/** Throws what keeps this job from having a report. */
export function requireReport({ id, status, error }: Job): void {
  if (status === "succeeded") return;
  if (status === "failed") throw new Failure("job_failed", `The job ${id} failed: ${error === null ? "no cause is known" : `${error.code}, ${error.detail}`}`);
  if (status === "cancelled") throw new Failure("job_cancelled", `The job ${id} was cancelled.`);
  throw new Failure("job_not_finished", `The job ${id} is ${status}.`, { retryAfter: 1 });
}

export function jobReportRoute(app: App, { jobs, reports, changes, limits }: Dependencies, closing: AbortSignal): void {
  app.get(
    "/v1/jobs/:id/report",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getReport",
        summary: "The report",
        description:
          "`Accept: text/plain` for the one that people read, `application/json` (the default) for the one scripts read. With `wait`, as soon as it is there; 409 `job_not_finished` when the time is up before.",
        tags: ["jobs"],
        params: IdParameter,
        querystring: Type.Object({ wait: waitParameter(limits, "the job has ended") }, { additionalProperties: false }),
        response: answers(
          {
            200: {
              description: "The report.",
              headers: { vary: Type.String() },
              content: { "application/json": { schema: reference(Report) }, "text/plain": { schema: Type.String() } },
            },
          },
          ...reportRefusals,
        ),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      reply.header("vary", "Accept");
      const { accept } = request.headers;
      const type = negotiate(accept, ["application/json", "text/plain"]);
      if (type === null) throw new Failure("not_acceptable", `Accept: ${accept?.slice(0, 200) ?? ""} asks for neither application/json nor text/plain.`);
      using present = untilGone(reply, closing);
      const milliseconds = (request.query.wait ?? 0) * 1_000;
      const stored = await waitForEnd({ jobs, changes, project: request.caller.project, id, milliseconds, signal: present.signal });
      if (stored === null) throw noSuchJob(id);
      requireReport(stored.job);
      reply.type(`${type}; charset=utf-8`);
      // JSON goes out as it was stored: parsing it to write it again would cost time and could only lose fields.
      const answer = type === "application/json" ? await reports.text(id) : await reports.get(id).then((report) => report && renderText(report));
      if (answer === null) throw new Failure("report_expired", `The report of the job ${id} is no longer kept.`);
      return reply.send(answer);
    },
  );
}
