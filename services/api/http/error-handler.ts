/** The one error handler: every error becomes problem details; what is not expected is logged with its stack, and only there. */
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { asFailure } from "./fault.ts";
import { problemOf, problemType, retryAfterOf } from "./problem.ts";

export function handleError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const failure = asFailure(error);
  const event = { code: failure.code, status: failure.status, stage: failure.stage };
  if (failure.code === "upload_aborted") request.log.info(event, "request_aborted");
  else if (failure.status >= 500) request.log.error({ ...event, err: failure.cause ?? failure }, "request_failed");
  else request.log.debug({ ...event, detail: failure.message }, "request_refused");

  const retryAfter = retryAfterOf(failure);
  if (retryAfter !== null) reply.header("retry-after", retryAfter);
  if (failure.status === 401) reply.header("www-authenticate", 'Bearer realm="inquest"');
  // As text: a serialiser could only lose fields here.
  reply
    .code(failure.status)
    .type(problemType)
    .send(JSON.stringify(problemOf(failure, request.id)));
}
