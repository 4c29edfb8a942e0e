/** What a request's head alone is enough to refuse it for, before a byte of its body is asked for. */
import type { FastifyRequest } from "fastify";
import { Failure } from "../../contract/failure.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Bytes that the body may have; Fastify's own limit where the route leaves the reading to it. */
    largestBody?: number;
  }
}

/** `onRequest` hook. */
export async function refuseLargeBodies(request: FastifyRequest): Promise<void> {
  if (request.is404) return;
  const { config, bodyLimit } = request.routeOptions;
  const limit = config.largestBody ?? bodyLimit;
  const length = Number(request.headers["content-length"] ?? 0);
  if (limit !== undefined && length > limit)
    throw new Failure("upload_too_large", `Content-Length: ${length} is more than the ${limit} bytes that this call takes.`);
}

/** Throws `length_required` or `unsupported_media_type` for what cannot be an upload. */
export function requireUpload(request: Pick<FastifyRequest, "headers">, types: readonly string[], hint: string): void {
  const { headers } = request;
  const given = (headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (headers["transfer-encoding"] === undefined && headers["content-length"] === undefined) {
    throw new Failure("length_required", "The request has neither Content-Length nor Transfer-Encoding, so it has no body.");
  }
  if (!types.includes(given)) {
    const told = given === "" ? "The request has no Content-Type" : `Content-Type: ${given} is not taken here`;
    throw new Failure("unsupported_media_type", `${told}; this call takes ${types.join(" or ")}.`, { hint });
  }
  const encoding = headers["content-encoding"]?.toLowerCase() ?? "identity";
  if (encoding !== "identity")
    throw new Failure("unsupported_media_type", `Content-Encoding: ${encoding.slice(0, 50)} is not taken here.`, { hint: "Send the file as it is." });
}
