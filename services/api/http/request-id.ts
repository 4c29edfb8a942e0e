/** The id that a request bears in logs and answers: the caller's own when it is well formed, else a new one. */
import type { IncomingMessage } from "node:http";
import { v7 as uuid } from "uuid";

const wellFormed = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;

export function requestIdOf(request: Pick<IncomingMessage, "headers">): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && wellFormed.test(given) ? given : uuid();
}
