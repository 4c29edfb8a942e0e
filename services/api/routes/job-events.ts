/** `GET /v1/jobs/{id}/events`: what happens to the job, as it happens. */
import { Readable } from "node:stream";
import { Type } from "typebox";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { eventStream } from "../event-stream.ts";
import { answers, empty } from "../schema/answers.ts";
import { IdParameter, noSuchJob } from "../schema/id-parameter.ts";
import { hasEnded, untilGone } from "../waiting.ts";

const heartbeatMs = 15_000;

const example = 'id: 3\nevent: progress\ndata: {"status":"running","stage":"debug","percent":40,"at":"2026-11-23T04:05:06.789Z"}\n\n';

export function jobEventsRoute(app: App, { jobs, changes }: Dependencies, closing: AbortSignal): void {
  app.get(
    "/v1/jobs/:id/events",
    {
      config: { scope: "read" },
      schema: {
        operationId: "watchJob",
        summary: "The job's events",
        description:
          "Server-sent events `status` and `progress`, from the first one or from the one after `Last-Event-ID`; the stream ends after the last one.",
        tags: ["jobs"],
        params: IdParameter,
        headers: Type.Object({
          "last-event-id": Type.Optional(Type.String({ pattern: "^\\d{0,9}$", description: "The `id` of the last event that was seen." })),
        }),
        response: answers(
          {
            200: { description: "The events.", content: { "text/event-stream": { schema: Type.String(), examples: { progress: { value: example } } } } },
            204: empty("The job has ended and all its events were seen: do not ask again."),
          },
          "job_not_found",
          "invalid_parameter",
        ),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { project } = request.caller;
      const after = Number(request.headers["last-event-id"] ?? 0);
      const stored = await jobs.get(project, id);
      if (stored === null) throw noSuchJob(id);
      if (hasEnded(stored.job.status) && (await jobs.events(id, after)).length === 0) return reply.code(204).send();
      const present = untilGone(reply, closing);
      const stream = Readable.from(eventStream({ jobs, changes, project, id, after, signal: present.signal, heartbeatMs }), {
        objectMode: true,
        highWaterMark: 16,
      });
      stream.once("close", () => present[Symbol.dispose]());
      reply.header("x-accel-buffering", "no").type("text/event-stream; charset=utf-8");
      return reply.send(stream);
    },
  );
}
