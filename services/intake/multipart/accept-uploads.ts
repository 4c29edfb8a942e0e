/** Lets a scope's routes read their own bodies: forms by @fastify/multipart, everything else as the raw stream. */
import multipart from "@fastify/multipart";
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawServerDefault } from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";

/** Between parser and file, at each of two places. */
const WINDOW = 64 * 1024;

const formOptions = {
  isPartAFile: () => true,
  preservePath: true,
  throwFileSizeLimit: false,
  highWaterMark: WINDOW,
  fileHwm: WINDOW,
  // Counted by intake, which refuses at once.
  limits: { fileSize: Number.POSITIVE_INFINITY, parts: Number.POSITIVE_INFINITY, files: Number.POSITIVE_INFINITY, headerPairs: 32 },
} as const;

/** A Fastify scope, whatever its logger and its type provider. */
type Scope<Logger extends FastifyBaseLogger, Provider extends FastifyTypeProvider> = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  Logger,
  Provider
>;

export function acceptUploads<Logger extends FastifyBaseLogger, Provider extends FastifyTypeProvider>(scope: Scope<Logger, Provider>): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _payload, done) => done(null, null));
  void scope.register(multipart, formOptions);
}
