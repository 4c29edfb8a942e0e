/** `GET /v1/jobs/{id}`: the job, at once or when it has ended. */
import { Type } from "typebox";
import { Job } from "../../contract/job.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { etagOf } from "../http/guarded-edit.ts";
import { answers, json } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { reference } from "../schema/reference.ts";
import { waitParameter } from "../schema/wait-parameter.ts";
import { hasEnded, untilGone, waitForEnd } from "../waiting.ts";

/** Seconds after which asking again is worth it. */
export const pollAgainSeconds = 1;

export function jobRoute(app: App, { jobs, changes, limits }: Dependencies, closing: AbortSignal): void {
  app.get(
    "/v1/jobs/:id",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getJob",
        summary: "The job",
        tags: ["jobs"],
        params: IdParameter,
        querystring: Type.Object({ wait: waitParameter(limits, "the job has ended") }, { additionalProperties: false }),
        response: answers(
          {
            200: json("The job.", reference(Job), {
              etag: Type.String({ description: "For `If-Match` of changes: it changes when people change the job." }),
              "retry-after": Type.Integer({ description: "Seconds; while the job has not ended." }),
            }),
          },
          "job_not_found",
          "invalid_parameter",
        ),
      },
    },
    async (request, reply): Promise<Job> => {
      const { id } = request.params;
      using present = untilGone(reply, closing);
      const milliseconds = (request.query.wait ?? 0) * 1_000;
      const stored = await waitForEnd({ jobs, changes, project: request.caller.project, id, milliseconds, signal: present.signal });
      if (stored === null) throw noSuchJob(id);
      reply.header("etag", etagOf(stored.revision));
      if (!hasEnded(stored.job.status)) reply.header("retry-after", pollAgainSeconds);
      return stored.job;
    },
  );
}
