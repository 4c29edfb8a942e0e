/** What users change about a job that exists: analyse it again, or delete it. */
import { Type } from "typebox";
import { Job } from "../../contract/job.ts";
import { OptionList, parseOptions } from "../../contract/job-options.ts";
import type { App } from "../app-type.ts";
import { queuedJob } from "../../queue/queue-settings.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, empty, json } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { reference } from "../schema/reference.ts";

/** These calls have no body; one that comes all the same is not read. */
export function ignoreBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null, null));
}

export function jobChangesRoutes(app: App, { jobs, queue, changes, sweepBlobs }: Dependencies): void {
  ignoreBodies(app);

  app.post(
    "/v1/jobs/:id/reanalyze",
    {
      config: { scope: "submit" },
      schema: {
        operationId: "reanalyzeJob",
        summary: "Analyse the core again",
        description:
          "With newer helpers, and with the binaries that came since. With `options` it does those from now on, without it does what it did before. A job of low priority becomes one of normal priority.",
        tags: ["jobs"],
        params: IdParameter,
        querystring: Type.Object({ options: Type.Optional(OptionList) }, { additionalProperties: false }),
        response: answers(
          { 202: json("The job, queued again.", reference(Job), { location: Type.String() }) },
          "job_not_found",
          "invalid_parameter",
          "options_invalid",
          "job_running",
          "job_cancelled",
          "core_lost",
        ),
      },
    },
    async (request, reply): Promise<Job> => {
      const { id } = request.params;
      const { options } = request.query;
      const job = await jobs.requeue(request.caller.project, id, options === undefined ? null : parseOptions(options));
      if (job === null) throw noSuchJob(id);
      const handed = await queue.add(queuedJob(job));
      await changes.announce(id);
      request.log.info({ job_id: id, queue: handed }, "job_reanalyzed");
      reply.code(202).header("location", job.links.self);
      return job;
    },
  );

  app.delete(
    "/v1/jobs/:id",
    {
      config: { scope: "submit" },
      schema: {
        operationId: "deleteJob",
        summary: "Cancel the job, delete its core and its report",
        tags: ["jobs"],
        params: IdParameter,
        response: answers({ 204: empty("It is gone.") }, "job_not_found", "invalid_parameter"),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (!(await jobs.delete(request.caller.project, id))) throw noSuchJob(id);
      // The row is gone, so no worker can store a result; the queue only ends the work sooner.
      await queue.cancel(id);
      await changes.announce(id);
      // What fails here is tried again by the next round of housekeeping.
      await sweepBlobs().catch((error: unknown) => request.log.warn({ err: error }, "blobs_not_swept"));
      request.log.info({ job_id: id }, "job_deleted");
      return reply.code(204).send();
    },
  );
}
