/** Headers on every answer: its request id, and what keeps a browser from doing more with it than showing it. */
import type { FastifyReply, FastifyRequest } from "fastify";

const always: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  // Reports hold what was in a dead process's memory: no cache keeps them.
  "cache-control": "no-store",
};

export async function addHeaders(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header("x-request-id", request.id);
  for (const [name, value] of Object.entries(always)) reply.header(name, value);
}
