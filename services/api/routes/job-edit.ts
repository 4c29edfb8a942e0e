/** `PATCH /v1/jobs/{id}`: what people change about a job while it stays the same job. */
import { Job, JobChange } from "../../contract/job.ts";
import { priorityOf, queuedJob } from "../../queue/queue-settings.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { etagOf, IfMatch, wantedRevision } from "../http/guarded-edit.ts";
import { answers, json } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { reference } from "../schema/reference.ts";
import { Type } from "typebox";

export function jobEditRoute(app: App, { jobs, queue, limits }: Pick<Dependencies, "jobs" | "queue" | "limits">): void {
  app.patch(
    "/v1/jobs/:id",
    {
      config: { scope: "submit" },
      schema: {
        operationId: "changeJob",
        summary: "Change a job's labels or priority",
        description: "Labels that are named are set, or taken away where they are null; the others stay. A priority counts while the job waits for a worker.",
        tags: ["jobs"],
        params: IdParameter,
        headers: IfMatch,
        body: JobChange,
        response: answers(
          { 200: json("The job as it is now.", reference(Job), { etag: Type.String() }) },
          "job_not_found",
          "precondition_failed",
          "labels_invalid",
          "invalid_body",
          "malformed_json",
          "invalid_parameter",
        ),
      },
    },
    async (request, reply): Promise<Job> => {
      const { id } = request.params;
      const stored = await jobs.edit(request.caller.project, id, request.body, wantedRevision(request.headers["if-match"]), limits);
      if (stored === null) throw noSuchJob(id);
      const { job, revision } = stored;
      // Where the queue is away the job keeps its place; the row has the priority for when it is queued again.
      if (request.body.priority !== undefined && job.status === "queued")
        await queue.setPriority(id, priorityOf(queuedJob(job))).catch((error: unknown) => request.log.warn({ err: error, job_id: id }, "priority_not_told"));
      reply.header("etag", etagOf(revision));
      return job;
    },
  );
}
